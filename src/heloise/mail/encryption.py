"""What protects a session: the facts of TLS that are told in trace fields, logs and passports. RFC 3207, RFC 8314."""

from dataclasses import dataclass
from typing import Self


@dataclass(frozen=True, slots=True)
class Encryption:
    """`version` ("TLSv1.3") and `cipher` as OpenSSL names them; `is_verified` when we have checked the peer's name and
    the chain of its certificate."""

    version: str
    cipher: str
    is_verified: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read what `str` gives. Raises ValueError."""
        version, cipher, *verified = text.split(" ")
        return cls(version, cipher, verified == ["verified"])

    def __str__(self) -> str:
        return f"{self.version} {self.cipher} {'verified' if self.is_verified else 'not verified'}"
