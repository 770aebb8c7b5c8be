"""Where passports are kept: a SQLite database of its own, `passport.db`, of which any part may be lost.

A page has what was told of one owner, a message or a session, within about a second; it is one row, since a row for
each entry would cost more than the mail. Ids begin with their time, so pages are written where others were just
written, and the oldest are a range. There is no index of addresses: looking for one reads the pages, the newest first.

One that is damaged is set aside under another name, and a new one is begun. Everything here blocks.
"""

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import apsw

from heloise.mail.ids import new_message_id
from heloise.passport.entries import Accepted, Ended, Entry, Facts
from heloise.queue.statements import insert_rows
from heloise.world import Files

FORMAT = 1
# Seconds since the epoch, kept as whole microseconds: nothing in JSON takes as long as to write a fraction as short as
# it can be. Archives of before have fractions, which stay.
_TIMES = ("at", "begun", "next_try")
PRUNE_INTERVAL = 60.0  # seconds between two looks for what is too old
_AT_ONCE = 5000  # pages that are removed at a time, so that writing goes on
_DAMAGED = (apsw.CorruptError, apsw.NotADBError)
_SCHEMA = (
    "CREATE TABLE page(owner TEXT, number INTEGER, entries TEXT, PRIMARY KEY(owner, number)) STRICT, WITHOUT ROWID",
    "CREATE TABLE bundle(first TEXT PRIMARY KEY, passports INTEGER) STRICT, WITHOUT ROWID",
)
_encode = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False, check_circular=False).encode


class ArchiveFault(Exception):
    """The passports can not be written or read; the text says why."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Retention:
    """How long passports are kept, in seconds, and how many of them at most, roughly."""

    keep: float = 30 * 86400.0
    messages: int = 1_000_000


class Archive:
    """The database in `directory`, opened when it is needed; `vfs` and `exclusive` as in `heloise.queue.shard`.

    While the disk has less than `minimum_free` octets nothing is written: the room that is left is for mail.
    """

    def __init__(
        self,
        directory: str,
        files: Files,
        retention: Retention | None = None,
        *,
        vfs: str | None = None,
        exclusive: bool = False,
        minimum_free: int = 0,
    ) -> None:
        self._minimum_free = minimum_free
        self.path = f"{directory}/passport.db"
        self._directory = directory
        self._files = files
        self.retention = retention if retention is not None else Retention()
        self._vfs = vfs
        self._exclusive = exclusive
        self._connection: apsw.Connection | None = None
        self._number = 0
        self._pruned = float("-inf")
        self._set_aside: str | None = None

    def write(self, entries: Sequence[Entry], now: float) -> str | None:
        """Keep these; `now` in seconds since the epoch. What a damaged database was renamed to, when there was one.

        Raises ArchiveFault.
        """
        self._set_aside = None
        self._leave_room()
        pages, born = _pages(entries)
        try:
            try:
                self._write(pages, born, now)
            except _DAMAGED:
                self._put_aside(now)
                self._write(pages, born, now)
        except (apsw.Error, OSError) as error:
            self.close()
            raise ArchiveFault(str(error) or type(error).__name__) from error
        return self._set_aside

    def entries(self, owner: str) -> list[Facts]:
        """What was told of a message or session, in order. Raises ArchiveFault."""
        rows = self._ask("SELECT entries FROM page WHERE owner = ? ORDER BY number", (owner,))
        return [facts for (text,) in rows for facts in _decoded(text)]

    def search(self, address: str) -> Iterator[str]:
        """Owners of pages in which `address` (in lower case) may stand, the newest first. Raises ArchiveFault."""
        question = "SELECT owner FROM page WHERE instr(lower(entries), ?) > 0 ORDER BY owner DESC, number DESC"
        for (owner,) in self._ask(question, (_encode(address)[1:-1],)):
            yield owner

    def close(self) -> None:
        """Idempotent."""
        connection, self._connection = self._connection, None
        if connection is not None:
            with suppress(apsw.Error):
                connection.close(force=True)

    # What follows is not for others.

    def _leave_room(self) -> None:
        if not self._minimum_free:
            return
        try:
            free = self._files.free_octets(self._directory.rpartition("/")[0])  # its own may not be there yet
        except OSError as error:
            raise ArchiveFault(str(error)) from error
        if free < self._minimum_free:
            raise ArchiveFault(f"the disk has {free} octets left, which are for mail; nothing is kept meanwhile")

    def _ask(self, question: str, values: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
        if self._connection is None and not self._files.exists(self.path):
            return  # to ask must not make one
        try:
            yield from self._opened().execute(question, values)
        except (apsw.Error, OSError) as error:
            raise ArchiveFault(str(error) or type(error).__name__) from error

    def _write(self, pages: dict[str, list[Facts]], born: int, now: float) -> None:
        connection = self._opened(now)
        rows = []
        # By the time, so that nobody has to look for the last one, and two who write have one order.
        self._number = max(self._number, int(now * 1_000_000))
        for owner, told in pages.items():
            self._number += 1
            rows.append((owner, self._number, _encoded(told)))
        with connection:
            insert_rows(connection, "page", rows, verb="INSERT OR IGNORE")
            if born:
                self._count(connection, min(pages), born)
        if now - self._pruned >= PRUNE_INTERVAL:
            self._prune(connection, now)

    def _count(self, connection: apsw.Connection, first: str, born: int) -> None:
        """Count them in bundles: about a hundred of all that are kept, so that the sum is soon made."""
        size = max(1, self.retention.messages // 100)
        last: list[Any] = connection.execute(
            "SELECT first, passports FROM bundle ORDER BY first DESC LIMIT 1"
        ).fetchall()
        if last and last[0][1] < size:
            connection.execute("UPDATE bundle SET passports = passports + ? WHERE first = ?", (born, last[0][0]))
        else:
            connection.execute(
                "INSERT INTO bundle VALUES(?1, ?2) ON CONFLICT(first) DO UPDATE SET passports = passports + ?2",
                (first, born),
            )

    def _prune(self, connection: apsw.Connection, now: float) -> None:
        bundles: list[Any] = connection.execute("SELECT first, passports FROM bundle ORDER BY first").fetchall()
        oldest: str = new_message_id(max(0.0, now - self.retention.keep), bytes(4))
        left = sum(count for _, count in bundles)
        for (_, count), (following, _) in pairwise(bundles):
            left -= count
            if left < self.retention.messages:
                break
            oldest = max(oldest, following)
        with connection:
            connection.execute(
                "DELETE FROM page WHERE (owner, number) IN"
                " (SELECT owner, number FROM page WHERE owner < ? ORDER BY owner LIMIT ?)",
                (oldest, _AT_ONCE),
            )
            done = connection.changes() < _AT_ONCE
            if done:
                connection.execute("DELETE FROM bundle WHERE first < ?", (oldest,))
        self._pruned = now if done else self._pruned

    def _opened(self, now: float = 0.0) -> apsw.Connection:
        if self._connection is None:
            try:
                self._connection = self._open()
            except _DAMAGED:
                self._put_aside(now)
                self._connection = self._open()
        return self._connection

    def _open(self) -> apsw.Connection:
        self._files.make_directory(self._directory)  # nobody else's: it tells who writes to whom
        connection = apsw.Connection(self.path, vfs=self._vfs)
        try:
            connection.set_busy_timeout(2000)
            if self._exclusive:
                connection.pragma("locking_mode", "exclusive")
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", "normal")  # a crash may cost the last seconds, and harms nothing else
            found = int(connection.pragma("user_version"))
            if found > FORMAT:
                raise OSError(f"{self.path} has format {found}, this program knows up to {FORMAT}")
            if found == 0:
                with connection:
                    for statement in _SCHEMA:
                        connection.execute(statement)
                    connection.pragma("user_version", FORMAT)
        except BaseException:
            with suppress(apsw.Error):
                connection.close(force=True)
            raise
        return connection

    def _put_aside(self, now: float) -> None:
        """Keep what is damaged for whoever wants to look at it; only the last of them."""
        self.close()
        self._set_aside = f"{self.path}.damaged"
        self._files.rename(self.path, self._set_aside)
        for suffix in ("-wal", "-shm"):
            if self._files.exists(self.path + suffix):
                self._files.remove(self.path + suffix)


def _pages(entries: Iterable[Entry]) -> tuple[dict[str, list[Facts]], int]:
    """What each owner gets, and how many passports begin: those of messages, and of sessions that brought none."""
    pages: dict[str, list[Facts]] = {}
    born = 0
    for entry in entries:
        pages.setdefault(entry.owner, []).append(entry.facts())
        if isinstance(entry, Accepted):
            born += 1
            if entry.session:
                pages.setdefault(entry.session, []).append({"at": entry.at, "event": "brought", "message": entry.owner})
        elif isinstance(entry, Ended):
            born += not any(facts["event"] == "brought" for facts in pages[entry.owner])
    return pages, born


def _encoded(told: list[Facts]) -> str:
    for facts in told:
        _convert(facts, float, _microseconds)
    return _encode(told)


def _decoded(text: str) -> list[Facts]:
    try:
        told = list(json.loads(text))
        for facts in told:
            _convert(facts, int, _seconds)
    except (ValueError, TypeError, AttributeError):
        return [{"at": 0.0, "event": "unreadable"}]
    return told


def _convert(facts: Facts, kind: type, by: Callable[[Any], Any]) -> None:
    """Times of this kind, those of outcomes too, in place."""
    for name in _TIMES:
        value = facts.get(name)
        if type(value) is kind:
            facts[name] = by(value)
    for outcome in facts.get("outcomes", ()):
        _convert(outcome, kind, by)


def _microseconds(seconds: float) -> int:
    return round(seconds * 1_000_000)


def _seconds(microseconds: int) -> float:
    return microseconds / 1_000_000
