"""Reverse paths and forward paths: what stands in `<…>` after MAIL FROM and RCPT TO. RFC 5321 §4.1.2.

The null reverse path and the bare Postmaster are values of their own, never an empty string.
"""

from dataclasses import dataclass

from heloise.mail.address import AddressError, Mailbox

MAXIMUM_PATH = 1024  # RFC 5321 §4.5.3.1.3 asks for at least 256


def _unwrap(octets: bytes) -> bytes:
    """The octets between the angle brackets, without a source route."""
    if len(octets) > MAXIMUM_PATH:
        raise AddressError(f"the path is longer than {MAXIMUM_PATH} octets")
    if not (octets.startswith(b"<") and octets.endswith(b">")):
        raise AddressError("a path stands in angle brackets")
    inner = octets[1:-1]
    if inner.startswith(b"@"):
        # RFC 5321 §4.1.2, appendix C: a source route is accepted and ignored.
        route, colon, inner = inner.partition(b":")
        if not colon or any(not hop.startswith(b"@") or len(hop) < 2 for hop in route.split(b",")):
            raise AddressError("the source route is not written as @host,@host:")
    return inner


@dataclass(frozen=True, slots=True)
class ReversePath:
    """Where reports about a message go; `mailbox` is None in the null reverse path `<>`. RFC 5321 §4.5.5."""

    mailbox: Mailbox | None

    @classmethod
    def parse(cls, octets: bytes) -> "ReversePath":
        """Read `<local@domain>` or `<>`. Raises AddressError."""
        inner = _unwrap(octets)
        return ReversePath(Mailbox.parse(inner) if inner else None)

    @property
    def is_null(self) -> bool:
        """True for `<>`: no report may ever be sent. RFC 5321 §6.1."""
        return self.mailbox is None

    @property
    def is_ascii(self) -> bool:
        """False when it can be sent only under SMTPUTF8."""
        return self.mailbox is None or self.mailbox.is_ascii

    def __str__(self) -> str:
        return "<>" if self.mailbox is None else f"<{self.mailbox}>"

    def encode(self) -> bytes:
        """The wire form, with brackets."""
        return str(self).encode()


@dataclass(frozen=True, slots=True)
class ForwardPath:
    """Whom a message is for; `mailbox` is None in the bare `<Postmaster>`. RFC 5321 §4.5.1."""

    mailbox: Mailbox | None

    @classmethod
    def parse(cls, octets: bytes) -> "ForwardPath":
        """Read `<local@domain>` or `<Postmaster>` in any case. Raises AddressError."""
        inner = _unwrap(octets)
        return ForwardPath(None if inner.lower() == b"postmaster" else Mailbox.parse(inner))

    @property
    def is_ascii(self) -> bool:
        """False when it can be sent only under SMTPUTF8."""
        return self.mailbox is None or self.mailbox.is_ascii

    @property
    def domain(self) -> str | None:
        """The domain in lower case; None for the bare Postmaster."""
        return None if self.mailbox is None else self.mailbox.domain.lower()

    def __str__(self) -> str:
        return "<Postmaster>" if self.mailbox is None else f"<{self.mailbox}>"

    def encode(self) -> bytes:
        """The wire form, with brackets."""
        return str(self).encode()


NULL_REVERSE_PATH = ReversePath(None)
BARE_POSTMASTER = ForwardPath(None)
