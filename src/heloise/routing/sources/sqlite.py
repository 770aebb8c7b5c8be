"""A map in a database of SQLite, which others may write at the same time. Read only, in a lane of its own."""

import apsw

from heloise.routing.lookup import Values
from heloise.routing.sources.sources import SourceTrouble
from heloise.world import Blocking, Clock, Files

_BETWEEN_LOOKS = 1000  # steps of SQLite's machine until it is asked whether time is up


class SqliteSource:
    """Answers by `query`, in which `:name` is what is asked for."""

    def __init__(
        self, path: str, query: str, *, timeout: float, blocking: Blocking, files: Files, clock: Clock
    ) -> None:
        self._path = path
        self._query = query
        self._timeout = timeout
        self._lane = blocking.lane("lookup")
        self._files = files
        self._clock = clock
        self._connection: apsw.Connection | None = None
        self._opened: int | None = None  # the inode
        self._deadline = 0.0

    async def values(self, key: str) -> Values:
        """See `heloise.routing.sources.sources.Source`."""
        # Counted from here: what waits in the lane until nobody waits for it any more is then not done at all.
        return await self._lane.run(self._ask, key, self._clock.monotonic() + self._timeout)

    async def close(self) -> None:
        """See `heloise.routing.sources.sources.Source`."""
        await self._lane.close()
        self._let_go()

    def _ask(self, key: str, deadline: float) -> Values:
        self._deadline = deadline
        try:
            rows = self._open().execute(self._query, {"name": key}).fetchall()
        except (apsw.Error, OSError) as error:
            self._let_go()
            words = error.strerror if isinstance(error, OSError) else error
            raise SourceTrouble(f"{self._path}: {words}") from None
        return tuple("" if row[0] is None else str(row[0]) for row in rows)

    def _open(self) -> apsw.Connection:
        """The connection; a new one when another file has taken the place of the one that is open."""
        inode = self._files.stamp(self._path)[-1]
        if self._connection is not None and inode == self._opened:
            return self._connection
        self._let_go()
        connection = apsw.Connection(self._path, flags=apsw.SQLITE_OPEN_READONLY)
        connection.set_busy_timeout(int(1000 * self._timeout))
        connection.set_progress_handler(self._is_late, _BETWEEN_LOOKS)
        self._connection, self._opened = connection, inode
        return connection

    def _is_late(self) -> bool:
        return self._clock.monotonic() > self._deadline

    def _let_go(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close(force=True)
