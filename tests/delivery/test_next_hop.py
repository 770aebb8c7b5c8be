"""From a route to hosts."""

import pytest

from heloise.delivery.next_hop import MAXIMUM_ADDRESSES, NextHop, NextHops, NoNextHop, resolve_next_hops
from heloise.mail.route import Route
from heloise.testing import SimulatedWorld, run_simulated
from heloise.testing.dns import Zones
from heloise.world import Endpoint, ResolverFault, UnixEndpoint


def resolved(route: str, *records: tuple[str, int, str], seed: int = 1, own: frozenset[str] = frozenset()) -> NextHops:
    async def scenario(world: SimulatedWorld) -> NextHops:
        for number, name in enumerate(dict.fromkeys(host for _, _, host in records)):
            world.zones.add_addresses(name, [f"192.0.2.{number + 1}"])
        for domain, preference, exchanger in records:
            world.zones.add_mail_exchanger(domain, preference, exchanger)
        host = world.host("mx.example.test", "192.0.2.200")
        return await resolve_next_hops(Route.parse(route), host.world, own_names=own)

    return run_simulated(scenario, seed=seed)


def names(found: NextHops) -> list[str]:
    assert not isinstance(found, NoNextHop), found
    return [hop.name for hop in found]


def status(found: NextHops) -> str:
    assert isinstance(found, NoNextHop), found
    return str(found.reply.status)


@pytest.mark.parametrize(
    ("route", "hop", "shown", "mta"),
    [
        ("smtp:mx.test:2525", NextHop(Endpoint("mx.test", 2525), "mx.test"), "mx.test.", "mx.test"),
        ("smtp:mx.test", NextHop(Endpoint("mx.test", 25), "mx.test"), "mx.test.", "mx.test"),
        ("smtp:192.0.2.1:25", NextHop(Endpoint("192.0.2.1", 25), "192.0.2.1"), "[192.0.2.1]", "[192.0.2.1]"),
        (
            "smtp:[2001:db8::1]:26",
            NextHop(Endpoint("2001:db8::1", 26), "2001:db8::1"),
            "[2001:db8::1]",
            "[2001:db8::1]",
        ),
        (
            "lmtp:unix:/run/lmtp",
            NextHop(UnixEndpoint("/run/lmtp"), "unix:/run/lmtp"),
            "unix:/run/lmtp",
            "unix:/run/lmtp",
        ),
        ("lmtp:127.0.0.1", NextHop(Endpoint("127.0.0.1", 24), "127.0.0.1"), "[127.0.0.1]", "[127.0.0.1]"),
        ("mx:[192.0.2.7]", NextHop(Endpoint("192.0.2.7", 25), "192.0.2.7"), "[192.0.2.7]", "[192.0.2.7]"),
        (
            "mx:[IPv6:2001:db8::7]",
            NextHop(Endpoint("2001:db8::7", 25), "2001:db8::7"),
            "[2001:db8::7]",
            "[2001:db8::7]",
        ),
    ],
)
def test_what_is_given_is_taken_as_it_is(route: str, hop: NextHop, shown: str, mta: str) -> None:
    assert resolved(route) == (hop,)
    assert (hop.shown, hop.mta) == (shown, mta)


def test_exchangers_are_tried_by_preference() -> None:
    records = (("d.test", 30, "c.test"), ("d.test", 10, "a.test"), ("d.test", 20, "b.test"))
    assert names(resolved("mx:d.test", *records)) == ["a.test", "b.test", "c.test"]


def test_equal_exchangers_are_shuffled() -> None:
    records = tuple(("d.test", 10, f"{letter}.test") for letter in "abcd")
    orders = {tuple(names(resolved("mx:d.test", *records, seed=seed))) for seed in range(8)}
    assert len(orders) > 2


def test_we_and_everybody_worse_are_left_out() -> None:
    records = (("d.test", 10, "a.test"), ("d.test", 20, "US.test"), ("d.test", 20, "b.test"), ("d.test", 30, "c.test"))
    assert names(resolved("mx:d.test", *records, own=frozenset({"us.test"}))) == ["a.test"]
    assert status(resolved("mx:d.test", ("d.test", 5, "us.test"), *records, own=frozenset({"us.test"}))) == "5.4.6"


def test_without_mx_the_domain_itself_is_the_exchanger() -> None:
    async def scenario(world: SimulatedWorld) -> NextHops:
        host = world.host("mx.example.test", "192.0.2.200", "2001:db8::200")
        return await resolve_next_hops(Route.parse("mx:mx.example.test"), host.world)

    found = run_simulated(scenario)
    assert found == (
        NextHop(Endpoint("192.0.2.200", 25), "mx.example.test"),
        NextHop(Endpoint("2001:db8::200", 25), "mx.example.test"),
    )


def test_a_null_mx_a_missing_domain_and_a_dead_exchanger_are_final() -> None:
    assert status(resolved("mx:d.test", ("d.test", 0, "."))) == "5.1.10"
    assert status(resolved("mx:missing.test")) == "5.1.2"

    async def dead(world: SimulatedWorld) -> NextHops:
        world.zones.add_mail_exchanger("d.test", 10, "dead.test")
        host = world.host("mx.example.test", "192.0.2.200")
        return await resolve_next_hops(Route.parse("mx:d.test"), host.world)

    assert status(run_simulated(dead)) == "5.4.4"


@pytest.mark.parametrize("fault", [ResolverFault.SERVER_FAILURE, ResolverFault.TIMED_OUT])
@pytest.mark.parametrize("broken", ["d.test", "a.test"])
def test_name_servers_in_trouble_are_asked_again_later(fault: ResolverFault, broken: str) -> None:
    def prepare(zones: Zones) -> None:
        zones.add_mail_exchanger("d.test", 10, "a.test")
        zones.fail(broken, fault)

    async def scenario(world: SimulatedWorld) -> NextHops:
        prepare(world.zones)
        host = world.host("mx.example.test", "192.0.2.200")
        return await resolve_next_hops(Route.parse("mx:d.test"), host.world)

    assert status(run_simulated(scenario)) == "4.4.3"


def test_there_is_an_end_to_the_addresses_tried() -> None:
    async def scenario(world: SimulatedWorld) -> NextHops:
        world.zones.add_mail_exchanger("d.test", 10, "a.test")
        world.zones.add_addresses("a.test", [f"192.0.2.{number}" for number in range(1, 50)])
        host = world.host("mx.example.test", "192.0.2.200")
        return await resolve_next_hops(Route.parse("mx:d.test"), host.world)

    assert len(names(run_simulated(scenario))) == MAXIMUM_ADDRESSES


@pytest.mark.parametrize("target", ["", "a:b:c", "[::1", "host:port"])
def test_a_target_that_is_none_raises(target: str) -> None:
    with pytest.raises(ValueError, match=r"route|next hop"):
        resolved(f"smtp:{target}")
