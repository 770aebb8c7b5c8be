"""The embedded store: one SQLite database (a shard) with one owner, through apsw. The argument is in README.md.

WAL with synchronous=FULL: a commit returns after its frames are synced. All changes go through one `Writer`; listings
have a connection of their own, so that they never hold up a commit. Never open a live shard with the sqlite3 module of
Python: SQLite before 3.51.3 has a race when the WAL is reset.
"""

import fcntl
import os
from collections.abc import Callable, Sequence
from typing import TypeVar

import apsw

from heloise.mail.content import Content, MemoryContent
from heloise.mail.ids import MessageId
from heloise.queue import statements
from heloise.queue.errors import StoreFault
from heloise.queue.leases import Leases
from heloise.queue.model import (
    Lease,
    NewMessage,
    QueueCounts,
    QueuedMessage,
    QueuedRecipient,
    RecipientState,
    Selection,
    Settlement,
)
from heloise.queue.schema import migrate
from heloise.queue.spool import SpoolContent, remove_spool_files
from heloise.queue.writer import Writer, as_store_error
from heloise.world import Blocking, World

T = TypeVar("T")


class SqliteStore:
    """A store in `directory`: queue.db, the spool of large contents, and the lock of the owner.

    `vfs` names an apsw VFS (the simulated disk has one; there is no lock file then); `exclusive` keeps the WAL index
    in memory, for a VFS without shared memory.
    """

    def __init__(self, directory: str, world: World, *, vfs: str | None = None, exclusive: bool = False) -> None:
        self._directory = directory
        self.spool_directory = f"{directory}/spool"
        self._world = world
        self._vfs = vfs
        self._exclusive = exclusive
        self._lane: Blocking = world.blocking.lane("queue")
        self._reading: Blocking = self._lane if exclusive else world.blocking.lane("queue-reader")
        self._lock: int | None = None
        self._connection: apsw.Connection | None = None
        self._reader: apsw.Connection | None = None
        self._writer: Writer | None = None
        self._leases = Leases()
        self._next_message = 1
        self._next_recipient = 1

    async def open(self) -> None:
        """See `QueueStore.open`."""
        try:
            await self._lane.run(self._open)
        except Exception as error:
            raise as_store_error(error) from error
        assert self._connection is not None
        self._writer = Writer(self._connection, self._lane)

    async def close(self) -> None:
        """See `QueueStore.close`."""
        writer, self._writer = self._writer, None
        if writer is not None:
            await writer.finish()
        await self._lane.run(self._close)
        await self._lane.close()
        if self._reading is not self._lane:
            await self._reading.close()

    async def insert(self, message: NewMessage, *, leased_until: float | None = None) -> QueuedMessage:
        """See `QueueStore.insert`."""
        number, queued = self._number(message, leased_until)
        await self._write().do(lambda connection: statements.insert(connection, message, number, queued))
        if leased_until is not None:
            self._leases.give((each.id for each in queued.recipients), leased_until)
        return queued

    async def insert_many(self, messages: Sequence[NewMessage]) -> None:
        """See `QueueStore.insert_many`."""
        numbered = [(message, *self._number(message, None)) for message in messages]

        def operation(connection: apsw.Connection) -> None:
            for message, number, queued in numbered:
                statements.insert(connection, message, number, queued)

        await self._write().do(operation)

    async def lease(self, *, now: float, until: float, limit: int) -> tuple[Lease, ...]:
        """See `QueueStore.lease`."""
        expired = self._leases.take_expired(now)
        rows = await self._write().do(
            lambda connection: statements.lease(connection, now=now, until=until, limit=limit, expired=expired)
        )
        leases = tuple(
            Lease(message=message, content=self._content(message, octets, spool), until=until)
            for message, octets, spool in rows
        )
        self._leases.give((each.id for lease in leases for each in lease.message.recipients), until)
        return leases

    async def settle(self, settlement: Settlement) -> None:
        """See `QueueStore.settle`."""
        numbered = [(report, *self._number(report, None)) for report in settlement.reports]
        spool = await self._write().do(
            lambda connection: statements.settle(connection, settlement.message_id, settlement.changes, numbered)
        )
        for change in settlement.changes:
            self._leases.end(change.recipient_id)
        self._sweep(spool)

    async def next_due(self) -> float | None:
        """See `QueueStore.next_due`."""
        due = await self._read(statements.next_due)
        known = [moment for moment in (due, self._leases.next_end()) if moment is not None]
        return min(known, default=None)

    async def list(
        self, selection: Selection, *, limit: int, after: MessageId | None = None
    ) -> tuple[QueuedMessage, ...]:
        """See `QueueStore.list`."""
        return await self._read(
            lambda connection: statements.list_messages(connection, selection, limit=limit, after=after)
        )

    async def content(self, message_id: MessageId) -> Content | None:
        """See `QueueStore.content`."""
        found = await self._read(lambda connection: statements.content(connection, message_id))
        return None if found is None else self._content(*found)

    async def count(self, selection: Selection) -> int:
        """See `QueueStore.count`."""
        return await self._read(lambda connection: statements.count(connection, selection))

    async def counts(self) -> QueueCounts:
        """See `QueueStore.counts`."""
        return await self._read(lambda connection: statements.counts(connection, len(self._leases)))

    async def hold(self, selection: Selection) -> int:
        """See `QueueStore.hold`."""
        return await self._change(selection, RecipientState.WAITING, RecipientState.HELD, None)

    async def release(self, selection: Selection, *, due: float) -> int:
        """See `QueueStore.release`."""
        return await self._change(selection, RecipientState.HELD, RecipientState.WAITING, due)

    async def retry(self, selection: Selection, *, due: float) -> int:
        """See `QueueStore.retry`."""
        return await self._change(selection, RecipientState.WAITING, RecipientState.WAITING, due)

    async def remove(self, selection: Selection) -> int:
        """See `QueueStore.remove`."""
        removed, spool = await self._write().do(lambda connection: statements.remove(connection, selection))
        self._sweep(*spool)
        return removed

    # What follows is not for others.

    async def _change(self, selection: Selection, old: RecipientState, new: RecipientState, due: float | None) -> int:
        return await self._write().do(lambda connection: statements.change(connection, selection, old, new, due))

    def _write(self) -> Writer:
        if self._writer is None:
            raise StoreFault("the queue is closed")
        return self._writer

    async def _read(self, operation: Callable[[apsw.Connection], T]) -> T:
        if self._reader is None:
            raise StoreFault("the queue is closed")
        try:
            return await self._reading.run(operation, self._reader)
        except Exception as error:
            raise as_store_error(error) from error

    def _number(self, message: NewMessage, leased_until: float | None) -> tuple[int, QueuedMessage]:
        """Give row ids, which are counted here so that no insert has to ask for them."""
        submission, number = message.submission, self._next_message
        self._next_message += 1
        first, self._next_recipient = self._next_recipient, self._next_recipient + len(submission.routes)
        start = submission.hints.not_before or submission.origin.received_at
        recipients = tuple(
            QueuedRecipient(
                id=first + index,
                recipient=recipient,
                route=route,
                state=RecipientState.WAITING if leased_until is None else RecipientState.LEASED,
                due=start if leased_until is None else leased_until,
            )
            for index, (recipient, route) in enumerate(
                zip(submission.envelope.recipients, submission.routes, strict=True)
            )
        )
        return number, QueuedMessage(
            message_id=submission.message_id,
            reverse_path=submission.envelope.reverse_path,
            parameters=submission.envelope.parameters,
            origin=submission.origin,
            facts=message.facts,
            hints=submission.hints,
            accepted_at=submission.origin.received_at,
            recipients=recipients,
        )

    def _content(self, message: QueuedMessage, octets: bytes | None, spool: str | None) -> Content:
        if spool is None:
            return MemoryContent(octets if octets is not None else b"")
        path = f"{self.spool_directory}/{spool}"
        return SpoolContent(self._world.files, self._world.blocking, path, message.facts.size)

    def _sweep(self, *names: str | None) -> None:
        """Remove the files of messages that are gone. What a crash leaves is swept at the next open."""
        gone = [name for name in names if name is not None]
        if gone:
            remove_spool_files(self._world.files, self.spool_directory, gone)

    def _open(self) -> None:
        files = self._world.files
        files.make_directory(self.spool_directory)
        self._take_lock()
        try:
            self._connection = self._connect()
            migrate(self._connection)
            self._reader = self._connection if self._exclusive else self._connect()
            statements.give_leases_back(self._connection, self._world.clock.now())
            self._next_message, self._next_recipient = statements.next_numbers(self._connection)
            named = statements.spool_names(self._connection)
            self._sweep(*(name for name in files.names(self.spool_directory) if name not in named))
        except BaseException:
            self._close()
            raise

    def _connect(self) -> apsw.Connection:
        connection = apsw.Connection(f"{self._directory}/queue.db", vfs=self._vfs)
        connection.set_busy_timeout(10_000)
        if self._exclusive:
            connection.pragma("locking_mode", "exclusive")
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "full")
        connection.pragma("wal_autocheckpoint", 4000)
        connection.pragma("temp_store", "memory")
        return connection

    def _take_lock(self) -> None:
        """One owner. The kernel drops the lock when the owner dies, however it dies."""
        if self._vfs is not None:
            return
        descriptor = os.open(f"{self._directory}/queue.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            owner = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreFault(f"the queue in {self._directory} is in use by process {owner}") from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._lock = descriptor

    def _close(self) -> None:
        for connection in {self._reader, self._connection} - {None}:
            assert connection is not None
            connection.close()
        self._reader = self._connection = None
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None
