"""What is known to be broken: addresses that do not answer, routes whose name servers do not. Pure.

A dead host costs one connection and not one for each message (RFC 5321 §4.5.4.1): after a failure others take its
outcome without trying, for a while that doubles with each failure after that, until it works again.
"""

from collections.abc import Hashable
from dataclasses import dataclass

from heloise.mail.outcome import Outcome

FIRST_PAUSE = 30.0  # seconds
LONGEST_PAUSE = 900.0
REMEMBERED = 20_000  # past this all is forgotten: spam goes to endless many dead domains


@dataclass(frozen=True, slots=True)
class _Trouble:
    outcome: Outcome
    pause: float
    until: float


class Troubles:
    """Places in trouble, by whatever names them. Times are monotonic."""

    def __init__(self) -> None:
        self._known: dict[Hashable, _Trouble] = {}

    def known(self, place: Hashable, now: float) -> Outcome | None:
        """The outcome of an attempt that need not be made now."""
        trouble = self._known.get(place)
        return trouble.outcome if trouble is not None and now < trouble.until else None

    def until(self, place: Hashable) -> float:
        """When it is worth another attempt; 0 when nothing is known against it."""
        trouble = self._known.get(place)
        return 0.0 if trouble is None else trouble.until

    def failed(self, place: Hashable, outcome: Outcome, *, begun: float, now: float) -> None:
        """An attempt `begun` then has failed. Those that were under way at the first failure say nothing new."""
        trouble = self._known.get(place)
        if trouble is not None and begun < trouble.until:
            return
        if len(self._known) >= REMEMBERED:
            self._known.clear()
        pause = FIRST_PAUSE if trouble is None else min(LONGEST_PAUSE, trouble.pause * 2)
        self._known[place] = _Trouble(outcome, pause, now + pause)

    def works(self, place: Hashable) -> None:
        """It does."""
        self._known.pop(place, None)

    def forgive(self) -> None:
        """Try all again at once: somebody who knows says so (ETRN, an operator)."""
        self._known.clear()
