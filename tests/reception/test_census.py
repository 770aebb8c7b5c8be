"""How many sessions there may be: in all, from a client, and from a network."""

from heloise.mail.reply import Reply
from heloise.reception.census import UNIX, Census


def _refused(reply: Reply | None) -> bool:
    return reply is not None and reply.code == 421


def test_a_few_clients_can_not_take_all_there_is() -> None:
    census = Census(total=400, per_client=100)
    taken = {name: sum(not _refused(census.enter(name)) for _ in range(100)) for name in ("192.0.2.1", "192.0.2.2")}
    assert taken == {"192.0.2.1": 100, "192.0.2.2": 100}
    for _ in range(100):
        census.enter("192.0.2.3")
    assert _refused(census.enter("192.0.2.3"))
    census.leave("192.0.2.3")
    for _ in range(8):
        assert census.enter("192.0.2.4") is None
    refused = census.enter("192.0.2.4")
    assert refused is not None
    assert dict(refused.cause.inputs) == {"client": "192.0.2.4", "limit": "8"}
    assert census.enter("192.0.2.5") is None
    assert census.enter(UNIX) is None


def test_where_there_are_few_sessions_in_all_one_client_may_have_them() -> None:
    census = Census(total=20, per_client=100)
    assert all(census.enter("192.0.2.1") is None for _ in range(20))
    assert _refused(census.enter("192.0.2.2"))


def test_of_a_client_that_is_turned_away_over_and_over_is_told_once_a_minute() -> None:
    census = Census(total=1, per_client=1)
    told = [census.turned_away("192.0.2.1", now) for now in (0.0, 1.0, 2.0, 61.0, 62.0)]
    assert told == [1, 0, 0, 3, 0]
    assert census.turned_away("192.0.2.2", 3.0) == 1


def test_an_ipv6_client_is_its_64() -> None:
    census = Census(total=1, per_client=1)
    assert census.client_of("2001:db8::1") == census.client_of("2001:db8::2") == "2001:db8::/64"
    assert census.client_of("192.0.2.1") == "192.0.2.1"
