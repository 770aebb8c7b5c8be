"""Accounts: who has a Maildir here, and where it is. Pure values."""

from dataclasses import dataclass

LOCK_NAME = ".locked"


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user's mailbox: `maildir` is its absolute path, `quota` in octets, None for no limit.

    `line_feeds` has mail written with LF instead of CRLF.
    """

    name: str
    maildir: str
    quota: int | None = None
    line_feeds: bool = False

    def __post_init__(self) -> None:
        if not self.name or "/" in self.name or self.name.startswith("."):
            # The name becomes part of a path: nobody's mail may land outside of where mail lies.
            raise ValueError(f"not a name for an account: {self.name!r}")
        if not self.maildir.startswith("/"):
            raise ValueError(f"the path of a Maildir is absolute: {self.maildir!r}")

    @classmethod
    def under(cls, root: str, name: str, *, quota: int | None = None) -> "Account":
        """The account whose Maildir is `root/name`. Raises ValueError for a name that would lead elsewhere."""
        return cls(name=name, maildir=f"{root.rstrip('/')}/{name}", quota=quota)
