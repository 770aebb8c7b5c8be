"""Blocking work on threads. A thread is started when the first work comes, not before."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from typing import ParamSpec, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Threads:
    """A pool of at most `count` threads; a lane is a pool of one, which keeps the order of the calls."""

    __slots__ = ("_executor",)

    def __init__(self, *, name: str, count: int) -> None:
        # An executor starts its threads one by one as work comes in.
        self._executor = ThreadPoolExecutor(max_workers=count, thread_name_prefix=name)

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` on a thread and return what it returns or raise what it raises.

        Raises:
            RuntimeError: the pool is closed.
        """
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[T] = loop.create_future()
        # Not `wrap_future`: work that still waits for a thread is not dropped when the waiting task is cancelled, since
        # a commit that was asked for happens; and it would cost each commit two more turns of the loop.
        self._executor.submit(_work, loop, answer, partial(function, *args, **kwargs))
        return await answer

    def lane(self, name: str) -> "Threads":
        """A thread of its own: one function at a time, in the order of the calls. Close it when done."""
        return Threads(name=f"heloise-{name}", count=1)

    async def close(self) -> None:
        """Wait until all work given here has ended; no more may be given. Idempotent."""
        # Waiting for threads blocks, and the loop has other things to do meanwhile.
        await asyncio.to_thread(self._executor.shutdown)


def _work(loop: asyncio.AbstractEventLoop, answer: "asyncio.Future[T]", function: Callable[[], T]) -> None:
    """On the thread. A loop that was closed meanwhile has nobody who waits."""
    try:
        result = function()
    except BaseException as error:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_raise, answer, error)
    else:
        with suppress(RuntimeError):
            loop.call_soon_threadsafe(_give, answer, result)


def _give(answer: "asyncio.Future[T]", result: T) -> None:
    if not answer.done():
        answer.set_result(result)


def _raise(answer: "asyncio.Future[T]", error: BaseException) -> None:
    if not answer.done():
        answer.set_exception(error)
