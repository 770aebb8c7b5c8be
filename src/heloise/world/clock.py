"""The door to time.

Timers (`asyncio.sleep`, `asyncio.timeout`) follow the running event loop, which the simulated world replaces by one
with virtual time; what the loop can not tell is the time of day, and that is this door.
"""

from typing import Protocol


class Clock(Protocol):
    """Tells the time; never read `time.time()` above `net`."""

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start; never goes back. The time base of the running event loop."""
        ...
