"""aiosmtpd with its Sink handler, as its own program starts it: discard_aiosmtpd.py PORT MESSAGE_SIZE asyncio|uvloop"""

import asyncio
import resource
import sys

from aiosmtpd.main import main  # type: ignore[import-not-found]

if __name__ == "__main__":
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    _, port, message_size, loop = sys.argv
    if loop == "uvloop":
        import uvloop

        asyncio.set_event_loop_policy(uvloop.EventLoopPolicy())
    main(["-n", "-s", message_size, "-l", f"127.0.0.1:{port}", "-c", "aiosmtpd.handlers.Sink"])
