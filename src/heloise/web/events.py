"""Server-sent events: what has changed is told for as long as somebody listens. As the HTML Standard has them."""

import asyncio
import json
from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from typing import Any

STILL_HERE = 15.0  # seconds; a browser, or a proxy before it, takes silence for an end


async def server_sent(
    beyond: Callable[[int], Awaitable[int]],
    told: Callable[[], Mapping[str, Any]],
    *,
    seen: int,
    again: int,
    pause: float = 0.0,
) -> AsyncGenerator[bytes, None]:
    """What is `told` at each revision `beyond` the one `seen`. A browser that lost us comes `again` after so many
    milliseconds. However much happens within `pause` seconds, it is told in one."""
    yield b"retry: %d\n\n" % again
    while True:
        try:
            async with asyncio.timeout(STILL_HERE):
                seen = await beyond(seen)
        except TimeoutError:
            yield b": still here\n\n"
            continue
        yield b"data: " + json.dumps(told()).encode() + b"\n\n"
        if pause:
            await asyncio.sleep(pause)
