"""Watching one message's first attempt: what a VERB session shows while its client waits for the final reply."""

import asyncio
from collections.abc import AsyncIterator


class Watch:
    """A line of communication from the deliverer to the session that brought the message."""

    def __init__(self, recipients: int) -> None:
        self._left = recipients
        self._lines: asyncio.Queue[str | None] = asyncio.Queue()

    def say(self, text: str) -> None:
        """Tell the session something, without code; the session makes it fit for the wire."""
        self._lines.put_nowait(text)

    def settled(self, recipients: int) -> None:
        """So many more recipients have had their first attempt."""
        self._left -= recipients
        if self._left <= 0:
            self._lines.put_nowait(None)

    async def lines(self, timeout: float) -> AsyncIterator[str]:
        """What is told, until every recipient has had its attempt or `timeout` seconds have passed.

        Raises:
            TimeoutError: the time has passed; delivery goes on without being watched.
        """
        async with asyncio.timeout(timeout):
            while (line := await self._lines.get()) is not None:
                yield line
