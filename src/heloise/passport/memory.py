"""Passports in memory, for a server whose mail is there as well: of the newest messages and sessions."""

from collections import OrderedDict
from collections.abc import Callable

from heloise.passport.entries import Accepted, Entry, Facts

OWNERS = 20_000  # messages and sessions
ENTRIES = 500  # of one of them


class MemoryPassports:
    """Keeps what is told, as `PassportOffice` does; gives it back as `Archive` does."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.now = now
        self._kept: OrderedDict[str, list[Entry | Facts]] = OrderedDict()

    def record(self, entry: Entry) -> None:
        """Take an entry."""
        self._keep(entry.owner, entry)
        if isinstance(entry, Accepted) and entry.session:
            self._keep(entry.session, {"at": entry.at, "event": "brought", "message": entry.owner})

    def entries(self, owner: str) -> list[Facts]:
        """What was told of a message or session, in order."""
        return [each if isinstance(each, dict) else each.facts() for each in self._kept.get(owner, ())]

    def forget(self, owner: str) -> None:
        """Forget it."""
        self._kept.pop(owner, None)

    def _keep(self, owner: str, entry: Entry | Facts) -> None:
        kept = self._kept.setdefault(owner, [])
        if len(kept) < ENTRIES:
            kept.append(entry)
        if len(self._kept) > OWNERS:
            self._kept.popitem(last=False)
