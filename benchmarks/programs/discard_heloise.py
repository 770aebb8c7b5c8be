"""heloise.Server with a function that does nothing: discard_heloise.py PORT MESSAGE_SIZE asyncio|uvloop"""

import asyncio
import resource
import signal
import sys

from heloise import ReceivedMessage, Server
from heloise.smtp.limits import SessionLimits


async def discard(message: ReceivedMessage) -> None:
    """The message was taken; that is all."""


async def main(port: int, message_size: int) -> None:
    """Serve until SIGTERM."""
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    async with Server(discard, port=port, limits=SessionLimits(message_size=message_size)):
        await stopped.wait()


if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _, port, message_size, loop = sys.argv
    if loop == "uvloop":
        import uvloop

        uvloop.run(main(int(port), int(message_size)))
    else:
        asyncio.run(main(int(port), int(message_size)))
