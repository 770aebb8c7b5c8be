"""Work that nobody waits for, such as saying QUIT to a peer, kept in hand so that it can be ended."""

import asyncio
from collections.abc import Coroutine
from typing import Any


class Background:
    """Runs coroutines; `DeliveryDoors.background` is one."""

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[None], None] = {}  # in order, so that a simulated run is repeatable

    def __call__(self, work: Coroutine[Any, Any, None]) -> None:
        """Run `work` in a task of its own."""
        task = asyncio.create_task(work)
        self._tasks[task] = None
        task.add_done_callback(self._tasks.pop)

    async def close(self, patience: float = 1.0) -> None:
        """Wait `patience` seconds for what runs, then cut it off."""
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=patience)
        for task in tuple(self._tasks):
            task.cancel()
        while self._tasks:
            await asyncio.wait(self._tasks)
