"""What happened in a simulated world, in order, and a digest of all of it: equal digests are equal runs."""

import hashlib
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, TypeAlias

from heloise.testing.loop import VirtualTime

KEPT: Final = 10_000

Detail: TypeAlias = str | int | float


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happened: when (virtual seconds), what, and with what."""

    at: float
    what: str
    details: tuple[Detail, ...]

    def __str__(self) -> str:
        return f"{self.at:.6f} {self.what} {' '.join(map(str, self.details))}"


class Trace:
    """Records happenings; the digest covers all, the list keeps the last `KEPT`."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time
        self._hash = hashlib.sha256()
        self._last: deque[Happening] = deque(maxlen=KEPT)

    def record(self, what: str, *details: Detail) -> None:
        """Note that `what` happened now."""
        happening = Happening(self._time.seconds, what, details)
        self._last.append(happening)
        self._hash.update(repr((happening.at, what, details)).encode())

    def digest(self) -> str:
        """The digest of all that was recorded, in hex."""
        return self._hash.hexdigest()

    def __iter__(self) -> Iterator[Happening]:
        return iter(self._last)
