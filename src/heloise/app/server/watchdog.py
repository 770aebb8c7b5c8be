"""Signs of life for the service manager: only while the event loop turns, and all processes answer."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

from heloise.net.service_manager import ServiceManager


async def loop_is_alive() -> bool:
    """That this runs at all says so."""
    return True


@asynccontextmanager
async def watched(manager: ServiceManager, is_alive: Callable[[], Awaitable[bool]]) -> AsyncIterator[None]:
    """Give signs of life while the context is open, twice in the time in which one is wanted, if any is."""
    if manager.watchdog is None:
        yield
        return
    task = asyncio.create_task(_live(manager, manager.watchdog / 2, is_alive), name="watchdog")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait({task})


async def _live(manager: ServiceManager, interval: float, is_alive: Callable[[], Awaitable[bool]]) -> None:
    while True:
        try:
            async with asyncio.timeout(interval):
                if await is_alive():
                    manager.alive()
        except TimeoutError:
            continue
        await asyncio.sleep(interval)
