"""Destinations in simulated time: hidden limits, starvation, sessions that are kept open, splitting."""

import asyncio
from itertools import cycle

import pytest

from heloise.delivery.allowance import Bounds
from heloise.delivery.deliverer import DeliveryOptions
from heloise.delivery.rate import Rate
from heloise.queue.schedule import RetrySchedule
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import ResolverFault
from tests.delivery.house import House, open_house, open_peer
from tests.delivery.providers import FixedLimit, SlidingLimit, open_provider
from tests.delivery.test_deliverer import in_a_house

MINUTE, HOUR = 60.0, 3600.0


@pytest.mark.parametrize(
    ("limit", "verb"),
    [
        (SlidingLimit, "MAIL"),
        pytest.param(SlidingLimit, "", marks=pytest.mark.slow),
        pytest.param(FixedLimit, "MAIL", marks=pytest.mark.slow),
        pytest.param(FixedLimit, "", marks=pytest.mark.slow),
    ],
)
def test_a_hidden_limit_is_found_and_kept_to(limit: type[SlidingLimit], verb: str) -> None:
    allowed = 20

    async def scenario(house: House) -> None:
        clock = house.host.world.clock.now
        peer = await open_provider(house.simulation, "big.test", "192.0.2.9", limit(allowed, MINUTE, verb, clock))
        peer.one_message_a_session = not verb
        start = clock()
        for minute in range(75):
            for number in range(allowed * 5 if minute == 0 else allowed):
                await house.submit((f"<x{minute}.{number}@big.test>", "smtp:192.0.2.9:25"))
            await asyncio.sleep(start + (minute + 1) * MINUTE - clock())
        hour = peer.taken_between(start + 15 * MINUTE, start + 75 * MINUTE)
        assert 0.8 <= hour / (60 * allowed) <= 1.0
        assert peer.refused < 0.04 * len(peer.taken_at)
        (view,) = house.deliverer.destinations()
        assert view.pace is not None
        assert 0.8 * allowed < view.pace < 1.1 * allowed

    in_a_house(scenario)


def test_a_limit_that_is_written_down_is_never_touched() -> None:
    async def scenario(house: House) -> None:
        clock = house.host.world.clock.now
        peer = await open_provider(house.simulation, "big.test", "192.0.2.9", SlidingLimit(20, MINUTE, "MAIL", clock))
        start = clock()
        for number in range(300):
            await house.submit((f"<x{number}@big.test>", "smtp:192.0.2.9:25"))
        await asyncio.sleep(11 * MINUTE)
        assert peer.refused == 0
        assert peer.taken_between(start + MINUTE, start + 11 * MINUTE) >= 180
        assert (await house.waiting())[0].attempts == 0

    options = DeliveryOptions(bounds_of=lambda names: Bounds(rate=Rate(20, 60)))
    in_a_house(scenario, options=options)


def crowd_of(messages: int) -> None:
    async def run(world: SimulatedWorld) -> None:
        house = await open_house(world, on_disk=True)
        await open_peer(world, "slow.test", "192.0.2.8", {"EHLO": ""})
        await open_peer(world, "mute.test", "192.0.2.7", {"": ""})
        fast = await open_peer(world, "fast.test", "192.0.2.9")
        clock = house.host.world.clock.now
        for number in range(messages):
            site = ("192.0.2.8:25", "192.0.2.7:25", "192.0.2.66:25")[number % 3]
            await house.submit((f"<x{number}@site.test>", f"smtp:{site}"))
        for wait in (0, 10, 100, 1000):
            await asyncio.sleep(wait)
            start, before = clock(), len(fast.messages)
            await house.submit(("<x@fast.test>", "smtp:192.0.2.9:25"))
            while len(fast.messages) == before:  # noqa: ASYNC110 - time is virtual
                await asyncio.sleep(0.1)
            assert clock() - start < 3
        await house.stop()
        await house.queue.close()

    run_simulated(run)


@pytest.mark.slow
def test_a_thousand_messages_for_dead_and_slow_sites_do_not_hold_up_one_for_a_live_one() -> None:
    crowd_of(1000)


@pytest.mark.slow
def test_nor_do_ten_thousand() -> None:
    crowd_of(10_000)


def test_a_hundred_messages_to_one_host_take_few_connections() -> None:
    async def scenario(house: House) -> None:
        peer = await open_provider(house.simulation, "big.test", "192.0.2.9")
        for number in range(100):
            await house.submit((f"<x{number}@big.test>", "smtp:192.0.2.9:25"))
        await house.settled(100)
        assert len(peer.messages) == 100
        assert peer.connections <= 20
        assert peer.said("QUIT") == []
        await asyncio.sleep(10)
        assert len(peer.said("QUIT")) == peer.connections  # nobody is kept waiting for us

    in_a_house(scenario)


def test_messages_one_after_the_other_take_one_connection() -> None:
    async def scenario(house: House) -> None:
        peer = await open_provider(house.simulation, "big.test", "192.0.2.9")
        for number in range(10):
            await house.submit((f"<x{number}@big.test>", "smtp:192.0.2.9:25"))
            await house.settled(number + 1)
        assert (peer.connections, len(peer.messages)) == (1, 10)
        await asyncio.sleep(10)
        await house.submit(("<late@big.test>", "smtp:192.0.2.9:25"))
        await house.settled(11)
        assert peer.connections == 2

    in_a_house(scenario)


@pytest.mark.parametrize("farewell", [None, "421 4.4.2 idle for too long"])
def test_a_session_that_died_while_idle_is_no_failure_of_the_message(farewell: str | None) -> None:
    async def scenario(house: House) -> None:
        peer = await open_provider(house.simulation, "big.test", "192.0.2.9")
        if farewell is None:
            peer.one_message_a_session = True
        else:
            turns = cycle((None, farewell))  # every second transaction is refused, and the session ended
            peer.refuse_by(lambda line: next(turns) if line[:4] == "MAIL" else None)
        for number in range(10):
            await house.submit((f"<x{number}@big.test>", "smtp:192.0.2.9:25"))
            await house.settled(number + 1)
        assert {action for _, action, _ in house.journal.attempts} == {"relayed"}
        assert (peer.connections, len(peer.messages)) == (10, 10)

    in_a_house(scenario)


@pytest.mark.parametrize("extensions", [(), ("LIMITS RCPTMAX=10",)])
def test_a_peer_that_takes_ten_recipients_gets_transactions_of_ten_in_one_session(extensions: tuple[str, ...]) -> None:
    async def scenario(house: House) -> None:
        peer = await open_provider(house.simulation, "big.test", "192.0.2.9", extensions=extensions)
        peer.most_recipients = 10
        await house.submit(*((f"<x{number}@big.test>", "smtp:192.0.2.9:25") for number in range(35)))
        await house.settled(35)
        assert {action for _, action, _ in house.journal.attempts} == {"relayed"}
        assert (peer.connections, len(peer.messages)) == (1, 4)
        assert len(peer.said("RCPT")) == (35 if extensions else 35 + 25 + 15 + 5)

    in_a_house(scenario)


def test_a_peer_that_takes_few_domains_in_a_transaction_gets_few() -> None:
    async def scenario(house: House) -> None:
        peer = await open_provider(house.simulation, "big.test", "192.0.2.9", extensions=("LIMITS RCPTDOMAINMAX=1",))
        await house.submit(*((f"<x{number}@d{number % 3}.test>", "smtp:192.0.2.9:25") for number in range(9)))
        await house.settled(9)
        assert (peer.connections, len(peer.messages), len(peer.said("RCPT"))) == (1, 3, 9)

    in_a_house(scenario)


def test_domains_with_the_same_exchangers_share_a_transaction_and_a_line() -> None:
    async def scenario(house: House) -> None:
        peer = await open_provider(house.simulation, "big.test", "192.0.2.9")
        for domain in ("one.test", "two.test", "three.test"):
            house.simulation.zones.add_mail_exchanger(domain, 10, "BIG.test")
        await house.submit(*((f"<x@{name}.test>", f"mx:{name}.test") for name in ("one", "two", "three")))
        await house.settled(3)
        assert (len(peer.messages), len(peer.said("MAIL"))) == (1, 1)
        (view,) = house.deliverer.destinations()
        assert view.name == "big.test:25"
        assert view.routes == ("mx:one.test",)

    in_a_house(scenario)


def test_a_domain_whose_name_servers_are_silent_does_not_hold_up_the_others() -> None:
    async def scenario(house: House) -> None:
        peer = await open_provider(house.simulation, "big.test", "192.0.2.9")
        house.simulation.zones.fail("silent.test", ResolverFault.TIMED_OUT)
        start = house.host.world.clock.now()
        await house.submit(("<x@big.test>", "mx:big.test"), ("<x@silent.test>", "mx:silent.test"))
        await asyncio.sleep(3)
        assert len(peer.messages) == 1
        await house.settled(2)
        assert house.host.world.clock.now() - start < 15
        assert house.journal.attempts[1][1:] == ("delayed", "451 4.4.3 The name servers of silent.test do not answer")

    in_a_house(scenario)


def test_onex_is_promised_only_when_nothing_else_waits() -> None:
    async def scenario(house: House) -> None:
        peer = await open_provider(house.simulation, "big.test", "192.0.2.9", extensions=("ONEX",))
        await house.submit(("<x@big.test>", "smtp:192.0.2.9:25"))
        await house.settled(1)
        assert len(peer.said("ONEX")) == 1
        for number in range(30):
            await house.submit((f"<x{number}@big.test>", "smtp:192.0.2.9:25"))
        await house.settled(31)
        assert len(peer.messages) == 31
        assert len(peer.said("ONEX")) <= 2

    in_a_house(scenario)


def test_a_dead_address_is_remembered_while_another_one_serves() -> None:
    async def scenario(house: House) -> None:
        def refuse(line: str) -> str | None:
            return "421 4.3.2 down for repair" if line == "" else None

        dead = await open_provider(house.simulation, "dead.test", "192.0.2.8", refuse)
        alive = await open_provider(house.simulation, "alive.test", "192.0.2.9")
        house.simulation.zones.add_mail_exchanger("dom.test", 10, "dead.test")
        house.simulation.zones.add_mail_exchanger("dom.test", 20, "alive.test")
        for number in range(20):
            await house.submit(("<x@dom.test>", "mx:dom.test"))
            await house.settled(number + 1)
        assert (dead.connections, len(alive.messages)) == (1, 20)
        await asyncio.sleep(40)
        await house.submit(("<x@dom.test>", "mx:dom.test"))
        await house.settled(21)
        assert dead.connections == 2

    in_a_house(scenario)


def test_a_dead_host_is_probed_by_one_connection_at_a_time() -> None:
    async def scenario(house: House) -> None:
        dead = await open_provider(house.simulation, "dead.test", "192.0.2.8", lambda line: "421 4.3.2 down")
        for number in range(200):
            await house.submit((f"<x{number}@dead.test>", "smtp:192.0.2.8:25"))
        await asyncio.sleep(20)
        assert dead.connections <= 4
        await asyncio.sleep(HOUR)
        assert dead.connections <= 4 + 8  # pauses of 30 seconds, one minute, two, and so on
        assert all(each.attempts >= 3 for each in await house.waiting())

    in_a_house(scenario)


def test_a_busy_host_spends_no_retries_of_those_that_wait_behind_the_first() -> None:
    async def scenario(house: House) -> None:
        busy = False
        peer = await open_provider(
            house.simulation,
            "big.test",
            "192.0.2.9",
            lambda line: "421 4.7.0 slow down" if busy and line[:4] == "MAIL" else None,
        )
        await house.submit(("<x@big.test>", "smtp:192.0.2.9:25"))
        await house.settled(1)
        busy = True
        await house.submit(("<y@big.test>", "smtp:192.0.2.9:25"))
        await house.settled(2)
        for number in range(5):
            await house.submit((f"<z{number}@big.test>", "smtp:192.0.2.9:25"))
        await asyncio.sleep(5)
        (view,) = house.deliverer.destinations()
        assert (view.waiting, view.why, view.last_reply) == (5, "it asked for a pause", "421 4.7.0 slow down")
        busy = False
        await asyncio.sleep(6 * MINUTE)
        assert len(peer.messages) == 7
        assert peer.refused == 1

    in_a_house(scenario)


@pytest.mark.slow
def test_a_message_behind_a_slow_destination_is_warned_of_and_given_up_in_time() -> None:
    async def scenario(house: House) -> None:
        await open_provider(house.simulation, "big.test", "192.0.2.9")
        for number in range(130):
            await house.submit((f"<x{number}@big.test> NOTIFY=FAILURE", "smtp:192.0.2.9:25"), sender="<a@client.test>")
        await asyncio.sleep(2 * 24 * HOUR)
        given_up = [text for _, action, text in house.journal.attempts if action == "failed"]
        delivered = [action for _, action, _ in house.journal.attempts if action == "relayed"]
        assert len(delivered) + len(given_up) == 130
        assert len(delivered) >= 24
        assert {text[:9] for text in given_up} == {"554 5.4.7"}
        assert house.journal.faults == []

    options = DeliveryOptions(
        bounds_of=lambda names: Bounds(rate=Rate(1, HOUR)) if "192.0.2.9:25" in names else Bounds(),
        schedule=RetrySchedule(expire_after=24 * HOUR),
        backlog_per_route=10,
    )
    in_a_house(scenario, options=options)


def test_mail_to_a_new_host_and_to_one_that_works_waits_for_no_silent_ones() -> None:
    async def scenario(house: House) -> None:
        silent = [f"192.0.2.{number}" for number in range(20, 60)]
        for number, address in enumerate(silent):
            await open_peer(house.simulation, f"silent{number}.test", address, {"": ""})
        working = await open_provider(house.simulation, "big.test", "192.0.2.9")
        new = await open_provider(house.simulation, "new.test", "192.0.2.10")
        await house.submit(("<x@big.test>", "smtp:192.0.2.9:25"))
        await house.settled(1)
        for address in silent * 3:
            await house.submit(("<x@silent.test>", f"smtp:{address}:25"))
        await asyncio.sleep(HOUR)  # each has been tried, and waits for the greeting again
        for number in range(30):
            await house.submit((f"<x{number}@big.test>", "smtp:192.0.2.9:25"))
        await house.submit(("<x@new.test>", "smtp:192.0.2.10:25"))
        await asyncio.sleep(5)
        assert len(working.messages) == 31
        assert len(new.messages) == 1
        assert (await house.queue.counts()).messages == 120
        assert house.journal.faults == []

    in_a_house(scenario, options=DeliveryOptions(attempts=20))
