"""Who may ask for which waiting mail."""

from ipaddress import ip_network

import pytest

from heloise.mail.cause import Cause, Rule
from heloise.reception.on_request import (
    EtrnGrant,
    EtrnPolicy,
    NamedQueue,
    OnDemandSite,
    Pace,
    domains_on_demand,
)

CUSTOMER, STRANGER = "192.0.2.7", "198.51.100.7"
POLICY = EtrnPolicy(
    everybody=EtrnGrant(domains=("open.test",), rule=Rule("heloise.toml", 1)),
    grants=(
        EtrnGrant(
            networks=(ip_network("192.0.2.0/24"), ip_network("127.0.0.1")),
            domains=("a.test", ".b.test", "#night"),
            rule=Rule("heloise.toml", 2),
        ),
    ),
    queues={"night": NamedQueue(domains=("c.test", ".d.test")), "day": NamedQueue(domains=("e.test",))},
    local=frozenset({"local.test"}),
)


@pytest.mark.parametrize(
    ("kind", "node", "started"),
    [
        ("", "a.test", ("a.test",)),
        ("", "x.b.test", ("x.b.test",)),
        ("@", "x.b.test", ("@x.b.test",)),
        ("@", "b.test", ("@b.test",)),
        ("#", "night", ("c.test", "@d.test")),
    ],
)
def test_a_client_starts_the_nodes_that_are_his(kind: str, node: str, started: tuple[str, ...]) -> None:
    assert POLICY.decide(CUSTOMER, kind, node) == started
    assert POLICY.decide("unix", kind, node) == started


@pytest.mark.parametrize(
    ("kind", "node"), [("", "x.a.test"), ("", "b.test"), ("@", "a.test"), ("", "open.test"), ("#", "day")]
)
def test_a_client_does_not_start_what_is_not_his(kind: str, node: str) -> None:
    refusal = POLICY.decide(CUSTOMER, kind, node)
    assert isinstance(refusal, Cause)
    assert refusal.rule == Rule("heloise.toml", 2)


def test_everybody_else_has_what_is_open_to_all() -> None:
    assert POLICY.decide(STRANGER, "", "open.test") == ("open.test",)
    refusal = POLICY.decide(STRANGER, "", "a.test")
    assert isinstance(refusal, Cause)
    assert refusal.rule == Rule("heloise.toml", 1)


def test_who_may_name_every_node_may_name_every_queue_there_is_and_no_local_domain() -> None:
    policy = EtrnPolicy(queues=POLICY.queues, local=POLICY.local)
    assert policy.decide(STRANGER, "#", "day") == ("e.test",)
    assert isinstance(policy.decide(STRANGER, "#", "noon"), Cause)
    assert isinstance(policy.decide(STRANGER, "", "local.test"), Cause)


def test_a_site_has_the_domains_of_all_entries_for_its_address() -> None:
    sites = (
        OnDemandSite(networks=(ip_network("192.0.2.7"),), domains=("a.test",), rule=Rule("heloise.toml", 3)),
        OnDemandSite(networks=(ip_network("192.0.2.0/24"),), domains=("b.test",)),
    )
    assert domains_on_demand(sites, CUSTOMER) == {"a.test": Rule("heloise.toml", 3), "b.test": None}
    assert not domains_on_demand(sites, STRANGER)


def test_a_node_is_started_for_a_client_once_in_an_interval() -> None:
    pace = Pace(30.0)
    pace.started(CUSTOMER, "a.test", 100.0)
    assert pace.wait(CUSTOMER, "a.test", 110.0) == 20.0
    assert pace.wait(CUSTOMER, "b.test", 110.0) == 0.0
    assert pace.wait(STRANGER, "a.test", 110.0) == 0.0
    assert pace.wait(CUSTOMER, "a.test", 130.0) == 0.0


def test_old_starts_are_forgotten_when_there_are_many() -> None:
    pace = Pace(30.0)
    for number in range(20_001):
        pace.started(CUSTOMER, f"{number}.test", number / 100)
    assert pace.wait(CUSTOMER, "20000.test", 201.0) > 0
    assert len(pace._started) <= 10_001
