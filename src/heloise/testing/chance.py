"""The simulated clock and entropy: the loop's virtual time from a fixed day on, and chance from a seed."""

import random
from collections.abc import Sequence
from typing import Final, TypeVar

from heloise.testing.loop import START, VirtualTime

T = TypeVar("T")

EPOCH: Final = 1_767_225_600.0  # 2026-01-01T00:00:00Z, when every simulated world begins


class SimulatedClock:
    """Tells the virtual time."""

    def __init__(self, time: VirtualTime) -> None:
        self._time = time

    def now(self) -> float:
        """Seconds since 1970-01-01T00:00:00Z."""
        return EPOCH + self._time.seconds - START

    def monotonic(self) -> float:
        """The virtual loop's time."""
        return self._time.seconds


class SeededEntropy:
    """The same seed gives the same chance."""

    def __init__(self, seed: str) -> None:
        self._generator = random.Random(seed)

    def random(self) -> float:
        """A float in [0, 1)."""
        return self._generator.random()

    def octets(self, count: int) -> bytes:
        """`count` octets; anybody who knows the seed can guess them."""
        return self._generator.randbytes(count)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in an order drawn from the seed."""
        return self._generator.sample(items, len(items))
