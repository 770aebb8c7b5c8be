"""Values drawn from octets, so that what mutates octets mutates structure; and octets cut into pieces."""

import random
from collections.abc import Iterator, Sequence
from typing import TypeVar

T = TypeVar("T")

WIDTHS = (1, 1, 1, 2, 3, 5, 17, 80, 1000)


class Supply:
    """Draws from the front; once all is used, everything is nothing: zeros, first choices, empty octets."""

    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._place = 0

    def octet(self) -> int:
        """One octet."""
        if self._place >= len(self._octets):
            return 0
        self._place += 1
        return self._octets[self._place - 1]

    def number(self, limit: int) -> int:
        """A number below `limit`, which is at most 65536."""
        number = self.octet() if limit <= 256 else self.octet() << 8 | self.octet()
        return number % limit

    def flag(self) -> bool:
        """Yes or no."""
        return bool(self.octet() & 1)

    def choice(self, items: Sequence[T]) -> T:
        """One of these."""
        return items[self.number(len(items))]

    def octets(self, limit: int) -> bytes:
        """At most `limit` octets, after one or two that tell how many."""
        size = self.number(limit + 1)
        found = self._octets[self._place : self._place + size]
        self._place += len(found)
        return found

    def text(self, limit: int) -> str:
        """The same as text; what is no UTF-8 is left out."""
        return self.octets(limit).decode("utf-8", "ignore")

    def rest(self) -> bytes:
        """All that is left."""
        found = self._octets[self._place :]
        self._place = len(self._octets)
        return found


def pieces(octets: bytes, seed: int) -> Iterator[bytes]:
    """`octets` in pieces: whole for seed 0, one by one for 1, else by chance."""
    if seed == 0:
        if octets:
            yield octets
        return
    chance = random.Random(seed)
    place = 0
    while place < len(octets):
        width = 1 if seed == 1 else chance.choice(WIDTHS)
        yield octets[place : place + width]
        place += width
