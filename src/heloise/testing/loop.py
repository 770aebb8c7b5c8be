"""An event loop whose time is a number.

When nothing is ready, time jumps to the next timer; `asyncio.sleep` and `asyncio.timeout` work unchanged, so five days
of retries take milliseconds. When nothing is ready and no timer is left, nothing can ever happen again: that is
`Stuck`, and it names the tasks that wait. There are no sockets, no threads and no signals in here.
"""

import asyncio
import asyncio.base_events
from collections.abc import Coroutine
from types import CoroutineType
from typing import Any, Final, TypeVar

from heloise.testing.life import make_task

T = TypeVar("T")

# Not zero, so that code which takes a moment for a duration is found out.
START: Final = 10_000.0
ROUNDS_WITHOUT_TIME: Final = 1_000_000
ROUNDS: Final = 10_000_000  # in all: five days of a busy server are some hundred thousand; for ever is more


class Stuck(Exception):
    """Nothing can happen any more, time does not go on, or it goes on without end. The message names the tasks that
    wait and where."""


class VirtualTime:
    """The time of one simulated world, in seconds; it outlives the loops that run in it."""

    __slots__ = ("seconds",)

    def __init__(self, seconds: float = START) -> None:
        self.seconds = seconds


class VirtualLoop(asyncio.base_events.BaseEventLoop):
    """See the module. `time` may be shared with clocks, and with a later loop that goes on where this one ended."""

    def __init__(self, time: VirtualTime | None = None) -> None:
        super().__init__()
        self._virtual_time = VirtualTime() if time is None else time
        self._selector = _Jump(self)
        self._clock_resolution = 1e-9
        self.set_task_factory(make_task)

    def time(self) -> float:
        """Virtual seconds."""
        return self._virtual_time.seconds

    def advance(self, seconds: float) -> None:
        """Let time pass. Called by the loop when nothing else is to do."""
        self._virtual_time.seconds += seconds

    def _process_events(self, event_list: list[Any]) -> None:
        """BaseEventLoop asks for it; there is no I/O here that could have events."""

    def _write_to_self(self) -> None:
        """BaseEventLoop asks for it, to wake a sleeping selector; ours never sleeps."""


class _Jump:
    """Stands where a loop has its selector: waiting is jumping."""

    def __init__(self, loop: VirtualLoop) -> None:
        self._loop = loop
        self._rounds = 0
        self._rounds_in_all = 0

    def select(self, timeout: float | None) -> list[Any]:
        if timeout is None:
            raise Stuck(f"nothing is ready and no timer is left; waiting: {_describe_tasks(self._loop)}")
        self._rounds_in_all += 1
        if self._rounds_in_all > ROUNDS:
            self._rounds_in_all = 0
            raise Stuck(f"{ROUNDS} rounds, and no end of it; there are {_describe_tasks(self._loop)}")
        if timeout > 0:
            self._rounds = 0
            self._loop.advance(timeout)
            return []
        self._rounds += 1
        if self._rounds > ROUNDS_WITHOUT_TIME:
            self._rounds = 0
            raise Stuck(f"{ROUNDS_WITHOUT_TIME} rounds, and time stands still; there are {_describe_tasks(self._loop)}")
        return []


def _describe_tasks(loop: asyncio.AbstractEventLoop) -> str:
    return ", ".join(sorted(f"{task.get_name()} in {_place(task)}" for task in asyncio.all_tasks(loop))) or "nobody"


def _place(task: "asyncio.Task[Any]") -> str:
    """Function and line in which `task` waits: the innermost coroutine, not the outermost."""
    place = "?"
    awaited: object = task.get_coro()
    while isinstance(awaited, CoroutineType):
        if awaited.cr_frame is not None:
            place = f"{awaited.cr_code.co_qualname}:{awaited.cr_frame.f_lineno}"
        awaited = awaited.cr_await
    return place


def run_in_virtual_time(main: Coroutine[Any, Any, T], time: VirtualTime | None = None) -> T:
    """Run `main` to its end in a virtual loop of its own, as `asyncio.run` would.

    Raises:
        Stuck: `main` waits for something that will never happen.
    """
    with asyncio.Runner(loop_factory=lambda: VirtualLoop(time)) as runner:
        return runner.run(main)
