"""Sections about connections that come in: `[[listener]]`, `[extensions]`, `[relay]`, `[limits]`, `[etrn]`."""

# ruff: noqa: RUF009  (all defaults are immutable)

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_network

from heloise.config.kinds import Network, Octets, Seconds
from heloise.reception.admission import Audience
from heloise.smtp.limits import SessionLimits
from heloise.world.network import AnyEndpoint

_SESSION = SessionLimits()


class Protocol(Enum):
    """What is spoken on a listener."""

    SMTP = "smtp"
    LMTP = "lmtp"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """`[[listener]]`: one address to take connections on. There may be several."""

    address: AnyEndpoint
    """Where to listen: "127.0.0.1:25", "[::1]:25", or "unix:/path" (a relative path begins at the file). Port 0 takes
    a free one, which is logged."""

    protocol: Protocol = Protocol.SMTP
    """"smtp", or "lmtp" (RFC 2033) for another mail server that delivers through this one."""

    max_connections: int = 1000
    """So many sessions at a time on this listener; one more is answered by 421."""

    extensions: Mapping[str, Audience] = field(default_factory=dict)
    """As the section [extensions], for this listener only; what it does not name is as there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Relay:
    """`[relay]`: who may send mail through this server to domains that are not its own."""

    networks: tuple[Network, ...] = (ip_network("127.0.0.0/8"), ip_network("::1/128"))
    """Networks whose clients may relay. Everybody else gets 550 5.7.1 for domains that are not local."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """`[limits]`: how much a client may ask of the server. Messages accepted before are never touched by it."""

    message_size: Octets = Octets(_SESSION.message_size)
    """The largest message, told to clients by SIZE (RFC 1870); larger ones get 552 5.3.4. 0 for no limit."""

    recipients: int = _SESSION.recipients
    """Recipients in one transaction; one more gets 452 4.5.3. RFC 5321 §4.5.3.1.8 asks for at least 100."""

    received_fields: int = _SESSION.received_fields
    """A message with more Received fields goes in circles: 554 5.4.6."""

    errors: int = _SESSION.errors
    """Refused commands in a session before it is ended by 421."""

    connections: int = 2000
    """Sessions at a time, on all listeners together."""

    connections_per_client: int = 100
    """Sessions at a time from one address. Not counted on Unix sockets."""

    command_timeout: Seconds = Seconds(_SESSION.command_timeout)
    """How long a client may be silent between commands. RFC 5321 §4.5.3.2.7 asks for five minutes."""

    data_timeout: Seconds = Seconds(_SESSION.data_timeout)
    """How long a client may be silent within a message."""

    command_line: Octets = Octets(_SESSION.command_line)
    """The longest command line; a longer one gets 500."""

    text_line: Octets = Octets(_SESSION.text_line)
    """The longest line of a message; RFC 5321 §4.5.3.1.6 asks for at least 1000."""

    minimum_free: Octets = Octets(100 << 20)
    """New mail gets 452 4.3.1 while the disk of the queue has less room than this."""

    @property
    def session(self) -> SessionLimits:
        """The part of it that the protocol engine looks at."""
        return SessionLimits(
            message_size=self.message_size,
            recipients=self.recipients,
            received_fields=self.received_fields,
            errors=self.errors,
            command_timeout=self.command_timeout,
            data_timeout=self.data_timeout,
            command_line=self.command_line,
            text_line=self.text_line,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Etrn:
    """`[etrn]`: which waiting mail a client may ask to be delivered now (RFC 1985). Who may ask: [extensions] ETRN."""

    domains: tuple[str, ...] = ("*",)
    """The nodes it may name: domains, ".example.org" for all below one, "*" for every one. Others get 459."""

    def allows(self, node: str) -> bool:
        """May a client name this node (without the leading @ or #)?"""
        node = node.lower()
        return any(
            domain in ("*", node) or (domain.startswith(".") and node.endswith(domain)) for domain in self.domains
        )
