"""The table of MX situations, by the real resolver and by the simulated one."""

import asyncio
from collections import Counter
from dataclasses import replace

import dns.zone
import pytest
from dns.rdtypes.ANY.CNAME import CNAME
from dns.rdtypes.ANY.MX import MX
from dns.rdtypes.IN.A import A
from dns.rdtypes.IN.AAAA import AAAA

from heloise.delivery.next_hop import NextHopGroup, NextHops, NoNextHop, find_next_hops, resolve_next_hops
from heloise.mail.route import Route
from heloise.net import DnsResolver, real_world
from heloise.testing import FaultPlan, FaultRates, SimulatedWorld, run_simulated
from heloise.testing.dns import Zones
from heloise.world import Endpoint, ResolverFault, World
from tests.delivery.mx_table import OURSELVES, RECORDS, TABLE, TROUBLES, Situation
from tests.dns_server import DnsServer

NAMES = [situation.name for situation in TABLE]
_FAULTS = {
    "servfail": ResolverFault.SERVER_FAILURE,
    "refused": ResolverFault.SERVER_FAILURE,
    "silent": ResolverFault.TIMED_OUT,
}


async def found(situation: Situation, world: World) -> NextHops:
    return await resolve_next_hops(Route.parse(situation.route), world, own_names=OURSELVES)


def is_as_expected(hops: NextHops, expected: str) -> bool:
    """Are these the hops, in an order that is allowed?"""
    if isinstance(hops, NoNextHop):
        return str(hops.reply.status) == expected
    left = [hop.endpoint.host for hop in hops if isinstance(hop.endpoint, Endpoint)]
    for level in expected.split(" > "):
        blocks = [block.split("+") for block in level.split(" = ")]
        while blocks:
            first = next((block for block in blocks if sorted(left[: len(block)]) == sorted(block)), None)
            if first is None:
                return False
            blocks.remove(first)
            del left[: len(first)]
    return not left


def test_the_real_resolver_finds_the_next_hops() -> None:
    """In one test, and all at the same time but for the silent ones: those cost their whole patience."""

    async def look(world: World, situations: list[Situation]) -> list[str]:
        async def wrong(situation: Situation) -> list[str]:
            first, second = await found(situation, world), await found(situation, world)
            right = is_as_expected(first, situation.expected)
            right = right and is_as_expected(second, situation.again or situation.expected)
            return [] if right else [f"{situation.name}: {first}, {second}"]

        return [text for texts in await asyncio.gather(*map(wrong, situations)) for text in texts]

    async def main() -> None:
        silent = [each for each in TABLE if any("silent" in words for _, words in each.troubles)]
        async with DnsServer(RECORDS, TROUBLES) as server:
            world = replace(real_world(), resolver=DnsResolver([server.endpoint]))
            assert await look(world, [each for each in TABLE if each not in silent]) == []
            hasty = replace(world, resolver=DnsResolver([server.endpoint], lifetime=0.4))
            assert await look(hasty, silent) == []

    assert len(TABLE) > 60
    asyncio.run(main())


UNTROUBLED = [each for each in TABLE if not each.troubles and "broken.test" not in each.records]
# The others need no name server: literals, hosts given by address, what can not be a name.
ASKING = [each for each in UNTROUBLED if each.route.startswith("mx:") and "[" not in each.route and each.records]


async def look_up(
    situations: list[Situation], words: list[str], **options: float
) -> tuple[list[NextHops], Counter[str]]:
    """What the real resolver finds when each question meets these troubles; what was asked."""
    async with DnsServer(RECORDS, {"*": words}) as server:
        world = replace(real_world(), resolver=DnsResolver([server.endpoint], **options))
        return list(await asyncio.gather(*(found(each, world) for each in situations))), server.asked


def test_the_table_is_the_same_when_every_answer_is_truncated_and_asked_for_by_tcp() -> None:
    hops, asked = asyncio.run(look_up(UNTROUBLED, ["truncated"]))
    wrong = [
        each.name for each, found in zip(UNTROUBLED, hops, strict=True) if not is_as_expected(found, each.expected)
    ]
    assert wrong == []
    assert sum(count for question, count in asked.items() if question.endswith(" tcp")) > 60


@pytest.mark.slow
def test_the_table_is_the_same_when_the_first_packet_for_every_name_is_lost() -> None:
    hops, _ = asyncio.run(look_up(UNTROUBLED, ["silent", "ok"], lifetime=30.0))
    wrong = [
        each.name for each, found in zip(UNTROUBLED, hops, strict=True) if not is_as_expected(found, each.expected)
    ]
    assert wrong == []


@pytest.mark.parametrize("words", [["servfail"], ["refused"], ["silent"], ["cut"]], ids=lambda words: words[0])
def test_no_next_hop_is_missing_for_good_when_all_name_servers_are_in_trouble(words: list[str]) -> None:
    hops, _ = asyncio.run(look_up(ASKING, words, lifetime=0.5))
    assert {str(each.reply.status) if isinstance(each, NoNextHop) else "found" for each in hops} == {"4.4.3"}
    assert len(ASKING) > 20


def fill(zones: Zones) -> None:
    """The records of the table, and the troubles of it that a resolver without packets can have."""
    for name, _, data in dns.zone.from_text(RECORDS, ".", relativize=False, check_origin=False).iterate_rdatas():
        match data:
            case A() | AAAA():
                zones.add_addresses(name.to_text(), [data.address])
            case MX():
                zones.add_mail_exchanger(name.to_text(), data.preference, data.exchange.to_text(omit_final_dot=True))
            case CNAME():
                zones.add_alias(name.to_text(), data.target.to_text())
            case _:
                zones.add_addresses(name.to_text(), [])
    for trouble, words in TROUBLES.items():
        fault = _FAULTS.get(words[0])
        if fault is not None:
            zones.fail(trouble, fault, times=1 if len(words) > 1 else None)


def in_simulation(situation: Situation, *, seed: int = 0) -> tuple[NextHops, NextHops]:
    async def scenario(simulation: SimulatedWorld) -> tuple[NextHops, NextHops]:
        fill(simulation.zones)
        world = simulation.host("here.test", "203.0.113.1").world
        return await found(situation, world), await found(situation, world)

    return run_simulated(scenario, seed=seed)


SIMULATED = [situation for situation in TABLE if not any(words[0] == "ok" for _, words in situation.troubles)]


@pytest.mark.parametrize("situation", SIMULATED, ids=[situation.name for situation in SIMULATED])
def test_the_simulated_resolver_finds_the_same(situation: Situation) -> None:
    first, second = in_simulation(situation)
    assert is_as_expected(first, situation.expected), first
    assert is_as_expected(second, situation.again or situation.expected), second


@pytest.mark.parametrize("rates", [FaultRates(server_failure=0.3), FaultRates(resolver_time_out=0.3)])
def test_no_trouble_of_the_dns_makes_a_wrong_next_hop_or_a_failure_for_good(rates: FaultRates) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        fill(simulation.zones)
        world = simulation.host("here.test", "203.0.113.1").world
        # That an exchanger has an address of ours nobody can tell when the address can not be found.
        for situation in (each for each in SIMULATED if "our address" not in each.name):
            hops = await found(situation, world)
            if isinstance(hops, NoNextHop):
                assert str(hops.reply.status) in (situation.expected, situation.again, "4.4.3"), situation.name
            else:
                text = f"{situation.expected} {situation.again}"
                assert all(isinstance(hop.endpoint, Endpoint) and hop.endpoint.host in text for hop in hops)

    for seed in range(5):
        run_simulated(scenario, seed=seed, faults=FaultPlan(rates=rates))


def test_equal_exchangers_share_the_work_and_worse_ones_get_none() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        fill(simulation.zones)
        world = simulation.host("here.test", "203.0.113.1").world
        firsts: Counter[str] = Counter()
        for _ in range(60):
            hops = await resolve_next_hops(Route.parse("mx:s4.test"), world)
            assert not isinstance(hops, NoNextHop)
            firsts[hops[0].name] += 1
        assert set(firsts) == {"a.test", "b.test"}
        assert min(firsts.values()) > 15

    run_simulated(scenario)


def test_answers_are_asked_for_again_only_when_their_time_is_over() -> None:
    async def main() -> None:
        records = "$TTL 300\nlong.test. MX 10 a.test.\na.test. A 192.0.2.1\nshort.test. 0 MX 10 a.test.\n"
        async with DnsServer(records) as server:
            world = replace(real_world(), resolver=DnsResolver([server.endpoint]))
            for name in ("long.test", "short.test", "gone.test"):
                for _ in range(3):
                    await resolve_next_hops(Route.parse(f"mx:{name}"), world)
            assert server.asked["long.test. MX udp"] == 1
            assert server.asked["a.test. A udp"] == 1
            assert server.asked["short.test. MX udp"] == 3

    asyncio.run(main())


def test_a_question_over_tcp_follows_a_truncated_answer() -> None:
    async def main() -> None:
        large = "".join(f"large.test. 300 AAAA 2001:db8::11:{number:x}\n" for number in range(1, 30))
        async with DnsServer(f"{RECORDS}\n{large}", {"a.test": ["truncated"]}) as server:
            resolver = DnsResolver([server.endpoint])
            assert await resolver.addresses("a.test") == ("192.0.2.1",)
            assert len(await resolver.addresses("large.test")) == 29
            assert server.asked["a.test. A tcp"] == server.asked["large.test. AAAA tcp"] == 1

    asyncio.run(main())


def test_the_same_exchangers_are_the_same_destination_whatever_the_dns_left_out() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        fill(simulation.zones)
        simulation.zones.add_mail_exchanger("other.test", 1, "B.test")
        simulation.zones.add_mail_exchanger("other.test", 2, "a.test")
        world = simulation.host("here.test", "203.0.113.1").world
        two, other = [await find_next_hops(Route.parse(f"mx:{name}"), world) for name in ("s2.test", "other.test")]
        simulation.zones.fail("a.test", ResolverFault.SERVER_FAILURE)
        half = await find_next_hops(Route.parse("mx:s2.test"), world)
        assert isinstance(two, NextHopGroup)
        assert isinstance(other, NextHopGroup)
        assert isinstance(half, NextHopGroup)
        assert two.names == other.names == half.names == ("a.test:25", "b.test:25")
        assert two.levels == half.levels != other.levels

    run_simulated(scenario)
