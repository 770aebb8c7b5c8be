"""The door to DNS."""

from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class MailExchanger:
    """One MX record. RFC 5321 §5.1; `host` is "." in a null MX (RFC 7505)."""

    preference: int
    host: str


class Resolver(Protocol):
    """Answers questions about names. All raise `ResolverError`; "exists, but has none of these" is an empty tuple."""

    async def addresses(self, host: str) -> tuple[str, ...]:
        """A and AAAA records of `host` as text, in the order the resolver gave them."""
        ...

    async def mail_exchangers(self, domain: str) -> tuple[MailExchanger, ...]:
        """MX records of `domain`, not sorted."""
        ...

    async def names(self, address: str) -> tuple[str, ...]:
        """PTR names of an IP address."""
        ...
