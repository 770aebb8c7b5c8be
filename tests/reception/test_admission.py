"""What a client may do, by where it comes from."""

from ipaddress import ip_network

from heloise.reception.admission import AdmissionPolicy
from heloise.world import Endpoint, UnixEndpoint

OLD, NEW = ip_network("192.0.2.77"), ip_network("192.0.2.0/24")


def mends(policy: AdmissionPolicy, host: str) -> bool:
    return policy.admit(Endpoint(host, 30000)).mends_line_endings


def test_line_endings_are_mended_for_whom_the_first_section_says_so() -> None:
    policy = AdmissionPolicy(keywords=frozenset(), line_endings=(((OLD,), True), ((NEW,), False)))
    assert mends(policy, "192.0.2.77")
    assert not mends(policy, "192.0.2.78")
    assert not mends(policy, "198.51.100.7")
    assert not policy.admit(UnixEndpoint("/run/socket")).mends_line_endings


def test_a_section_that_comes_later_does_not_count_for_who_is_in_an_earlier_one() -> None:
    policy = AdmissionPolicy(keywords=frozenset(), line_endings=(((NEW,), False), ((OLD,), True)))
    assert not mends(policy, "192.0.2.77")


def test_a_client_on_a_unix_socket_counts_as_127_0_0_1() -> None:
    policy = AdmissionPolicy(keywords=frozenset(), line_endings=(((ip_network("127.0.0.1"),), True),))
    assert policy.admit(UnixEndpoint("/run/socket")).mends_line_endings
