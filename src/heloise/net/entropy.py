"""Real randomness, from the operating system."""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class SystemEntropy:
    """Octets straight from the system; jitter and order from a generator seeded by it, which costs no system call."""

    __slots__ = ("_generator",)

    def __init__(self) -> None:
        self._generator = random.Random()

    def random(self) -> float:
        """A float in [0, 1). Not fit for secrets."""
        return self._generator.random()

    def octets(self, count: int) -> bytes:
        """`count` random octets, fit for ids that must not be guessed."""
        return os.urandom(count)

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order."""
        return self._generator.sample(items, len(items))
