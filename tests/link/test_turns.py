"""Whose turn it is: those who ask for much wait for the others, and nobody waits for nothing."""

import asyncio
from collections.abc import Awaitable, Callable

from heloise.link.serve import ServerConversation
from heloise.link.turns import AHEAD, LOOK, REST, Caller, Turns
from heloise.smtp.registry import discover
from heloise.smtp.server import ServerSession
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import Endpoint, Stream
from tests.link.test_serve import _Polite

_SERVER = Endpoint("192.0.2.1", 25)


def _busy(caller: Caller, *, taken: int = 0) -> Caller:
    caller.spent, caller.taken = LOOK, taken
    caller.look(caller.since + 0.01)
    return caller


def test_a_client_that_is_alone_is_never_made_to_wait() -> None:
    assert not _busy(Turns().enter("192.0.2.1")).is_heavy


def test_who_asks_for_much_beside_others_is_heavy_until_he_asks_for_less() -> None:
    turns = Turns()
    turns.enter("192.0.2.2")
    caller = _busy(turns.enter("192.0.2.1"))
    assert caller.is_heavy
    caller.spent = LOOK
    caller.look(caller.since + 10)
    assert not caller.is_heavy


def test_who_has_messages_taken_is_not_heavy_however_busy_he_is() -> None:
    turns = Turns()
    turns.enter("192.0.2.2")
    assert not _busy(turns.enter("192.0.2.1"), taken=1).is_heavy


def test_a_client_is_remembered_between_two_sessions() -> None:
    turns = Turns()
    turns.enter("192.0.2.2")
    caller = _busy(turns.enter("192.0.2.1"))
    turns.leave(caller)
    assert turns.present == 1
    assert turns.enter("192.0.2.1") is caller


def test_clients_without_a_session_are_forgotten_when_there_are_too_many() -> None:
    turns = Turns()
    stays = turns.enter("192.0.2.1")
    for number in range(10_000):
        turns.leave(turns.enter(str(number)))
    assert turns.enter("192.0.2.1") is stays
    assert len(turns._callers) < 5000


def test_who_has_had_less_is_called_first_however_many_sessions_the_other_has() -> None:
    async def scenario() -> list[str]:
        turns, called = Turns(), list[str]()
        greedy, modest = turns.enter("greedy"), turns.enter("modest")
        greedy.finish = modest.finish + 2 * AHEAD

        async def one(caller: Caller) -> None:
            await turns.wait(caller, 1)
            called.append(caller.name)

        await asyncio.gather(*[one(greedy) for _ in range(5)], *[one(modest) for _ in range(2)])
        return called

    assert asyncio.run(scenario()) == ["modest"] * 2 + ["greedy"] * 5


def test_one_is_called_in_each_round_of_the_event_loop() -> None:
    async def scenario() -> None:
        turns = Turns()
        caller, rounds = turns.enter("192.0.2.1"), 0
        waiting = [asyncio.ensure_future(turns.wait(caller, 1)) for _ in range(20)]
        while not all(each.done() for each in waiting):
            before = sum(each.done() for each in waiting)
            await asyncio.sleep(0)
            rounds += 1
            assert sum(each.done() for each in waiting) <= before + 1
        assert rounds >= 20

    asyncio.run(scenario())


def test_who_was_cancelled_in_the_line_holds_nobody_up() -> None:
    async def scenario() -> None:
        turns = Turns()
        caller = turns.enter("192.0.2.1")
        first = asyncio.ensure_future(turns.wait(caller, 1))
        second = asyncio.ensure_future(turns.wait(caller, 1))
        await asyncio.sleep(0)
        first.cancel()
        await second

    asyncio.run(scenario())


async def _rounds(count: int) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


def test_heavy_callers_rest_while_a_message_is_stored_but_not_for_ever() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        turns = Turns()
        turns.enter("192.0.2.2")
        heavy = _busy(turns.enter("192.0.2.1"))
        await turns.wait(heavy, 1)
        turns.storing += 1
        waiting = [asyncio.ensure_future(turns.wait(heavy, 1)) for _ in range(3)]
        for done in range(3):
            await _rounds(20)
            assert sum(each.done() for each in waiting) == done
            await asyncio.sleep(REST)
        await asyncio.gather(*waiting)

    run_simulated(scenario, seed=1)


def test_heavy_callers_go_on_at_once_when_the_message_is_stored() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        turns = Turns()
        turns.enter("192.0.2.2")
        heavy = _busy(turns.enter("192.0.2.1"))
        await turns.wait(heavy, 1)
        turns.storing += 1
        waiting = asyncio.ensure_future(turns.wait(heavy, 1))
        await _rounds(5)
        assert not waiting.done()
        turns.storing -= 1
        turns.go_on()
        await _rounds(5)
        assert waiting.done()

    run_simulated(scenario, seed=1)


def test_others_in_line_come_before_heavy_callers_and_end_their_rest_for_nobody() -> None:
    async def scenario(world: SimulatedWorld) -> list[str]:
        turns, called = Turns(), list[str]()
        light, heavy = turns.enter("light"), _busy(turns.enter("heavy"))

        async def one(caller: Caller) -> None:
            await turns.wait(caller, 1)
            called.append(caller.name)

        await one(heavy)
        turns.storing += 1
        resting = [asyncio.ensure_future(one(heavy)) for _ in range(2)]
        await _rounds(5)
        await asyncio.gather(*[one(light) for _ in range(3)])
        await asyncio.gather(*resting)
        return called

    assert run_simulated(scenario, seed=1) == ["heavy", "light", "light", "light", "heavy", "heavy"]


def test_a_heavy_caller_has_one_share_of_their_line_however_long_it_has_waited() -> None:
    async def scenario() -> list[str]:
        turns, called = Turns(), list[str]()
        turns.enter("light")
        many, one = _busy(turns.enter("many")), _busy(turns.enter("one"))

        async def wait(caller: Caller) -> None:
            await turns.wait(caller, AHEAD)
            called.append(caller.name)

        await asyncio.gather(*[wait(many) for _ in range(6)], *[wait(one) for _ in range(3)])
        return called

    assert sorted(asyncio.run(scenario())[:6]) == ["many"] * 3 + ["one"] * 3


def _serve(turns: Turns) -> Callable[[Stream], Awaitable[None]]:
    async def serve(stream: Stream) -> None:
        assert isinstance(stream.peer, Endpoint)
        session = ServerSession(hostname="mx.test", registry=discover())
        await ServerConversation(session, stream, _Polite(), turns.enter(stream.peer.host)).run()

    return serve


def test_a_client_with_little_to_say_is_answered_in_the_middle_of_a_flood() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        server = world.host("mx.test", _SERVER.host)
        await server.world.network.listen(_SERVER, _serve(Turns()))
        flood = await world.host("a.test", "192.0.2.2").world.network.connect(_SERVER, timeout=10)
        honest = await world.host("b.test", "192.0.2.3").world.network.connect(_SERVER, timeout=10)
        await flood.receive(), await honest.receive()
        flood.send(b"NOOP\r\n" * 20_000)
        await asyncio.sleep(1e-6)
        honest.send(b"EHLO b.test\r\n")
        assert (await honest.receive()).startswith(b"250-mx.test")
        heard = 0
        while heard < 20_000:  # nothing of the flood is lost by waiting
            heard += (await flood.receive()).count(b"\n")

    run_simulated(scenario, seed=1)
