"""The leases this process has given, and when they run out. In memory: a store has one owner, and when that dies all
its leases die with it (the next owner gives them back at open)."""

import heapq
from collections.abc import Iterable

_SLACK = 1024


class Leases:
    """Recipient ids → until."""

    def __init__(self) -> None:
        self._until: dict[int, float] = {}
        self._heap: list[tuple[float, int]] = []  # may have entries that are not true any more

    def give(self, recipients: Iterable[int], until: float) -> None:
        """These are leased until then."""
        for recipient in recipients:
            self._until[recipient] = until
            heapq.heappush(self._heap, (until, recipient))
        if len(self._heap) > 2 * len(self._until) + _SLACK:
            self._heap = sorted((moment, recipient) for recipient, moment in self._until.items())

    def move(self, recipients: Iterable[int], until: float) -> None:
        """Those of them that are leased are so until then; with 0 they end at once, since nobody works under them."""
        self.give([recipient for recipient in recipients if recipient in self._until], until)

    def end(self, recipient: int) -> None:
        """This one was settled."""
        self._until.pop(recipient, None)

    def take_expired(self, now: float) -> list[int]:
        """Those that ran out; they are not counted here any more."""
        expired = []
        while self._heap and self._heap[0][0] <= now:
            until, recipient = heapq.heappop(self._heap)
            if self._until.get(recipient) == until:
                del self._until[recipient]
                expired.append(recipient)
        return expired

    def next_end(self) -> float | None:
        """When the next one runs out."""
        while self._heap and self._until.get(self._heap[0][1]) != self._heap[0][0]:
            heapq.heappop(self._heap)
        return self._heap[0][0] if self._heap else None
