"""The leases this process has given, and when they run out. In memory: a store has one owner, and when that dies all
its leases die with it (the next owner gives them back at open)."""

from collections import OrderedDict
from collections.abc import Iterable


class Leases:
    """Recipient ids → until, in the order they were given; all leases have about the same length."""

    def __init__(self) -> None:
        self._until: OrderedDict[int, float] = OrderedDict()

    def __len__(self) -> int:
        return len(self._until)

    def give(self, recipients: Iterable[int], until: float) -> None:
        """These are leased from now on."""
        for recipient in recipients:
            self._until[recipient] = until
            self._until.move_to_end(recipient)

    def end(self, recipient: int) -> None:
        """This one was settled."""
        self._until.pop(recipient, None)

    def take_expired(self, now: float) -> list[int]:
        """Those that ran out; they are not counted here any more."""
        expired = []
        for recipient, until in self._until.items():
            if until > now:
                break
            expired.append(recipient)
        for recipient in expired:
            del self._until[recipient]
        return expired

    def next_end(self) -> float | None:
        """When the next one runs out."""
        return next(iter(self._until.values()), None)
