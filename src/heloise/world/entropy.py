"""The door to chance: jitter of retries, shuffling of equal MX hosts, message ids."""

from collections.abc import Sequence
from typing import Protocol, TypeVar

T = TypeVar("T")


class Entropy(Protocol):
    """Gives randomness; the simulated one is seeded, so a run can be repeated."""

    def random(self) -> float:
        """A float in [0, 1)."""
        ...

    def octets(self, count: int) -> bytes:
        """`count` random octets, fit for ids that must not be guessed."""
        ...

    def shuffled(self, items: Sequence[T]) -> list[T]:
        """The items in random order. RFC 5321 §5.1 asks this of MX hosts of equal preference."""
        ...
