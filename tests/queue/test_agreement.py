"""The store in memory is the shortest description of a store: after any calls, the SQLite store has the same."""

import asyncio
import random
from collections.abc import Awaitable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from heloise.mail.hints import Hints
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route
from heloise.net import real_world
from heloise.queue.errors import StoreFault
from heloise.queue.memory import MemoryStore
from heloise.queue.model import (
    DueRecipient,
    LastWord,
    Lease,
    QueuedMessage,
    QueuedRecipient,
    QueueStore,
    RecipientState,
    Redirection,
    Selection,
    Settlement,
    Touched,
)
from heloise.queue.sqlite import SqliteStore
from heloise.testing.queue_contract import change, new_message

DOMAINS = ("example.org", "sub.example.org", "notexample.org", "example.net")
STATES = (RecipientState.DELIVERED, RecipientState.FAILED, RecipientState.WAITING, RecipientState.WAITING)
EVERYTHING = Selection()


class _SomeSeconds:
    """Passes over what was accepted in an even second, or in an odd one: numbers are not the same in both stores."""

    def __init__(self, parity: int, later: float) -> None:
        self.put_off: list[tuple[str, float]] = []
        self._parity = parity
        self._later = later

    def until(self, due: DueRecipient) -> float | None:
        return None if due.accepted_at % 2 == self._parity else self._later

    def told(self, put_off: Sequence[tuple[str, float]]) -> None:
        self.put_off += put_off


class Twins:
    """Both stores, and calls drawn from a seed that are made to both."""

    def __init__(self, sqlite: QueueStore, seed: int) -> None:
        self.stores: tuple[QueueStore, QueueStore] = (MemoryStore(), sqlite)
        self._random = random.Random(seed)
        self._now = 1000.0
        self._serial = 0
        # Given at some time; some have run out or were settled long ago.
        self._leased: list[tuple[QueuedMessage, QueuedMessage]] = []

    async def open(self) -> None:
        for store in self.stores:
            await store.open()

    async def step(self) -> None:
        self._now += self._random.choice((0.0, 1.0, 7.0))
        calls = (self._insert, self._lease, self._lease, self._settle, self._settle, self._settle, self._operate)
        await self._random.choice(calls)()
        await self._compare()

    async def _both(self, memory: Awaitable[object], sqlite: Awaitable[object]) -> list[Any]:
        results: list[Any] = list(await asyncio.gather(memory, sqlite, return_exceptions=True))
        for result in results:
            if isinstance(result, BaseException) and not isinstance(result, StoreFault):
                raise result
        first, second = (type(result) if isinstance(result, StoreFault) else _plain(result) for result in results)
        assert first == second
        return results

    async def _insert(self) -> None:
        self._serial += self._random.random() < 0.9  # else there is one of this id, unless it is gone
        hints = Hints(not_before=self._now + 5) if self._random.random() < 0.3 else Hints()
        new = new_message(f"M{self._serial}", *self._addresses(), at=self._now, sender=self._sender(), hints=hints)
        until = self._now + self._random.choice((0.0, 3.0, 20.0)) if self._random.random() < 0.3 else None
        memory, sqlite = self.stores
        first, second = await self._both(memory.insert(new, leased_until=until), sqlite.insert(new, leased_until=until))
        if until is not None and isinstance(first, QueuedMessage):
            self._leased.append((first, second))

    async def _lease(self) -> None:
        until, limit = self._now + self._random.choice((0.0, 3.0, 20.0)), self._random.choice((1, 2, 5, 100))
        memory, sqlite = self.stores
        parity, later = self._random.choice((0, 1)), self._now + 5
        over = [_SomeSeconds(parity, later), _SomeSeconds(parity, later)]
        passes_over = self._random.random() < 0.3
        first, second = await self._both(
            *[
                store.lease(now=self._now, until=until, limit=limit, passing_over=each if passes_over else None)
                for store, each in zip((memory, sqlite), over, strict=True)
            ]
        )
        assert sorted(over[0].put_off) == sorted(over[1].put_off)
        self._leased += [(one.message, other.message) for one, other in zip(first, second, strict=True)]

    async def _settle(self) -> None:
        if not self._leased:
            return
        messages = self._random.choice(self._leased[-8:])
        count = len(messages[0].recipients)
        plan = [
            (place, self._random.choice(STATES), self._word())
            for place in self._random.sample(range(count), self._random.randint(1, count))
        ]
        self._serial += 1
        report = new_message(f"R{self._serial}", at=self._now, sender="")
        reports = (report,) if self._random.random() < 0.3 else ()
        memory, sqlite = (
            store.settle(
                Settlement(
                    message_id=message.message_id,
                    changes=tuple(
                        change(message.recipients[place], state, due=self._now + 4, word=word)
                        for place, state, word in plan
                    ),
                    reports=reports,
                )
            )
            for store, message in zip(self.stores, messages, strict=True)
        )
        await self._both(memory, sqlite)

    async def _operate(self) -> None:
        chosen, due = self._selection(), self._now + self._random.choice((0.0, 6.0))
        memory, sqlite = self.stores
        told: tuple[list[Touched], list[Touched]] = ([], [])
        path = self._random.choice((None, ForwardPath.parse(b"<new@example.org>")))
        redirection = Redirection(route=Route.parse("smtp:elsewhere.example:25"), path=path)
        pairs = (
            (memory.hold(chosen), sqlite.hold(chosen)),
            (memory.release(chosen, due=due), sqlite.release(chosen, due=due)),
            (memory.retry(chosen, due=due), sqlite.retry(chosen, due=due)),
            (
                memory.redirect(chosen, redirection, due=due, told=told[0].extend),
                sqlite.redirect(chosen, redirection, due=due, told=told[1].extend),
            ),
            (memory.remove(chosen, told=told[0].extend), sqlite.remove(chosen, told=told[1].extend)),
            (memory.count(chosen), sqlite.count(chosen)),
            (memory.list(chosen, limit=3), sqlite.list(chosen, limit=3)),
        )
        for pair in pairs:
            if self._random.random() < 0.3:
                await self._both(*pair)
            else:
                for call in pair:
                    call.close()
        first, second = (sorted((each.message_id, each.recipient) for each in heard) for heard in told)
        assert first == second

    async def _compare(self) -> None:
        memory, sqlite = self.stores
        await self._both(memory.list(EVERYTHING, limit=1000), sqlite.list(EVERYTHING, limit=1000))
        await self._both(memory.next_due(), sqlite.next_due())
        assert await memory.counts() == await sqlite.counts()

    def _addresses(self) -> list[str]:
        count = self._random.choice((1, 1, 2, 4))
        return [f"user{number}@{self._random.choice(DOMAINS)}" for number in range(count)]

    def _sender(self) -> str:
        return self._random.choice(("alice@example.com", "carol@example.com", ""))

    def _selection(self) -> Selection:
        def perhaps(*values: str) -> str | None:
            return self._random.choice(values) if self._random.random() < 0.3 else None

        message_id = perhaps(f"M{self._serial}", f"M{self._serial // 2}")
        return Selection(
            message_id=None if message_id is None else MessageId(message_id),
            sender=perhaps("alice@example.com", "<>"),
            recipient=perhaps("user0@example.org", "USER1@example.net"),
            domain=perhaps("example.org", "@example.org", "@org", "notexample.org"),
            route=perhaps("mx:example.org", "mx:example.net"),
            state=self._random.choice((None, None, None, *RecipientState)),
            reason=perhaps("4.7.1", "GREYLISTED", "storage.full", "%", ""),
            accepted_from=self._perhaps_at(),
            accepted_before=self._perhaps_at(),
            smallest=self._random.choice((None, None, None, 27, 28)),
            size_below=self._random.choice((None, None, None, 28)),
        )

    def _perhaps_at(self) -> float | None:
        return self._now - self._random.choice((0.0, 1.0, 20.0)) if self._random.random() < 0.2 else None

    def _word(self) -> LastWord | None:
        replies = ("451 4.7.1 Greylisted", "452 4.3.1 No room for Ünsal", "450 Later")
        causes = ("peer.reply", "storage.full")
        if self._random.random() < 0.2:
            return None
        return LastWord(at=self._now, reply=self._random.choice(replies), cause=self._random.choice(causes))


def _plain(result: object) -> object:
    """What can be compared: ids are given by each store as it likes, so recipients are known by their place."""
    match result:
        case QueuedMessage(recipients=recipients):
            return result.message_id, replace(result, recipients=()), tuple(map(_plain, recipients))
        case QueuedRecipient(state=state):
            due = result.due if state in (RecipientState.WAITING, RecipientState.LEASED) else None
            return str(result.recipient.forward_path), state.name, due, replace(result, id=0, due=0.0)
        case Lease():
            return _plain(result.message), result.until
        case tuple():
            return tuple(map(_plain, result))
        case _:
            return result


def _run(path: Path, seed: int, steps: int) -> None:
    async def main() -> None:
        store = SqliteStore(str(path), real_world())
        twins = Twins(store, seed)
        await twins.open()
        try:
            for _ in range(steps):
                await twins.step()
        finally:
            await store.close()

    asyncio.run(main())


@pytest.mark.parametrize("seed", range(4))
def test_both_stores_agree(tmp_path: Path, seed: int) -> None:
    _run(tmp_path, seed, 80)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4, 44))
def test_both_stores_agree_for_long(tmp_path: Path, seed: int) -> None:
    _run(tmp_path, seed, 400)
