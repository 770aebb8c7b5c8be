"""How much may be in hand at once, and what goes back into the queue for want of room.

Of what waits for a turn only so much is kept in memory: from half of it on it goes back into the queue until about its
turn. Lines that were full lately are remembered, so that the store puts off what else is due for them before it is
leased, many at once (`putting_off.py`).
"""

from collections.abc import Sequence

from heloise.delivery.destinations import Destination
from heloise.delivery.putting_off import PuttingOff, Waits
from heloise.delivery.slots import PUTTING_OFF, Lane, Slots
from heloise.mail.route import Route
from heloise.queue.model import QueuedMessage
from heloise.queue.schedule import RetrySchedule

_NO_WAIT = Waits(None, None)
_SOON = 5.0  # seconds
_MOST_FULL = 1000  # routes; all of them are looked at for each lease


class Room:
    """For `attempts` that run at once, and so many messages in the line of a destination (`backlog_per_route`)."""

    def __init__(self, attempts: int, backlog_per_route: int) -> None:
        self.slots = Slots(attempts)
        self._full: dict[str, Destination] = {}  # by routes that lead there: lines that were full lately
        self._backlog_per_route = backlog_per_route
        self._crowd = attempts + 10 * backlog_per_route

    def use(self, attempts: int, backlog_per_route: int) -> None:
        """Other bounds hold from now on. Attempts that run keep the slots they have."""
        self.slots = Slots(attempts)
        self._backlog_per_route = backlog_per_route
        self._crowd = attempts + 10 * backlog_per_route

    def is_crowded(self, in_hand: int) -> bool:
        """Are more groups in hand than memory should hold? Those that wait for a turn never fill it."""
        return in_hand >= 2 * self._crowd

    def putting_off(self, message: QueuedMessage, destination: Destination, in_hand: int) -> float | None:
        """For how many seconds a message has to go back into the queue; None when it may wait here."""
        return self._wait(destination, lane_of(message, destination), in_hand)

    def remember_full(self, route: Route, destination: Destination) -> None:
        """This line had no room."""
        if len(self._full) >= _MOST_FULL:
            del self._full[next(iter(self._full))]
        self._full[str(route)] = destination

    def passing_over(self, in_hand: int, schedule: RetrySchedule, *, now: float) -> PuttingOff | None:
        """What is due for lines that are full is put off by the store; None when there are none."""
        waits: dict[str, Waits] = {}
        for route, destination in tuple(self._full.items()):
            wait = Waits(*[self._wait(destination, lane, in_hand) for lane in _lanes(destination)])
            if destination.known_trouble() is not None or wait == _NO_WAIT:
                del self._full[route]
            else:
                waits[route] = wait
        if not waits:
            return None
        full = dict(self._full)

        def told(put_off: Sequence[tuple[str, float]]) -> None:
            for route, due in put_off:
                full[route].put_off(due)

        return PuttingOff(waits, schedule, now=now, told=told)

    def _wait(self, destination: Destination, lane: Lane, in_hand: int) -> float | None:
        """When there is much in hand, first those have to go that wait for who may never answer."""
        proven = destination.is_proven
        if in_hand >= (self._crowd * 3 // 2 if proven else self._crowd):
            room = 0
        elif proven and 2 * in_hand < self._crowd:
            # A burst for who takes it soon costs no writes while there is room for it here.
            room = max(self._backlog_per_route, min(self._crowd // 2, destination.taking_within(_SOON)))
        else:
            room = self._backlog_per_route
        wait = destination.putting_off(room)
        if wait is None and not self.slots.has_room(lane):
            return PUTTING_OFF
        return wait


def lane_of(message: QueuedMessage, destination: Destination) -> Lane:
    """Whose slots an attempt for `message` takes."""
    if destination.is_proven:
        return Lane.PROVEN
    return Lane.AGAIN if any(recipient.attempts for recipient in message.recipients) else Lane.NEW


def _lanes(destination: Destination) -> tuple[Lane, Lane]:
    """Of messages that were never tried, and of others."""
    return (Lane.PROVEN, Lane.PROVEN) if destination.is_proven else (Lane.NEW, Lane.AGAIN)
