"""A map in a database of PostgreSQL, by a small pool of connections. Needs the extra `postgresql`."""

import asyncio
import re
from typing import Any

from heloise.routing.lookup import Values
from heloise.routing.sources.sources import SourceTrouble

CONNECTIONS = 4
_IDLE = 60.0  # seconds until a connection that nobody needs is closed
_PARAMETER = re.compile(r"(?<![:\w]):name\b")


class PostgresSource:
    """Answers by `query`, in which `:name` is what is asked for. Connects when it is asked for the first time."""

    def __init__(self, url: str, query: str, *, timeout: float) -> None:
        self._url = url
        self._query = _PARAMETER.sub("$1", query)
        self._timeout = timeout
        self._pool: Any = None
        self._opening = asyncio.Lock()

    async def values(self, key: str) -> Values:
        """See `heloise.routing.sources.sources.Source`."""
        # Not at the top: the driver is an extra, and whoever asks no PostgreSQL does without.
        import asyncpg  # type: ignore[import-untyped]

        try:
            pool = await self._opened()
            rows = await pool.fetch(self._query, key)
        except (asyncpg.PostgresError, asyncpg.InterfaceError, OSError, ValueError) as error:
            raise SourceTrouble(f"PostgreSQL: {error or type(error).__name__}") from None
        return tuple("" if row[0] is None else str(row[0]) for row in rows)

    async def close(self) -> None:
        """See `heloise.routing.sources.sources.Source`."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()

    async def _opened(self) -> Any:
        import asyncpg

        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    self._url,
                    min_size=0,
                    max_size=CONNECTIONS,
                    timeout=self._timeout,
                    command_timeout=self._timeout,
                    max_inactive_connection_lifetime=_IDLE,
                    # A query of an operator reads; if it does more after all, that is his mistake, and nothing happens.
                    server_settings={"default_transaction_read_only": "on", "application_name": "heloise"},
                )
            return self._pool
