"""Whose turn it is: who asks for much and brings nothing waits for those who ask for little, or bring mail.

Theory of operation. All sessions of a process share one thread, and without this whoever sends most gets most of it. A
`Caller` is all sessions of one client together. What comes in is worked through in slices; who has more to say than one
waits in a line before the next, and the line calls one in each round of the event loop, so that in between all those
are heard who say little. A caller who asked for much of late and had no message taken is `is_heavy`, and waits in the
line before everything. The line is a fair queue (start-time fair queueing): callers get the same share of it, however
many sessions they have. A client alone is never heavy, and never waits longer than a round: nobody is slowed down for
nothing.

While heavy callers wait, the thread of the loop is never at rest, and another one (which stores mail) would get the
interpreter only after the 5 ms that Python gives a thread, several times for each message: it gets it sooner then.

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
_INTERVAL: Final = 0.0005  # seconds that a thread keeps the interpreter from others, while heavy callers wait
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
        self.finish = 0.0  # in units of the line: when what it was given is over

    def look(self, now: float) -> None:
        """Judge of what was spent since the last look; `now` in seconds."""
        elapsed = max(now - self.since, 1e-6)
        is_much = self.spent > BUSY * elapsed
        self.is_heavy = is_much and not self.taken and self.turns.present > 1
        self.spent, self.taken, self.since = 0, 0, now


class Turns:
    """The callers of a process, and the line of those who wait."""

    def __init__(self) -> None:
        self.present = 0  # callers with a session
        self._callers: OrderedDict[str, Caller] = OrderedDict()
        self._line: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0
        self._virtual = 0.0
        self._is_calling = False
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
        """Wait in the line for a turn that takes so many units: until all those were called who had less."""
        loop = asyncio.get_running_loop()
        start = max(caller.finish, self._virtual - AHEAD)
        caller.finish = start + units
        turn: asyncio.Future[None] = loop.create_future()
        self._count += 1
        heapq.heappush(self._line, (start, self._count, turn))
        if caller.is_heavy and not self._interval:
            self._interval = sys.getswitchinterval()
            sys.setswitchinterval(_INTERVAL)
        if not self._is_calling:
            self._is_calling = True
            loop.call_soon(self._call, loop)
        await turn

    def _call(self, loop: asyncio.AbstractEventLoop) -> None:
        """One in each round of the event loop."""
        while self._line:
            start, _, turn = heapq.heappop(self._line)
            if not turn.done():  # else whoever waited was cancelled
                self._virtual = max(self._virtual, start)
                turn.set_result(None)
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
