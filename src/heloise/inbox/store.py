"""A file that keeps the inbox over a restart: a SQLite database that follows what happens in memory.

What is caught is written a moment later, many messages in one transaction and away from the event loop, so a crash may
cost the last second; a stop costs nothing. The file never has more than the inbox, and memory has all of it: this is a
copy, not a second inbox. A row that can not be read is left where it is and counted. Everything in `InboxFile` blocks.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import Any

import apsw

from heloise.inbox.digest import Digest
from heloise.inbox.header import Address
from heloise.inbox.inbox import Inbox
from heloise.inbox.message import CaughtMessage, Marks
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.queue.rows import read_origin, write_origin
from heloise.world import World

FORMAT = 1
PAUSE = 0.2  # seconds from the first change until it is written
_OURS = 0x48496E62  # application_id: "HInb"
_LOADED = 500  # messages read at a time
_PEOPLE = ("from_", "to", "cc", "bcc", "reply_to")
_REST = ("subject", "message_id", "date", "attachments", "inline", "has_html", "snippet", "tags")
_SCHEMA = (
    "CREATE TABLE message(id TEXT PRIMARY KEY, envelope BLOB, origin TEXT, received_at REAL, octets BLOB,"
    " eight_bit INTEGER, is_binary INTEGER, is_read INTEGER, tags TEXT, digest TEXT, fields BLOB, words BLOB) STRICT",
)
_COLUMNS = (
    "id, envelope, origin, received_at, octets, eight_bit, is_binary, is_read, tags, digest, fields, words, rowid"
)
Row = tuple[Any, ...]


class InboxFault(Exception):
    """The file can not be used; the text says why."""


class InboxFile:
    """The database at `path`, for one process at a time."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.unreadable = 0  # rows
        self._connection: apsw.Connection | None = None

    def open(self) -> None:
        """Open it, or begin a new one. Raises InboxFault."""
        try:
            self._connection = _opened(self.path)
        except (apsw.Error, OSError) as error:
            why = "another process has it" if isinstance(error, apsw.BusyError) else str(error)
            raise InboxFault(f"{self.path}: {why or type(error).__name__}") from error

    def read(self, behind: int) -> tuple[list[CaughtMessage], int | None]:
        """Messages behind the one of this number, the oldest first, and the number of the last; None at the end."""
        try:
            rows = list(
                self._opened().execute(
                    f"SELECT {_COLUMNS} FROM message WHERE rowid > ? ORDER BY rowid LIMIT ?", (behind, _LOADED)
                )
            )
        except apsw.Error as error:
            raise InboxFault(f"{self.path}: {error}") from error
        return list(self._readable(rows)), rows[-1][-1] if rows else None

    def _readable(self, rows: Iterable[Row]) -> Iterator[CaughtMessage]:
        for row in rows:
            try:
                yield _message(row)
            except (ValueError, TypeError, KeyError, AttributeError):
                self.unreadable += 1

    def write(self, added: list[CaughtMessage], marked: list[CaughtMessage], removed: Sequence[str]) -> None:
        """Follow what has happened. Raises InboxFault."""
        connection = self._opened()
        try:
            with connection:
                connection.executemany("DELETE FROM message WHERE id = ?", [(each,) for each in removed])
                connection.executemany(f"INSERT OR REPLACE INTO message VALUES({','.join('?' * 12)})", map(_row, added))
                connection.executemany(
                    "UPDATE message SET is_read = ?, tags = ? WHERE id = ?",
                    [(int(each.marks.is_read), json.dumps(each.marks.tags), each.message_id) for each in marked],
                )
        except apsw.Error as error:
            raise InboxFault(f"{self.path}: {error}") from error

    def close(self) -> None:
        """Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(apsw.Error):
                connection.close(force=True)

    def _opened(self) -> apsw.Connection:
        if self._connection is None:
            raise InboxFault(f"{self.path} is closed")
        return self._connection


def _opened(path: str) -> apsw.Connection:
    connection = apsw.Connection(path)
    try:
        connection.pragma("locking_mode", "exclusive")
        ours, found = int(connection.pragma("application_id")), int(connection.pragma("user_version"))
        tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
        if (ours, found) not in ((0, 0), (_OURS, FORMAT)) or (ours == 0 and tables):
            raise OSError("this is no inbox, or one of a newer version")
        connection.pragma("journal_mode", "wal")
        connection.pragma("synchronous", "normal")
        if ours == 0:
            with connection:
                for statement in _SCHEMA:
                    connection.execute(statement)
                connection.pragma("application_id", _OURS)
                connection.pragma("user_version", FORMAT)
    except BaseException:
        with suppress(apsw.Error):
            connection.close(force=True)
        raise
    return connection


class InboxKeeper:
    """Makes a file follow an inbox. `told` hears what is wrong with the file; the inbox lives on without it."""

    def __init__(self, file: InboxFile, inbox: Inbox, world: World, told: Callable[[str], None]) -> None:
        self._file = file
        self._inbox = inbox
        self._lane = world.blocking.lane("inbox")
        self._told = told
        self._added: dict[MessageId, CaughtMessage] = {}
        self._marked: dict[MessageId, CaughtMessage] = {}
        self._removed: dict[MessageId, None] = {}
        self._timer: asyncio.TimerHandle | None = None
        self._writing: asyncio.Task[None] | None = None
        self._is_closed = False

    async def open(self) -> int:
        """Open the file and restore what is in it; how many messages. Raises InboxFault."""
        await self._lane.run(self._file.open)
        count, behind = 0, 0
        # What leaves while it is read, since less is kept now, leaves the file as well.
        self._inbox.on_left(self._leave)
        while True:
            messages, last = await self._lane.run(self._file.read, behind)
            for message in messages:
                self._inbox.restore(message)
            count += len(messages)
            if last is None:
                break
            behind = last
        self._inbox.on_caught(self._add)
        self._inbox.on_marked(self._mark)
        if self._file.unreadable:
            self._told(f"{self._file.path}: {self._file.unreadable} messages can not be read; they are left there")
        return count

    async def close(self) -> None:
        """Write what is left. Idempotent."""
        if self._is_closed:
            return
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        if self._writing is not None:
            await self._writing
        await self._write()
        await self._lane.run(self._file.close)
        await self._lane.close()

    def _add(self, message: CaughtMessage) -> None:
        self._removed.pop(message.message_id, None)
        self._added[message.message_id] = message
        self._changed()

    def _mark(self, message: CaughtMessage) -> None:
        if message.message_id not in self._added:
            self._marked[message.message_id] = message
            self._changed()

    def _leave(self, message: CaughtMessage) -> None:
        self._marked.pop(message.message_id, None)
        # It may be on its way into the file already, so it is removed there in any case.
        self._added.pop(message.message_id, None)
        self._removed[message.message_id] = None
        self._changed()

    def _changed(self) -> None:
        if self._timer is None and not self._is_closed:
            self._timer = asyncio.get_running_loop().call_later(PAUSE, self._begin)

    def _begin(self) -> None:
        self._timer = None
        if self._writing is None or self._writing.done():
            self._writing = asyncio.get_running_loop().create_task(self._write(), name="inbox file")
        else:
            self._changed()

    async def _write(self) -> None:
        added, marked, removed = list(self._added.values()), list(self._marked.values()), list(self._removed)
        self._added.clear()
        self._marked.clear()
        self._removed.clear()
        if not (added or marked or removed):
            return
        try:
            await self._lane.run(self._file.write, added, marked, removed)
        except InboxFault as error:
            self._told(str(error))


def _row(message: CaughtMessage) -> Row:
    digest = message.digest
    rest = {name: getattr(digest, name) for name in _REST}
    people = {name: [list(each) for each in getattr(digest, name)] for name in _PEOPLE}
    return (
        message.message_id,
        message.envelope.encode(),
        write_origin(message.origin),
        message.origin.received_at,
        message.octets,
        int(message.facts.eight_bit),
        int(message.facts.binary),
        int(message.marks.is_read),
        json.dumps(message.marks.tags),
        json.dumps({**rest, **people}),
        digest.fields,
        digest.text,
    )


def _message(row: Row) -> CaughtMessage:
    """Raises ValueError, or what comes of rows that somebody else has written."""
    message_id, envelope, origin, received_at, octets, eight_bit, binary, is_read, tags, digest, fields, words, _ = row
    message = CaughtMessage(
        message_id=MessageId(message_id),
        envelope=Envelope.parse(envelope),
        origin=read_origin(origin, received_at),
        octets=octets,
        facts=ContentFacts(size=len(octets), eight_bit=bool(eight_bit), binary=bool(binary)),
        marks=Marks(is_read=bool(is_read), tags=tuple(json.loads(tags))),
    )
    known = json.loads(digest)
    people: dict[str, Any] = {name: tuple(Address(*each) for each in known[name]) for name in _PEOPLE}
    rest: dict[str, Any] = {name: known[name] for name in _REST}
    rest["tags"] = tuple(rest["tags"])
    digest = Digest(fields=fields, text=words, **people, **rest)
    message.__dict__["digest"] = digest  # as cached_property keeps it
    return message
