"""The clean stop: listeners close, sessions end with 421, and only then goes what is below them."""

import asyncio
import signal
from collections.abc import Sequence
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


async def signalled() -> None:
    """Wait for SIGTERM or SIGINT."""
    loop = asyncio.get_running_loop()
    asked = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, asked.set)
    try:
        await asked.wait()
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
