"""The embedded store: one SQLite database (a shard) with one owner, through apsw. The argument is in README.md.

WAL with synchronous=FULL: a commit returns after its frames are synced. All changes go through one `Writer`; listings
have a connection of their own, so that they never hold up a commit. Never open a live shard with the sqlite3 module of
Python: SQLite before 3.51.3 has a race when the WAL is reset.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from functools import partial
from typing import TypeVar

import apsw

from heloise.mail.content import Content, MemoryContent
from heloise.mail.ids import MessageId
from heloise.observe.counts import Counts
from heloise.queue import owed, questions, statements
from heloise.queue.errors import StoreFault
from heloise.queue.leases import Leases
from heloise.queue.model import (
    Lease,
    NewMessage,
    Owed,
    PassingOver,
    QueueCounts,
    QueuedMessage,
    RecipientState,
    Redirection,
    Selection,
    Settlement,
    Told,
    queued_message,
    tell_nobody,
)
from heloise.queue.passing import pass_over
from heloise.queue.rows import new_rows
from heloise.queue.settling import Settled, ToSettle
from heloise.queue.shard import Shard
from heloise.queue.spool import SpoolContent, remove_spool_files
from heloise.queue.statements import Changed, Stored
from heloise.queue.tally import Tally
from heloise.queue.writer import Writer, as_store_error
from heloise.world import Blocking, World

T = TypeVar("T")
_W, _H = RecipientState.WAITING, RecipientState.HELD
_SLICE = 2000  # recipients that an operator changes in one transaction


class SqliteStore:
    """A store in `directory`: queue.db, the spool of large contents, and the lock of the owner.

    `vfs` names an apsw VFS (the simulated disk has one; there is no lock file then); `exclusive` keeps the WAL index
    in memory, for a VFS without shared memory. Commits are counted in `counts`.
    """

    def __init__(
        self,
        directory: str,
        world: World,
        *,
        vfs: str | None = None,
        exclusive: bool = False,
        counts: Counts | None = None,
    ) -> None:
        self._counts = counts if counts is not None else Counts()
        self._shard = Shard(directory, world.files, vfs=vfs, exclusive=exclusive)
        self.spool_directory = self._shard.spool_directory
        self._world = world
        self._lane: Blocking = world.blocking.lane("queue")
        self._reading: Blocking = self._lane if exclusive else world.blocking.lane("queue-reader")
        self._writer: Writer | None = None
        self._closing: asyncio.Task[None] | None = None
        self._leases = Leases()
        self._tally = Tally()
        self._next_number = 1

    async def open(self) -> None:
        """See `QueueStore.open`."""
        try:
            await self._lane.run(self._open)
        except Exception as error:
            raise as_store_error(error) from error

    async def close(self) -> None:
        """See `QueueStore.close`."""
        if self._closing is None:
            self._closing = asyncio.create_task(self._close())
        await asyncio.shield(self._closing)  # begun is begun: the lock must not stay with who was cancelled here

    async def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.finish()
        await self._reading.close()
        if self._lane is not self._reading:
            await self._lane.close()
        await self._world.blocking.run(self._shard.close)

    async def insert(self, message: NewMessage, *, leased_until: float | None = None) -> QueuedMessage:
        """See `QueueStore.insert`."""
        queued = self._number(message, leased_until)
        until = leased_until

        def committed(_: None) -> None:
            self._tally.messages += 1
            self._tally.move(None, queued.recipients[0].state, len(queued.recipients))
            if until is not None:
                self._leases.give([each.id for each in queued.recipients], until)

        try:
            await self._write().insert([new_rows(message, queued)], committed)
        except asyncio.CancelledError:
            # It is, or will be, stored, but whoever wanted to deliver it is gone: nobody holds this lease.
            if until is not None:
                until = 0.0
                self._leases.move([each.id for each in queued.recipients], until)
            raise
        return queued

    async def insert_many(self, messages: Sequence[NewMessage]) -> None:
        """See `QueueStore.insert_many`."""
        queued = [self._number(message, None) for message in messages]

        def committed(_: None) -> None:
            for message in queued:
                self._tally.messages += 1
                self._tally.move(None, message.recipients[0].state, len(message.recipients))

        await self._write().insert([new_rows(*each) for each in zip(messages, queued, strict=True)], committed)

    async def lease(
        self, *, now: float, until: float, limit: int, passing_over: PassingOver | None = None
    ) -> tuple[Lease, ...]:
        """See `QueueStore.lease`."""
        expired = self._leases.take_expired(now)
        # Not while a lease has run out: it is due as well, and whoever is not given it now would ask for ever.
        if passing_over is not None and not expired:
            left = await self._pass_over(passing_over, now, limit)
            if left == 0:
                return ()
            limit = limit if left is None else min(limit, left)  # behind those nobody was looked at
        return await self._lease(
            lambda connection: statements.lease(connection, now=now, until=until, limit=limit, expired=expired),
            until=until,
            expired=expired,
        )

    async def _pass_over(self, passing_over: PassingOver, now: float, limit: int) -> int | None:
        passed = await self._write().do(
            lambda connection: pass_over(connection, passing_over, now, limit),
            lambda passed: passing_over.told(passed.put_off),
        )
        return passed.left

    async def _lease(
        self,
        take: Callable[[apsw.Connection], tuple[list[Stored], Tally]],
        *,
        until: float,
        expired: Sequence[int] = (),
    ) -> tuple[Lease, ...]:
        end, given = until, list[int]()

        def committed(result: tuple[list[Stored], Tally]) -> None:
            found, tally = result
            self._tally.add(tally)
            given.extend(each.id for stored in found for each in stored.message.recipients)
            self._leases.give(given, end)

        try:
            found, _ = await self._write().do(take, committed)
        except BaseException:
            # What ran out is looked at again the next time, and what was leased for somebody who is gone as well.
            end = 0.0
            self._leases.move(given, end)
            self._leases.give(expired, end)
            raise
        return tuple(Lease(message=stored.message, content=self._content(stored), until=until) for stored in found)

    async def lease_selected(
        self, selection: Selection, *, until: float, limit: int, after: int = 0
    ) -> tuple[Lease, ...]:
        """See `QueueStore.lease_selected`."""
        return await self._lease(
            lambda connection: statements.lease_selected(connection, selection, until=until, limit=limit, after=after),
            until=until,
        )

    async def settle(self, settlement: Settlement, *, can_wait: bool = False) -> None:
        """See `QueueStore.settle`."""
        reports = [new_rows(report, self._number(report, None)) for report in settlement.reports]

        def committed(settled: Settled) -> None:
            self._tally.add(settled.tally)
            for change in settlement.changes:
                self._leases.end(change.recipient_id)

        settled = await self._write().settle(ToSettle(settlement, reports), committed, can_wait=can_wait)
        if settled.spool is not None:
            await self._sweep([settled.spool])

    def renew(self, message_id: MessageId, recipients: Collection[int], *, until: float) -> None:
        """See `QueueStore.renew`."""
        self._leases.move(recipients, until)

    async def owed(self, message_id: MessageId) -> Owed | None:
        """See `QueueStore.owed`."""
        rows = await self._read(lambda connection: owed.read(connection, message_id))
        if rows is None:
            return None
        content = self._content(Stored(rows.message, rows.octets, rows.spool))
        return Owed(message=rows.message, content=content, debts=rows.debts)

    async def owing(self) -> tuple[MessageId, ...]:
        """See `QueueStore.owing`."""
        return tuple(await self._read(owed.messages))

    async def next_due(self) -> float | None:
        """See `QueueStore.next_due`."""
        due = await self._read(questions.next_due)
        known = [moment for moment in (due, self._leases.next_end()) if moment is not None]
        return min(known, default=None)

    async def list(
        self, selection: Selection, *, limit: int, after: MessageId | None = None
    ) -> tuple[QueuedMessage, ...]:
        """See `QueueStore.list`."""
        return await self._read(
            lambda connection: questions.list_messages(connection, selection, limit=limit, after=after)
        )

    async def content(self, message_id: MessageId) -> Content | None:
        """See `QueueStore.content`."""
        stored = await self._read(lambda connection: questions.content(connection, message_id))
        return None if stored is None else self._content(stored)

    async def count(self, selection: Selection) -> int:
        """See `QueueStore.count`."""
        return await self._read(lambda connection: questions.count(connection, selection))

    async def count_messages(self, selection: Selection, *, limit: int) -> int:
        """See `QueueStore.count_messages`."""
        return await self._read(lambda connection: questions.count_messages(connection, selection, limit=limit))

    async def counts(self) -> QueueCounts:
        """See `QueueStore.counts`."""
        return self._tally.counts()

    async def hold(self, selection: Selection, *, told: Told = tell_nobody) -> int:
        """See `QueueStore.hold`."""
        return await self._change(selection, (_W,), partial(statements.change, old=_W, new=_H, due=None), told)

    async def release(self, selection: Selection, *, due: float, told: Told = tell_nobody) -> int:
        """See `QueueStore.release`."""
        return await self._change(selection, (_H,), partial(statements.change, old=_H, new=_W, due=due), told)

    async def retry(self, selection: Selection, *, due: float, told: Told = tell_nobody) -> int:
        """See `QueueStore.retry`."""
        return await self._change(selection, (_W,), partial(statements.change, old=_W, new=_W, due=due), told)

    async def redirect(
        self, selection: Selection, redirection: Redirection, *, due: float, told: Told = tell_nobody
    ) -> int:
        """See `QueueStore.redirect`."""
        work = partial(statements.redirect, redirection=redirection, due=due)
        return await self._change(selection, (_W, _H), work, told)

    async def remove(self, selection: Selection, *, told: Told = tell_nobody) -> int:
        """See `QueueStore.remove`."""
        return await self._change(selection, (_W, _H), statements.remove, told)

    # What follows is not for others.

    async def _change(
        self, selection: Selection, states: tuple[RecipientState, ...], work: Callable[..., Changed], told: Told
    ) -> int:
        changed = 0
        for numbers in await self._slices(selection, states):
            done = await self._write().do(partial(work, numbers=numbers), lambda result: self._changed(result, told))
            changed += len(done.touched)
            await self._sweep(done.spool)
        return changed

    def _changed(self, done: Changed, told: Told) -> None:
        self._tally.add(done.tally)
        told(done.touched)

    async def _slices(self, selection: Selection, states: tuple[RecipientState, ...]) -> Sequence[Sequence[int]]:
        """The selected recipients, so many at a time that nobody's commit waits long for an operator's."""
        self._write()
        numbers = await self._read(lambda connection: questions.selected(connection, selection, states))
        return [numbers[start : start + _SLICE] for start in range(0, len(numbers), _SLICE)]

    def _write(self) -> Writer:
        if self._writer is None:
            raise StoreFault("the queue is closed")
        return self._writer

    async def _read(self, question: Callable[[apsw.Connection], T]) -> T:
        reader = self._shard.reader
        if reader is None or self._closing is not None:
            raise StoreFault("the queue is closed")
        try:
            return await self._reading.run(question, reader)
        except Exception as error:
            raise as_store_error(error) from error

    def _number(self, message: NewMessage, leased_until: float | None) -> QueuedMessage:
        """Give numbers; they are counted here so that no insert has to ask for them."""
        first, self._next_number = self._next_number, self._next_number + len(message.submission.routes)
        return queued_message(message, first_id=first, leased_until=leased_until)

    def _content(self, stored: Stored) -> Content:
        if stored.spool is None:
            return MemoryContent(stored.octets if stored.octets is not None else b"")
        path = f"{self.spool_directory}/{stored.spool}"
        return SpoolContent(self._world.files, self._world.blocking, path, stored.message.facts.size)

    async def _sweep(self, names: Sequence[str]) -> None:
        """Remove the files of messages that are gone. What a crash leaves is swept at the next open."""
        if names:
            await self._world.blocking.run(remove_spool_files, self._world.files, self.spool_directory, names)

    def _open(self) -> None:
        self._shard.open(self._world.clock.now())
        connection = self._shard.writer
        assert connection is not None
        self._tally = questions.tally(connection)
        self._next_number = questions.next_number(connection)
        self._writer = Writer(
            connection,
            self._lane,
            checkpoint=self._shard.checkpoint_pages(),
            counts=self._counts,
            now=self._world.clock.monotonic,
        )
