"""Where a recipient goes: decided when it is accepted, stored with it, resolved to a next hop at each attempt."""

from dataclasses import dataclass
from enum import Enum
from typing import Self

_ON_REQUEST = "?on-request"


class Transport(Enum):
    """How the last step is done."""

    __hash__ = object.__hash__  # Enum has one in Python, which would be called for each look into a table

    SMTP = "smtp"  # to a given host and port
    SMTPS = "smtps"  # the same under TLS from the first octet (RFC 8314)
    LMTP = "lmtp"  # RFC 2033; host and port or a Unix socket
    MX = "mx"  # to the mail exchangers of a domain
    MAILDIR = "maildir"  # into a local user's Maildir
    ATRN = "atrn"  # kept until the site of a domain comes for it (RFC 2645)
    PIPE = "pipe"  # to a program on this machine
    HTTP = "http"  # to a web service
    CATCH = "catch"  # kept in the inbox of caught mail, sent nowhere
    DISCARD = "discard"  # taken and thrown away, on purpose

    @property
    def needs_target(self) -> bool:
        """False for those that are a place of their own."""
        return self not in (Transport.CATCH, Transport.DISCARD)


@dataclass(frozen=True, slots=True)
class Route:
    """A transport and its target. Recipients of one message with equal routes go in one attempt.

    `smtp:127.0.0.1:2525`, `smtp:[::1]:25`, `smtp:one:25,two:25` (in this order), `smtps:one:465`,
    `lmtp:unix:/run/lmtp`, `mx:example.org`, `maildir:alice`, `atrn:example.org`, `pipe:procmail`, `http:tickets`,
    `catch:`, `discard:`. With
    `on_request` (written `smtp:host:25?on-request`) mail waits until somebody asks for it, by ETRN or by hand.
    """

    transport: Transport
    target: str
    on_request: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read `transport:target`. Raises ValueError that names the transports there are."""
        name, colon, target = text.partition(":")
        try:
            transport = Transport(name)
        except ValueError:
            known = ", ".join(item.value for item in Transport)
            raise ValueError(f"no transport {name!r}; there are: {known}") from None
        on_request = target.endswith(_ON_REQUEST)
        target = target.removesuffix(_ON_REQUEST)
        if not colon or (not target and transport.needs_target):
            raise ValueError(f"a route is written transport:target, not {text!r}")
        return cls(transport, target, on_request)

    def __str__(self) -> str:
        # `value` is a property in Python, and the route stands in the reason of every recipient that is accepted.
        return f"{self.transport._value_}:{self.target}{_ON_REQUEST if self.on_request else ''}"
