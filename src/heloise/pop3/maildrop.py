"""What POP3 needs of whoever keeps mail: a mailbox as it was when it was opened, and who may open it."""

from dataclasses import dataclass
from typing import Protocol, TypeAlias

from heloise.pop3.replies import Pop3Reply


@dataclass(frozen=True, slots=True)
class Entry:
    """A message in a mailbox: `uid` is a name for ever (RFC 1939 §7, UIDL: 1 to 70 printable octets), `size` counts
    octets with CRLF."""

    uid: str
    size: int


class Maildrop(Protocol):
    """A mailbox that is open for one session, and locked for it. Ended by one `close`."""

    entries: tuple[Entry, ...]

    async def octets(self, uid: str) -> bytes | None:
        """A message; None when it is there no more."""
        ...

    async def remove(self, uids: tuple[str, ...]) -> bool:
        """Remove messages; False when some could not be."""
        ...

    async def close(self) -> None:
        """Others may open it. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Password:
    """A name and a password that is offered."""

    user: str
    password: str


@dataclass(frozen=True, slots=True)
class Digest:
    """A name and proof of a password: MD5 of `timestamp` and the password, in hexadecimal. RFC 1939 §7, APOP."""

    user: str
    timestamp: str
    digest: str


Proof: TypeAlias = Password | Digest


class Maildrops(Protocol):
    """Whoever keeps mail for many. `has_secrets`: digests can be checked."""

    has_secrets: bool

    async def open(self, proof: Proof) -> Maildrop | Pop3Reply:
        """The mailbox of who has proven to own it, or the refusal."""
        ...
