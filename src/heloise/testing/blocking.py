"""Blocking work without threads: done in one step of the loop, some rounds or moments after it was asked for.

When exactly is drawn from the seed, so that other tasks get their turn before and after, differently in each run.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, nullcontext
from typing import Any, Final, ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")

SLOWEST: Final = 0.01  # seconds


class SimulatedBlocking:
    """The door; a lane is one more with a lock, which keeps the order of the calls."""

    def __init__(self, generator: random.Random, *, ordered: bool = False) -> None:
        self._generator = generator
        self._turn: AbstractAsyncContextManager[Any] = asyncio.Lock() if ordered else nullcontext()
        self._work: dict[asyncio.Task[Any], None] = {}  # a dict, because a set has no order that a seed could repeat
        self._lanes: list[SimulatedBlocking] = []
        self._closed = False

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function`, a little later, and return what it returns or raise what it raises.

        Raises:
            RuntimeError: the door is closed.
        """
        if self._closed:
            raise RuntimeError("blocking work was given to a door that is closed")
        work = asyncio.create_task(self._run(lambda: function(*args, **kwargs)), name=f"blocking {function!r}")
        self._work[work] = None
        work.add_done_callback(lambda done: self._work.pop(done, None))
        return await asyncio.shield(work)

    def lane(self, name: str) -> "SimulatedBlocking":
        """A new lane."""
        lane = SimulatedBlocking(self._generator, ordered=True)
        self._lanes.append(lane)
        return lane

    async def close(self) -> None:
        """Wait until all work given here has ended."""
        self._closed = True
        if self._work:
            await asyncio.wait(list(self._work))

    def power_cut(self) -> None:
        """What is not done yet is never done; here and in all lanes."""
        self._closed = True
        for work in list(self._work):
            work.cancel()
        for lane in self._lanes:
            lane.power_cut()

    async def _run(self, function: Callable[[], T]) -> T:
        async with self._turn:
            await self._pause()
            return function()

    async def _pause(self) -> None:
        if self._generator.random() < 0.3:
            await asyncio.sleep(self._generator.uniform(0.0, SLOWEST))
        else:
            for _ in range(self._generator.randrange(3)):
                await asyncio.sleep(0)
