"""The clean stop: listeners close, sessions end with 421, and only then goes what is below them."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import partial

from heloise.reception.door import Door
from heloise.world import Listening


async def close_doors(listening: Sequence[Listening], doors: Sequence[Door], *, patience: float) -> bool:
    """Stop taking connections and end every session with 421, RFC 5321 §3.8. False when some outlast `patience`.

    A session in the middle of a commit gets its reply first: what was said 250 to is kept, what was kept is told.
    """
    for each in listening:
        await each.close()
    emptied = [asyncio.get_running_loop().create_future() for _ in doors]
    for door, future in zip(doors, emptied, strict=True):
        door.shut_down(partial(_set, future))
    if not emptied:
        return True
    _, late = await asyncio.wait(emptied, timeout=patience)
    return not late


def _set(future: "asyncio.Future[None]") -> None:
    if not future.done():
        future.set_result(None)


@contextmanager
def stop_signals(at_once: Callable[[], None] = lambda: None) -> Iterator[asyncio.Event]:
    """An event that SIGTERM and SIGINT set, from here on: a server that is being started is stopped when it has.

    `at_once` is called by the next of them: whoever asks twice does not want to wait.
    """
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()

    def ask() -> None:
        if asked.is_set():
            at_once()
        asked.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, ask)
    try:
        yield asked
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)


@contextmanager
def signals(acts: Mapping[int, Callable[[], object]]) -> Iterator[None]:
    """What other signals do, for the time of the context."""
    loop = asyncio.get_running_loop()
    for number, act in acts.items():
        loop.add_signal_handler(number, act)
    try:
        yield
    finally:
        for number in acts:
            loop.remove_signal_handler(number)


async def signalled() -> None:
    """Wait for SIGTERM or SIGINT."""
    with stop_signals() as asked:
        await asked.wait()


def end_with_the_crew() -> None:
    """End at once when the process that started this one is gone: it would have asked, had it been able to.

    What is lost is what a crash loses, nothing that was promised; and the locks of the queues are free again.
    """
    asyncio.get_running_loop().add_reader(sys.stdin.fileno(), os._exit, 1)
