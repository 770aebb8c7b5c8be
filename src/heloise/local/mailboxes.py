"""What may be asked about the mailboxes of this machine: is it there, is it locked, how much is in it.

This is the `Mailboxes` that the router asks; the delivery to Maildirs asks it too. Questions block for one look at a
directory at most, but for `usage`, which reads the names in a Maildir now and then; it is asked for those with a quota.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from heloise.local.accounts import LOCK_NAME, Account
from heloise.world.clock import Clock
from heloise.world.files import Files

COUNT_EVERY = 10.0  # seconds; between counts our own deliveries are added
_SIZE = re.compile(r",S=(\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class _Count:
    """The octets found in a Maildir, and when."""

    octets: int
    counted_at: float


class LocalMailboxes:
    """Answers for `accounts`, and for those that `others` makes of a name: users of whom nobody has a list.

    Methods that look at the disk raise OSError; KeyError for an account that is none.
    """

    def __init__(
        self,
        accounts: Iterable[Account],
        files: Files,
        clock: Clock,
        *,
        others: Callable[[str], Account | None] | None = None,
    ) -> None:
        self._others = others
        self._accounts = {account.name: account for account in accounts}
        self._files = files
        self._clock = clock
        self._counts: dict[str, _Count] = {}
        self._proven: set[str] = set()

    def account(self, name: str) -> Account | None:
        """The account of this name; None when there is none."""
        found = self._accounts.get(name)
        return found if found is not None or self._others is None else self._others(name)

    def exists(self, account: str) -> bool:
        """Is there such an account?"""
        return self.account(account) is not None

    def locked(self, account: str) -> bool:
        """Is there a file `.locked` in the Maildir? An operator or a backup makes one, mail waits while it is there."""
        try:
            # Not `exists`, which takes a directory that may not be read for one without the file.
            self._files.size(f"{self._known(account).maildir}/{LOCK_NAME}")
        except FileNotFoundError:
            return False
        return True

    def quota(self, account: str) -> int | None:
        """How much may be in the mailbox, in octets; None for no limit."""
        return self._known(account).quota

    def usage(self, account: str) -> int:
        """Octets in the mailbox, subfolders left out. At most `COUNT_EVERY` seconds old."""
        known = self._counts.get(account)
        now = self._clock.monotonic()
        if known is not None and now - known.counted_at < COUNT_EVERY:
            return known.octets
        known = _Count(octets=self._count(account), counted_at=now)
        self._counts[account] = known
        return known.octets

    def is_proven(self, account: str) -> bool:
        """Has this process put a letter there? Then the directories are known to outlive a power cut."""
        return account in self._proven

    def delivered(self, account: str, octets: int) -> None:
        """A letter of so many octets was put into the mailbox: counted at once, without looking."""
        self._proven.add(account)
        known = self._counts.get(account)
        if known is not None:
            self._counts[account] = replace(known, octets=known.octets + octets)

    def _known(self, name: str) -> Account:
        account = self.account(name)
        if account is None:
            raise KeyError(name)
        return account

    def _count(self, account: str) -> int:
        maildir = self._known(account).maildir
        return sum(self._count_directory(f"{maildir}/{part}") for part in ("new", "cur"))

    def _count_directory(self, directory: str) -> int:
        try:
            names = self._files.names(directory)
        except FileNotFoundError:
            return 0
        return sum(self._size(directory, name) for name in names)

    def _size(self, directory: str, name: str) -> int:
        """From the name where it says (`,S=`, as the common servers write it), else by asking."""
        said = _SIZE.search(name)
        if said is not None:
            return int(said[1])
        try:
            return self._files.size(f"{directory}/{name}")
        except FileNotFoundError:
            return 0  # taken away meanwhile
