"""The door to work that blocks: SQLite commits, fsync, password hashes.

A *lane* runs its work one at a time and in order (the queue's writer is one); the door itself runs work on a
small pool. The simulated world runs both inline, so that nothing depends on threads.
"""

from collections.abc import Callable
from typing import ParamSpec, Protocol, TypeVar

P = ParamSpec("P")
T = TypeVar("T")


class Blocking(Protocol):
    """Runs functions that block, away from the event loop."""

    async def run(self, function: Callable[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T:
        """Run `function` and return what it returns or raise what it raises.

        When the waiting task is cancelled the function still runs to its end.
        """
        ...

    def lane(self, name: str) -> "Blocking":
        """A new lane of its own: one function at a time, in the order of the calls. Close it when done."""
        ...

    async def close(self) -> None:
        """Wait until all work given here has ended; no more may be given. Idempotent."""
        ...
