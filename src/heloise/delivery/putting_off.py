"""Who goes back into the queue without having been leased, while the line of his destination is full. Pure.

A message that finds the line full is put off by the deliverer, one by one (`heloise.delivery.destinations`). When much
is due at once for destinations that can not take it, what is due for the same routes is put off by the store itself: it
looks at a recipient, and asks here. Only what needs no decision about the message itself: never past the moment at
which its sender is to be told, and whose sender is to be told now is leased.
"""

from collections.abc import Callable, Mapping, Sequence
from math import inf
from typing import NamedTuple

from heloise.delivery.settle import REPORT_LIFETIME
from heloise.queue.model import DueRecipient
from heloise.queue.schedule import RetrySchedule, expires_at

_GOLDEN = 0.6180339887498949  # multiples of it, without their integers, are spread evenly


class Waits(NamedTuple):
    """For how many seconds the recipients of one route are put off: those never tried before, and the others; None
    when they may be leased."""

    new: float | None
    again: float | None


class PuttingOff:
    """At the moment `now`, seconds since the epoch: the waits of the routes that lead to full lines. `told` hears the
    route and the new time of each who was put off."""

    def __init__(
        self,
        waits: Mapping[str, Waits],
        schedule: RetrySchedule,
        *,
        now: float,
        told: Callable[[Sequence[tuple[str, float]]], None],
    ) -> None:
        self.told = told
        self._waits = waits
        self._schedule = schedule
        self._now = now

    def until(self, due: DueRecipient) -> float | None:
        """Until when it is put off; None when it is to be leased."""
        waits = self._waits.get(due.route)
        if waits is None or due.has_hints:
            return None
        wait = waits.again if due.attempts else waits.new
        if wait is None:
            return None
        now, expires, warning = self._now, self._expiry(due), self._warning(due)
        if now >= expires or now >= warning > due.last_word_at:
            return None
        # Not by chance, which there is one source of, and it is not to be asked from another lane.
        moment = now + wait * (0.9 + 0.2 * (due.id * _GOLDEN % 1.0))
        return min(moment, expires, warning if now < warning else moment)

    def _expiry(self, due: DueRecipient) -> float:
        moment = expires_at(self._schedule, accepted_at=due.accepted_at)
        return min(moment, due.accepted_at + REPORT_LIFETIME) if due.is_from_nobody else moment

    def _warning(self, due: DueRecipient) -> float:
        return due.accepted_at + self._schedule.warn_after if self._schedule.warn_after else inf
