"""That something has changed, for pages that are open: counted, and waited for. Says nothing of what it was."""

import asyncio


class News:
    """`revision` counts changes; `begun` sessions and `caught` messages, from the start and whatever was forgotten."""

    def __init__(self) -> None:
        self.revision = 0
        self.begun = 0
        self.caught = 0
        self._waiting: asyncio.Event | None = None

    def tell(self) -> None:
        """Something is no more as it was."""
        self.revision += 1
        if self._waiting is not None:
            self._waiting.set()
            self._waiting = None

    async def beyond(self, revision: int) -> int:
        """The revision, once it is above this one."""
        while self.revision <= revision:
            if self._waiting is None:
                self._waiting = asyncio.Event()
            await self._waiting.wait()
        return self.revision
