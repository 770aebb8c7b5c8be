"""What greylisting remembers: a SQLite database that all processes share. Any part of it may be lost.

`judge` is the decision, pure; `Greylist` asks the database in a lane. A row more or less is no mail lost, so nothing
waits for the disk; a database that is damaged is set aside.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass

import apsw

from heloise.world import Blocking, World

_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS triplet(key BLOB PRIMARY KEY, network TEXT, first REAL, last REAL, passed INTEGER)"
    " STRICT, WITHOUT ROWID",
    "CREATE TABLE IF NOT EXISTS network(name TEXT PRIMARY KEY, good INTEGER, last REAL) STRICT, WITHOUT ROWID",
)
_PRUNE_INTERVAL = 600.0
_BUSY = 2000  # milliseconds to wait for another process
_DAMAGED = (apsw.CorruptError, apsw.NotADBError)


@dataclass(frozen=True, slots=True)
class Triplet:
    """Who sends to whom from where."""

    network: str
    sender: str
    recipient: str

    @property
    def key(self) -> bytes:
        """As it is kept: addresses themselves are not."""
        return hashlib.blake2b("\0".join((self.network, self.sender, self.recipient)).encode(), digest_size=16).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class GreylistTimes:
    """In seconds: who comes back after `wait` and within `window` may pass, and for `keep` after the last time.
    Networks with `good_after` triplets that have passed need not wait; 0 for never. At most `rows` are kept."""

    wait: float = 300.0
    window: float = 2 * 86400.0
    keep: float = 35 * 86400.0
    good_after: int = 5
    rows: int = 1_000_000


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a triplet: when it was first and last seen, and whether it has passed."""

    first: float
    last: float
    passed: bool


def judge(known: Known | None, good: int, now: float, times: GreylistTimes) -> tuple[float, Known]:
    """Seconds to wait (0 to pass), and what is known from now on."""
    if times.good_after and good >= times.good_after:
        return 0.0, Known(known.first if known else now, now, True)
    if known is None or now - known.last > (times.keep if known.passed else times.window) or now < known.first:
        return times.wait, Known(now, now, False)
    if known.passed or now - known.first >= times.wait:
        return 0.0, Known(known.first, now, True)
    return times.wait - (now - known.first), Known(known.first, known.last, False)


class Greylist:
    """The memory at `path`; `vfs` and `exclusive` are for simulated worlds. Close it when done."""

    def __init__(
        self, path: str, times: GreylistTimes, world: World, *, vfs: str | None = None, exclusive: bool = False
    ) -> None:
        self.times = times
        self._path = path
        self._world = world
        self._vfs = vfs
        self._exclusive = exclusive
        self._lane: Blocking | None = None
        self._connection: apsw.Connection | None = None
        self._pruned = float("-inf")

    async def seen(self, triplet: Triplet, now: float) -> float:
        """It has come: seconds it has to wait, 0 when it may pass. Raises apsw.Error, OSError."""
        if self._lane is None:
            self._lane = self._world.blocking.lane("greylist")
        return await self._lane.run(self._seen, triplet, now)

    async def close(self) -> None:
        """Idempotent."""
        lane, self._lane = self._lane, None
        if lane is not None:
            await lane.run(self._close)
            await lane.close()

    def _seen(self, triplet: Triplet, now: float) -> float:
        try:
            return self._ask(lambda connection: self._judge(connection, triplet, now))
        except _DAMAGED:
            self._put_aside(now)
            return self._ask(lambda connection: self._judge(connection, triplet, now))

    def _ask(self, question: Callable[[apsw.Connection], float]) -> float:
        try:
            if self._connection is None:
                self._connection = self._open()
            with self._connection:
                wait = question(self._connection)
        except (apsw.Error, OSError):
            self._close()
            raise
        return wait

    def _judge(self, connection: apsw.Connection, triplet: Triplet, now: float) -> float:
        if now - self._pruned > _PRUNE_INTERVAL:
            self._prune(connection, now)
        key = triplet.key
        row = connection.execute("SELECT first, last, passed FROM triplet WHERE key = ?", (key,)).fetchone()
        known = None if row is None else Known(row[0], row[1], bool(row[2]))
        found = connection.execute("SELECT good FROM network WHERE name = ?", (triplet.network,)).fetchone()
        wait, becomes = judge(known, 0 if found is None else found[0], now, self.times)
        row = (key, triplet.network, becomes.first, becomes.last, int(becomes.passed))
        connection.execute("INSERT OR REPLACE INTO triplet VALUES(?, ?, ?, ?, ?)", row)
        if becomes.passed:
            newly = int(known is None or not known.passed)
            connection.execute(
                "INSERT INTO network VALUES(?, ?, ?) ON CONFLICT(name) DO UPDATE SET good = good + ?, last = ?",
                (triplet.network, newly, now, newly, now),
            )
        return wait

    def _prune(self, connection: apsw.Connection, now: float) -> None:
        self._pruned, times = now, self.times
        connection.execute("DELETE FROM triplet WHERE passed = 0 AND last < ?", (now - times.window,))
        connection.execute("DELETE FROM triplet WHERE last < ?", (now - times.keep,))
        connection.execute("DELETE FROM network WHERE last < ?", (now - times.keep,))
        (count,) = connection.execute("SELECT count(*) FROM triplet").fetchone() or (0,)
        if count > times.rows:
            oldest = "SELECT key FROM triplet ORDER BY passed, last LIMIT ?"
            connection.execute(f"DELETE FROM triplet WHERE key IN ({oldest})", (count - times.rows,))

    def _open(self) -> apsw.Connection:
        self._world.files.make_directory(self._path.rpartition("/")[0])
        connection = apsw.Connection(self._path, vfs=self._vfs)
        connection.set_busy_timeout(_BUSY)
        if self._exclusive:
            connection.execute("PRAGMA locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = NORMAL")
        for statement in _SCHEMA:
            connection.execute(statement)
        return connection

    def _put_aside(self, now: float) -> None:
        self._close()
        files = self._world.files
        for suffix in ("-wal", "-shm"):
            if files.exists(self._path + suffix):
                files.remove(self._path + suffix)
        files.rename(self._path, f"{self._path}.damaged-{now:.0f}")

    def _close(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(force=True)
