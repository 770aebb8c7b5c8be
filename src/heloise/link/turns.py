"""Whose turn it is: who asks for much and brings nothing waits for those who ask for little, or bring mail.

Theory of operation. All sessions of a process share one thread, and without this whoever sends most gets most of it. A
`Caller` is all sessions of one client together. What comes in is worked through in slices; who has more to say than one
waits in a line before the next, and the line calls one in each round of the event loop, so that in between all those
are heard who say little. A caller who asked for much of late and had no message taken is `is_heavy`, and waits before
everything, in a line of its own, whose turn it is when nobody waits in the other one. Lines are fair queues (start-time
fair queueing): callers get the same share of theirs, however many sessions they have. A client alone is never heavy,
and never waits longer than a round: nobody is slowed down for nothing.

While a message is `storing` the heavy ones are called once in `REST` only: another thread stores it, which needs the
interpreter some twenty times for that, and a loop that has nothing to do leaves it to that thread at once.

A loop that has something to do does not. It lets go of the interpreter for moments only, between two callbacks, and
each of them wakes who waits for it too late and makes him begin to wait anew (CPython, `take_gil`): he who waits for
5 ms before he demands it may wait for a hundred. So he demands it after an instant, while heavy callers wait.

What is spent is counted in units of about a command: an honest session has a message taken in far fewer than `LOOK`.
"""

import asyncio
import heapq
import sys
from collections import OrderedDict
from typing import Final

LOOK: Final = 64  # units after which it is looked at how long they took
BUSY: Final = 200.0  # units a second that are much
AHEAD: Final = 64.0  # units that one may go ahead of others who had them before
CONNECTION: Final = 8  # units
HANDSHAKE: Final = 32
REST: Final = 0.002  # seconds that heavy callers wait at most for a message that is stored, or for others in line
_INTERVAL: Final = 1e-5  # seconds after which a thread demands the interpreter, while heavy callers wait
_MOST_KNOWN: Final = 4096  # callers without a session that are remembered


class Caller:
    """One client, and what it asked for of late. `spent` and `taken` (messages) are counted by those who serve it."""

    __slots__ = ("finish", "is_heavy", "name", "sessions", "since", "spent", "taken", "turns")

    def __init__(self, turns: "Turns", name: str) -> None:
        self.turns = turns
        self.name = name
        self.sessions = 0
        self.spent = 0
        self.taken = 0
        self.since = 0.0
        self.is_heavy = False
        self.finish = 0.0  # in units of its line: when what it was given is over

    def look(self, now: float) -> None:
        """Judge of what was spent since the last look; `now` in seconds."""
        elapsed = max(now - self.since, 1e-6)
        is_much = self.spent > BUSY * elapsed
        is_heavy = is_much and not self.taken and self.turns.present > 1
        if is_heavy is not self.is_heavy:
            self.is_heavy, self.finish = is_heavy, 0.0  # in the other line it begins anew
        self.spent, self.taken, self.since = 0, 0, now


class _Line:
    """Those who wait for a turn, who had least first."""

    __slots__ = ("_count", "_virtual", "_waiting")

    def __init__(self) -> None:
        self._waiting: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._virtual = 0.0

    def join(self, caller: Caller, units: float, turn: "asyncio.Future[None]") -> None:
        """`turn` is set when it is his."""
        start = max(caller.finish, self._virtual - AHEAD)
        caller.finish = start + units
        self._count += 1
        heapq.heappush(self._waiting, (start, self._count, turn))

    def call(self) -> bool:
        """The first one who was not cancelled meanwhile; False when there is none."""
        while self._waiting:
            start, _, turn = heapq.heappop(self._waiting)
            if not turn.done():
                self._virtual = max(self._virtual, start)
                turn.set_result(None)
                return True
        return False

    @property
    def is_empty(self) -> bool:
        return not self._waiting


class Turns:
    """The callers of a process, and the lines of those who wait. `storing` (messages) is counted by who stores them,
    who says `go_on` when there are none and heavy callers are `resting`."""

    def __init__(self) -> None:
        self.present = 0  # callers with a session
        self.storing = 0
        self.resting: asyncio.TimerHandle | None = None
        self._callers: OrderedDict[str, Caller] = OrderedDict()
        self._line = _Line()
        self._heavy = _Line()
        self._is_calling = False
        self._called_heavy = 0.0  # when one of them was called last
        self._interval = 0.0  # what it was before, while it is another

    def enter(self, name: str) -> Caller:
        """One more session of this caller."""
        caller = self._callers.get(name)
        if caller is None:
            caller = self._callers[name] = Caller(self, name)
            self._forget()
        if not caller.sessions:
            self.present += 1
            self._callers.move_to_end(name)
        caller.sessions += 1
        caller.spent += CONNECTION
        return caller

    def leave(self, caller: Caller) -> None:
        """One session less."""
        caller.sessions -= 1
        if not caller.sessions:
            self.present -= 1

    async def wait(self, caller: Caller, units: float) -> None:
        """Wait in line for a turn that takes so many units: until all those were called who had less."""
        loop = asyncio.get_running_loop()
        turn: asyncio.Future[None] = loop.create_future()
        (self._heavy if caller.is_heavy else self._line).join(caller, units, turn)
        if caller.is_heavy and not self._interval:
            self._interval = sys.getswitchinterval()
            sys.setswitchinterval(_INTERVAL)
        if not self._is_calling:
            self._is_calling = True
            loop.call_soon(self._call, loop)
        elif self.resting is not None and not caller.is_heavy:
            self.go_on()
        await turn

    def go_on(self) -> None:
        """Nobody has to rest any more."""
        resting, self.resting = self.resting, None
        if resting is not None:
            resting.cancel()
            loop = asyncio.get_running_loop()
            loop.call_soon(self._call, loop)

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        """One in each round of the event loop, and a heavy one besides when it has rested for long enough."""
        self.resting = None
        has_called = self._line.call()
        if not self._heavy.is_empty:
            rest = 0.0
            now = loop.time()
            if has_called or self.storing:
                rest = self._called_heavy + REST - now
            if rest <= 0:
                self._called_heavy = now
                has_called = self._heavy.call() or has_called
            elif not has_called:
                self.resting = loop.call_later(rest, self._call, loop)
                return
        if has_called:
            loop.call_soon(self._call, loop)
            return
        self._is_calling = False
        if self._interval:
            sys.setswitchinterval(self._interval)
            self._interval = 0.0

    def _forget(self) -> None:
        """Those who were here longest ago and have no session, when there are too many."""
        while len(self._callers) - self.present > _MOST_KNOWN:
            name, caller = next(iter(self._callers.items()))
            if caller.sessions:
                self._callers.move_to_end(name)
            else:
                del self._callers[name]
