"""What is known of each route while the process lives: how many attempts run, and whether it is worth another.

A dead host costs one connect and not one for each message (RFC 5321 §4.5.4.1): after an attempt that reached nobody,
further ones to the same route get its outcome without trying, for a while that doubles each time.
"""

import asyncio
from dataclasses import dataclass, field

from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.route import Route, Transport

FIRST_PAUSE = 30.0  # seconds
LONGEST_PAUSE = 900.0
REMEMBERED = 20_000  # routes; past this the troubles are forgotten, since spam goes to endless many dead domains
_UNREACHED = frozenset({Stage.ROUTE, Stage.CONNECT, Stage.GREETING, Stage.HELLO})
_REMOTE = frozenset({Transport.SMTP, Transport.LMTP, Transport.MX})


@dataclass(slots=True)
class Destination:
    """One route at work. `slots` bounds its attempts; `in_hand` counts those that run or wait for a slot."""

    slots: asyncio.Semaphore
    in_hand: int = 0
    pause: float = 0.0
    paused_until: float = 0.0
    trouble: Outcome | None = field(default=None)

    def known_trouble(self, now: float) -> Outcome | None:
        """The outcome of an attempt that need not be made now (`now` monotonic), or None."""
        return self.trouble if now < self.paused_until else None

    def learn(self, outcomes: tuple[Outcome, ...], now: float) -> None:
        """Take in how an attempt ended."""
        if outcomes and all(_reached_nobody(outcome) for outcome in outcomes):
            self.pause = min(LONGEST_PAUSE, max(FIRST_PAUSE, self.pause * 2))
            self.paused_until = now + self.pause
            self.trouble = outcomes[-1]
        else:
            self.forgive()

    def forgive(self) -> None:
        """Try again at once: somebody who knows says so (ETRN, an operator), or it works again."""
        self.pause, self.paused_until, self.trouble = 0.0, 0.0, None


class Destinations:
    """All routes that have something to do or to remember."""

    def __init__(self, *, attempts_per_route: int) -> None:
        self._attempts_per_route = attempts_per_route
        self._destinations: dict[Route, Destination] = {}

    def enter(self, route: Route) -> Destination:
        """The destination of `route`, with one more in hand."""
        destination = self._destinations.get(route)
        if destination is None:
            if len(self._destinations) >= REMEMBERED:
                self.forgive()
            destination = Destination(asyncio.Semaphore(self._attempts_per_route))
            self._destinations[route] = destination
        destination.in_hand += 1
        return destination

    def leave(self, route: Route) -> None:
        """One less in hand; what has nothing to remember is forgotten."""
        destination = self._destinations[route]
        destination.in_hand -= 1
        if destination.in_hand == 0 and destination.trouble is None:
            del self._destinations[route]

    def forgive(self, route: Route | None = None) -> None:
        """Forget the trouble of `route`, or of all."""
        for each, destination in list(self._destinations.items()):
            if route is None or each == route:
                destination.forgive()
                if destination.in_hand == 0:
                    del self._destinations[each]


def is_remote(route: Route) -> bool:
    """Does it lead to another server, that may be dead?"""
    return route.transport in _REMOTE


def _reached_nobody(outcome: Outcome) -> bool:
    return outcome.action is Action.DELAYED and outcome.stage in _UNREACHED
