"""What protects a session: the facts of TLS that are told in trace fields, logs and passports. RFC 3207, RFC 8314."""

from dataclasses import dataclass, field
from typing import Self


@dataclass(frozen=True, slots=True)
class ChannelBinding:
    """What only the two ends of a connection have in common: its `kind` as it is registered, the octets. RFC 5056."""

    kind: str
    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Encryption:
    """`version` ("TLSv1.3") and `cipher` as OpenSSL names them; `is_verified` when we have checked the peer's name and
    the chain of its certificate.

    `binding` is for SCRAM with channel binding, where it is known; `peer_names` are the names in a certificate that a
    client has shown and that was verified, the subject's common name last, `peer_issuer` the common name of who has
    issued it. These are for the session alone: no text has them.
    """

    version: str
    cipher: str
    is_verified: bool = False
    binding: ChannelBinding | None = field(default=None, compare=False, repr=False)
    peer_names: tuple[str, ...] = field(default=(), compare=False, repr=False)
    peer_issuer: str = field(default="", compare=False, repr=False)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` gives. Raises ValueError."""
        version, cipher, *verified = text.split(" ")
        return cls(version, cipher, verified == ["verified"])

    def __str__(self) -> str:
        return f"{self.version} {self.cipher} {'verified' if self.is_verified else 'not verified'}"
