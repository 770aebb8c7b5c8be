"""Looking at files once a second while the server runs, away from the event loop."""

import asyncio
from collections.abc import Awaitable, Callable

from heloise.world import Blocking, Files, World

LOOK_EVERY = 1.0  # seconds
_CHUNK = 1 << 20


class Watch:
    """Calls `look` with a lane of its own, `name`, for what blocks."""

    def __init__(self, name: str, world: World, look: Callable[[Blocking], Awaitable[None]]) -> None:
        self._name = name
        self._world = world
        self._look = look
        self._lane: Blocking | None = None
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to look."""
        self._lane = self._world.blocking.lane(self._name)
        self._task = asyncio.create_task(self._watch(self._lane), name=f"watch of {self._name}")

    async def stop(self) -> None:
        """Look no more. Idempotent."""
        task, self._task = self._task, None
        if task is not None:
            task.cancel()
            await asyncio.wait({task})
        if self._lane is not None:
            await self._lane.close()

    async def _watch(self, lane: Blocking) -> None:
        while True:
            await asyncio.sleep(LOOK_EVERY)
            await self._look(lane)


def read_text(files: Files, path: str) -> str:
    """All of a file. Blocks. Raises OSError, UnicodeDecodeError."""
    file = files.open(path)
    try:
        octets = b"".join(iter(lambda: file.read(_CHUNK), b""))
    finally:
        file.close()
    return octets.decode("utf-8")


def unreadable(path: str, error: Exception) -> str:
    """What is said of a file that `read_text` could not read."""
    words = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
    return f"{path} can not be read: {words}"
