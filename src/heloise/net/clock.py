"""The real clock."""

import time


class SystemClock:
    """The time of day and the monotonic time of this machine."""

    __slots__ = ()

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        return time.time()

    def monotonic(self) -> float:
        """Seconds of CLOCK_MONOTONIC, the time base of asyncio's event loops (and of uvloop's)."""
        return time.monotonic()
