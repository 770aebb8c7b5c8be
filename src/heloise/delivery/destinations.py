"""Where mail goes at the moment, and in which order: a line of waiting messages for each destination.

A destination is a set of next hops, whatever domains lead there: hosts bear so much, not names. Whoever has a message
for it enters, waits for his turn, and leaves with what came of it. One destination never holds up another: each has
its own line, and what does not fit into a line goes back into the queue until about its turn. That costs a write and
no connection, and it makes room: the queue leases by due time, and knows no destinations. (It could pass over routes
that are full; but then every lease would read past all that waits for them, where putting off reads it once.) What
else is due for such a route is put off by the store before it is leased, many at once (`putting_off.py`).

How long a message is put off is guessed from how fast the destination works; the guess is a short one, since to come
too early costs another write, while to come too late would leave the destination idle.
"""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Hashable, Sequence
from dataclasses import dataclass, replace

from heloise.delivery.allowance import LATELY, Allowance, Bounds
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.smtp import replies
from heloise.world import Clock

REMEMBERED = 10_000  # destinations; past this those that are idle are forgotten
LONGEST_WAIT = 60.0  # seconds a message waits here for a pause to end; for longer ones it goes back into the queue
SHORTEST_PUTTING_OFF = 1.0  # seconds
FIRST_PUTTING_OFF = 2.0
SUPPLY = 200.0  # messages a second: as often are those that were put off looked at, whatever the destination does
SHOWN_ROUTES = 5
FIRST = 10  # before every priority there is
_UNREACHED = frozenset({Stage.ROUTE, Stage.CONNECT, Stage.GREETING, Stage.HELLO})
_TAKEN = (Action.RELAYED, Action.DELIVERED)
_CLOSING = 421

BoundsOf = Callable[[Sequence[str]], Bounds]


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationView:
    """One destination at one moment, for people.

    `waiting` messages are in the line here, `queued` are known to be in the queue for later, `next_try` is when the
    next of all of them is tried (seconds since the epoch; None when nothing waits). `pace` is in messages a minute.
    """

    name: str
    routes: tuple[str, ...]
    running: int
    waiting: int
    queued: int
    next_try: float | None
    last_reply: str | None
    last_at: float | None
    why: str
    window: int
    pace: float | None


class Destination:
    """One line. Made and owned by `Destinations`."""

    def __init__(self, name: str, bounds: Bounds, clock: Clock) -> None:
        self.name = name
        self.allowance = Allowance(bounds, clock.monotonic())
        self.running = 0
        self.trouble: Outcome | None = None  # why it is paused
        self.last: tuple[float, Reply] | None = None
        self._clock = clock
        self._line: deque[tuple[int, asyncio.Future[bool]]] = deque()  # the most urgent first
        self._timer: asyncio.TimerHandle | None = None
        self._later: list[float] = []  # a heap: when those that went back into the queue are due
        self._routes: dict[str, None] = {}
        self._answered_at = float("-inf")

    @property
    def is_proven(self) -> bool:
        """Has it answered lately?"""
        careless = not self.allowance.bounds.careful
        return careless or self._clock.monotonic() - self._answered_at < LATELY

    @property
    def window(self) -> int:
        """How many attempts may run at once; one until it has answered, since the first may last until a time-out."""
        return self.allowance.window if self.is_proven else 1

    @property
    def waiting(self) -> int:
        """How many are in the line."""
        return len(self._line)

    @property
    def is_idle(self) -> bool:
        """Is there nothing that would be missed if it were forgotten?"""
        now = self._clock.monotonic()
        return not (self.running or self._line or self.queued or self.allowance.delay(now) > 0)

    @property
    def queued(self) -> int:
        """How many went back into the queue and are not due yet."""
        now = self._clock.now()
        while self._later and self._later[0] <= now:
            heapq.heappop(self._later)
        return len(self._later)

    @property
    def is_last(self) -> bool:
        """Is there just one attempt, and nobody behind it?"""
        return self.running == 1 and not self._line and not self.queued

    def known_trouble(self) -> Outcome | None:
        """The outcome of an attempt that need not be made now. Not of a host that is only busy: that one is waited
        for, and no message's retry is spent on it."""
        now = self._clock.monotonic()
        resting = self.allowance.paused_until > now and not self.allowance.took_lately(now)
        return self.trouble if resting else None

    def putting_off(self, room: int) -> float | None:
        """For how many seconds the next message has to go back into the queue; None when it may wait in the line."""
        now = self._clock.monotonic()
        pause = max(0.0, self.allowance.paused_until - now)
        if len(self._line) < room and pause <= LONGEST_WAIT:
            return None
        if not self._line and self.running < self.window and self.allowance.delay(now) == 0:
            return None
        known = self.allowance.pace(now)
        pace = max(self._speed(now), 0.01)
        queued = self.queued
        turn = (len(self._line) + queued) / (2 * pace)
        # Nobody knows how fast it may become that has no known pace; so all that was put off is looked at often.
        may_grow = known is None and self.allowance.took_lately(now)
        longest = max(60.0 if may_grow else 600.0, queued / SUPPLY)
        if self.last is None and known is None:  # a burst, while the first of it is still being tried
            longest = max(FIRST_PUTTING_OFF, queued / SUPPLY)
        return pause + max(SHORTEST_PUTTING_OFF, min(turn, longest))

    def taking_within(self, seconds: float) -> int:
        """How many messages it takes in so many seconds, as it goes."""
        return int(self._speed(self._clock.monotonic()) * seconds)

    def _speed(self, now: float) -> float:
        pace = self.allowance.pace(now)
        return self.allowance.speed(now) if pace is None else pace

    def put_off(self, due: float) -> None:
        """A message went back into the queue until `due` (seconds since the epoch)."""
        heapq.heappush(self._later, due)

    def led_here(self, route: str) -> None:
        """Remember a route, for people to see."""
        if route not in self._routes:
            while len(self._routes) >= SHOWN_ROUTES:
                del self._routes[next(iter(self._routes))]
            self._routes[route] = None

    async def turn(self, priority: int = 0) -> bool:
        """Wait for a turn, behind those of the same or a higher `priority` (RFC 6710 §5) and before all others. False:
        go home, nobody is served any more."""
        now = self._clock.monotonic()
        if not self._line and self.running < self.window and not self.allowance.delay(now):
            self._give_turn(now)
            return True
        mine: asyncio.Future[bool] = asyncio.get_running_loop().create_future()
        if not self._line or self._line[-1][0] >= priority:
            self._line.append((priority, mine))
        else:
            place = next(place for place, (other, _) in enumerate(self._line) if other < priority)
            self._line.insert(place, (priority, mine))
        self._serve()
        try:
            return await mine
        except asyncio.CancelledError:
            if mine.done() and not mine.cancelled() and mine.result():
                self.leave((), begun=self._clock.monotonic())
            raise

    def leave(self, outcomes: Sequence[Outcome], *, begun: float, pause: float | None = None) -> None:
        """After a turn: `outcomes` of the attempt that was `begun` then, none when there was none. `pause` is for how
        many seconds at least it asked to be left alone, if it did."""
        self.running -= 1
        self._learn(outcomes, begun, pause)
        self._serve()

    def send_home(self) -> None:
        """Let nobody wait any more."""
        while self._line:
            _, waiting = self._line.popleft()
            if not waiting.done():
                waiting.set_result(False)

    def forgive(self) -> None:
        """Try again at once."""
        self.allowance.forgive()
        self.trouble = None
        self._serve()

    def view(self) -> DestinationView:
        """As it is now."""
        now, moment = self._clock.monotonic(), self._clock.now()
        delay = self.allowance.delay(now)
        queued = self.queued
        later = [self._later[0]] if queued else []
        pace = self.allowance.pace(now)
        return DestinationView(
            name=self.name,
            routes=tuple(self._routes),
            running=self.running,
            waiting=len(self._line),
            queued=queued,
            next_try=moment + delay if self._line else min(later, default=None),
            last_reply=None if self.last is None else str(self.last[1]),
            last_at=None if self.last is None else self.last[0],
            why=self._why(now, delay),
            window=self.window,
            pace=None if pace is None else pace * 60,
        )

    def _why(self, now: float, delay: float) -> str:
        if self.allowance.paused_until > now:
            busy = self.allowance.took_lately(now)
            return "it asked for a pause" if busy else "it takes no mail"
        if self._line and self.running >= self.window:
            return "as many connections as it may have"
        if self._line and delay > 0:
            return "kept to its pace"
        if self.queued:
            return "tried before, or put off until its turn"
        return ""

    def _serve(self) -> None:
        """Give turns to whom may have one now, and come back when the next one may."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        while self._line and self.running < self.window:
            now = self._clock.monotonic()
            delay = self.allowance.delay(now)
            if delay > 0:
                self._timer = asyncio.get_running_loop().call_later(delay, self._serve)
                return
            _, waiting = self._line.popleft()
            if not waiting.done():
                self._give_turn(now)
                waiting.set_result(True)

    def _give_turn(self, now: float) -> None:
        self.running += 1
        self.allowance.spend(now)

    def _learn(self, outcomes: Sequence[Outcome], begun: float, pause: float | None) -> None:
        if not outcomes:
            return
        now = self._clock.monotonic()
        last = outcomes[-1]
        if any(_is_an_answer(outcome) for outcome in outcomes):
            self._answered_at = now
        self.last = self._clock.now(), last.reply
        if pause is None and all(outcome.action in _TAKEN for outcome in outcomes):
            self.trouble = None
            self.allowance.taken(now)
            return
        refused = next((outcome for outcome in outcomes if asks_for_a_pause(outcome)), None)
        if pause is not None:
            self.trouble = last
            self.allowance.too_much(begun=begun, now=now, at_least=pause)
        elif refused is not None and (refused.stage not in _UNREACHED or self.allowance.took_lately(now)):
            self.trouble = refused
            self.allowance.too_much(begun=begun, now=now)
        elif any(_came_to_nothing(outcome) for outcome in outcomes):
            self.allowance.too_slow(begun=begun, now=now)
        elif any(outcome.action is not Action.DELAYED for outcome in outcomes):
            self.trouble = None
            self.allowance.taken(now)


class Destinations:
    """All destinations that have something to do or to remember. `bounds_of` knows what the operator allows, by the
    names of hosts."""

    def __init__(self, clock: Clock, bounds_of: BoundsOf) -> None:
        self._clock = clock
        self._bounds_of = bounds_of
        self._destinations: dict[Hashable, Destination] = {}
        self._old: dict[Hashable, None] = {}  # those whose bounds are those of an earlier configuration

    def allow(self, bounds_of: BoundsOf) -> None:
        """The operator allows something else from now on."""
        self._bounds_of = bounds_of
        self._old = dict.fromkeys(self._destinations)

    def of(self, key: Hashable, names: Sequence[str], route: str) -> Destination:
        """The destination of these hosts; made when there is none."""
        return self._of(key, names, route, None)

    def of_route(self, route: str, bounds: Bounds | None) -> Destination:
        """The destination of a route that leads to no hosts; made when there is none."""
        # What is on this machine has no pace: its deliveries are only kept from being all at once.
        return self._of(route, (route,), route, bounds or replace(self._bounds_of(()), rate=None, careful=False))

    def _of(self, key: Hashable, names: Sequence[str], route: str, bounds: Bounds | None) -> Destination:
        destination = self._destinations.get(key)
        if destination is None:
            if len(self._destinations) >= REMEMBERED:
                self._destinations = {key: each for key, each in self._destinations.items() if not each.is_idle}
            bounds = bounds if bounds is not None else self._bounds_of(names)
            destination = self._destinations[key] = Destination(", ".join(names), bounds, self._clock)
        elif self._old and key in self._old:
            del self._old[key]
            destination.allowance.allow(
                bounds if bounds is not None else self._bounds_of(names), self._clock.monotonic()
            )
        destination.led_here(route)
        return destination

    def send_home(self) -> None:
        """Let nobody wait any more."""
        for destination in self._destinations.values():
            destination.send_home()

    def forgive(self) -> None:
        """Try all again at once."""
        for destination in self._destinations.values():
            destination.forgive()

    def views(self) -> tuple[DestinationView, ...]:
        """All of them, those with the most to do first."""
        views = [destination.view() for destination in self._destinations.values()]
        return tuple(sorted(views, key=lambda view: (-(view.waiting + view.queued + view.running), view.name)))


def asks_for_a_pause(outcome: Outcome) -> bool:
    """421, or 4.7.z. Not at RCPT: there 4.7.z is how greylisting asks each sender to come again, one by one."""
    reply = outcome.reply
    if outcome.action is not Action.DELAYED or outcome.remote_mta is None:
        return False
    by_policy = reply.status is not None and reply.status.subject == 7 and reply.severity is Severity.TRANSIENT
    return reply.code == _CLOSING or (by_policy and outcome.stage is not Stage.RCPT)


def _is_an_answer(outcome: Outcome) -> bool:
    """It was said by somebody who works, whatever it was."""
    said = outcome.remote_mta is not None and outcome.stage not in _UNREACHED
    return said or outcome.action is not Action.DELAYED


def _came_to_nothing(outcome: Outcome) -> bool:
    """There was no connection, or a conversation without an end: whoever comes back from that is treated gently."""
    return outcome.action is Action.DELAYED and outcome.remote_mta is None


def waits_for_its_turn(name: str) -> Outcome:
    """For a message that waited so long that its sender has to be told."""
    return Outcome(action=Action.DELAYED, stage=Stage.ROUTE, reply=replies.destination_busy(name))
