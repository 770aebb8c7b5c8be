"""Users in a database: of each row the first column is a word of the line that the file of users would have."""

import asyncio

from heloise.reception.users import Login, UsersUnavailable, read_login
from heloise.routing.sources import Source
from heloise.routing.sources.sources import SourceTrouble


class DatabaseUsers:
    """Asks `source`, each time within `timeout` seconds."""

    def __init__(self, source: Source, *, timeout: float) -> None:
        self._source = source
        self._timeout = timeout

    async def login(self, user: str) -> Login | None:
        """The user; None when there is no row. Raises UsersUnavailable."""
        try:
            async with asyncio.timeout(self._timeout):
                values = await self._source.values(user)
        except TimeoutError:
            raise UsersUnavailable(f"no answer within {self._timeout:g} seconds") from None
        except SourceTrouble as trouble:
            raise UsersUnavailable(str(trouble)) from None
        words = " ".join(values).split()
        if not words:
            return None
        try:
            return read_login(user, words)
        except ValueError as error:
            raise UsersUnavailable(f'what is there about "{user}": {error}') from None

    async def close(self) -> None:
        """Let go of the database. Idempotent."""
        await self._source.close()
