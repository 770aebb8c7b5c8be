"""Real randomness, from the operating system."""

import os
import random
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
_PAGE = 4096  # octets that one system call brings


class SystemEntropy:
    """Octets from the system, a page at a time; jitter and order from a generator seeded by it."""

    __slots__ = ("_generator", "_octets", "_place")

    def __init__(self) -> None:
        self._generator = random.Random()
        self._octets = b""
        self._place = 0

    def random(self) -> float:
        """A float in [0, 1). Not fit for secrets."""
        return self._generator.random()

    def octets(self, count: int) -> bytes:
        """`count` random octets, fit for ids that must not be guessed."""
        place = self._place
        if len(self._octets) < place + count:
            self._octets, place = os.urandom(max(count, _PAGE)), 0
        self._place = place + count
        return self._octets[place : place + count]

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order."""
        return self._generator.sample(items, len(items))
