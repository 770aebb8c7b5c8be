"""Sections about connections that come in: `[[listener]]`, `[extensions]`, `[relay]`, `[limits]`, `[etrn]`,
`[[odmr]]`."""

# ruff: noqa: RUF009  (all defaults are immutable)

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import ip_network

from heloise.config.encrypting import ListenerTls
from heloise.config.kinds import Domain, Network, Octets, RouteDomain, Seconds
from heloise.policy.views import ListenerRole
from heloise.reception.admission import Audience
from heloise.smtp.limits import SessionLimits
from heloise.world.network import AnyEndpoint

_SESSION = SessionLimits()


class Protocol(Enum):
    """What is spoken on a listener."""

    SMTP = "smtp"
    LMTP = "lmtp"
    ODMR = "odmr"


@dataclass(frozen=True, slots=True, kw_only=True)
class Listener:
    """`[[listener]]`: one address to take connections on. There may be several."""

    address: AnyEndpoint
    """Where to listen: "127.0.0.1:25", "[::1]:25", or "unix:/path" (a relative path begins at the file). Port 0 takes
    a free one, which is logged."""

    protocol: Protocol = Protocol.SMTP
    """"smtp", or "lmtp" (RFC 2033) for another mail server that delivers through this one, or "odmr" (RFC 2645, port
    366) where sites of [[odmr]] come for their mail and nobody brings any."""

    role: ListenerRole | None = None
    """Whom it is for. "mx": other servers, so AUTH is not offered. "submission": our own users (RFC 6409, port 587 or
    465): nobody brings mail without AUTH, checks of strangers are left out, and a message without Date, Message-ID or
    From gets them. "lmtp": as protocol "lmtp". "dev": programs on this machine, who may use every extension. Without it
    "mx" with AUTH for those who have it, or "submission" with requires_auth."""

    tls: ListenerTls = ListenerTls.STARTTLS
    """"starttls" offers STARTTLS when there is a certificate in [tls]; "implicit" begins with the handshake (RFC 8314,
    port 465); "off" does neither."""

    requires_auth: bool = False
    """Nobody brings mail here without AUTH (RFC 6409, port 587 or 465): MAIL gets 530 before it. Needs [auth] users."""

    allow_plaintext_auth: bool = False
    """Offer PLAIN and LOGIN without TLS as well, where everybody on the way can read the password. Programs on this
    machine may always use them."""

    socket: str | None = None
    """The FileDescriptorName of the socket that systemd hands over for this listener; without it, one that is at the
    address. Where systemd hands over none, the server listens by itself."""

    client_certificates: bool = False
    """Ask clients for a certificate by one of [tls] client_ca. Who shows one is known by AUTH EXTERNAL, if [auth]
    certificates says which user it stands for; who shows none may go on."""

    max_connections: int = 1000
    """So many sessions at a time on this listener; one more is answered by 421."""

    proxy_protocol: bool = False
    """Connections come from a proxy that tells the client's address first (HAProxy's PROXY protocol, version 1 or 2);
    that address counts for everything. Needs `proxies`; nobody else may connect."""

    proxies: tuple[Network, ...] = ()
    """Where the proxies connect from, for proxy_protocol. They are believed whatever address they tell. A proxy on a
    Unix socket counts as 127.0.0.1."""

    extensions: Mapping[str, Audience] = field(default_factory=dict)
    """As the section [extensions], for this listener only; what it does not name is as there."""

    @property
    def for_whom(self) -> ListenerRole:
        """The role, given or following from the rest."""
        if self.role is not None:
            return self.role
        if self.protocol is Protocol.LMTP:
            return ListenerRole.LMTP
        return ListenerRole.SUBMISSION if self.requires_auth else ListenerRole.MX

    @property
    def spoken(self) -> Protocol:
        """The protocol, given or following from the role."""
        return Protocol.LMTP if self.role is ListenerRole.LMTP else self.protocol

    @property
    def auth_is_required(self) -> bool:
        """Does nobody bring mail here without AUTH?"""
        return self.requires_auth or self.role is ListenerRole.SUBMISSION


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

    idle_commands: int = 200
    """Commands that bring no mail (NOOP, RSET, HELP, EHLO again, VRFY, BDAT of less than 1 KiB, ...) that a client may
    give between two messages, in as many seconds; one more ends the session by 421. 0 for no limit."""

    refused_recipients: int = 100
    """Recipients refused one after the other, without one that is taken, before the session is ended by 421. Who sends
    to a list has some that are no more, who guesses names nearly nothing else. 0 for no limit. Not for LMTP."""

    connections: int = 2000
    """Sessions at a time, on all listeners together. Of 400 or more the last quarter is for clients that have less than
    a fiftieth of them, so that a few can not take all; unless one client may have more than a quarter."""

    connections_per_client: int = 100
    """Sessions at a time from one address. Not counted on Unix sockets."""

    connections_per_network: int = 0
    """Sessions at a time from one /24 or, with IPv6, one /64; 0 for no such limit."""

    command_timeout: Seconds = Seconds(_SESSION.command_timeout)
    """How long a client may be silent between commands. RFC 5321 §4.5.3.2.7 asks for five minutes."""

    data_timeout: Seconds = Seconds(_SESSION.data_timeout)
    """How long a client may be silent within a message."""

    data_rate: int = _SESSION.data_rate
    """Octets a second that a message comes in with at least, in the mean of data_timeout; else 421. 0 for no limit."""

    command_line: Octets = Octets(_SESSION.command_line)
    """The longest command line; a longer one gets 500."""

    text_line: Octets = Octets(_SESSION.text_line)
    """The longest line of a message; RFC 5321 §4.5.3.1.6 asks for at least 1000."""

    future_release: Seconds = Seconds(_SESSION.future_release)
    """The longest that a message may be held until it is sent, by HOLDFOR or HOLDUNTIL (RFC 4865); "0s" for never."""

    deliver_by_minimum: Seconds = Seconds(_SESSION.deliver_by_minimum)
    """The least time to deliver a message in that a client may give by BY with R (RFC 2852); less gets 555."""

    memory: Octets | None = None
    """With more memory than this (resident, all processes together) new sessions get 421 and new messages 452. Without
    it, half of what the machine has, or of what the server's control group (systemd, a container) may have; 0 for no
    budget. What sessions take at most follows from `connections`: some 20 KiB each, and up to 100 within a message."""

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
            idle_commands=self.idle_commands,
            refused_recipients=self.refused_recipients,
            command_timeout=self.command_timeout,
            data_timeout=self.data_timeout,
            data_rate=self.data_rate,
            command_line=self.command_line,
            text_line=self.text_line,
            future_release=self.future_release,
            deliver_by_minimum=self.deliver_by_minimum,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class EtrnClient:
    """`[[etrn.client]]`: what the clients of some networks may ask for. They are offered ETRN unless [extensions] has
    it "off"."""

    networks: tuple[Network, ...]
    """Where they connect from. A client on a Unix socket counts as 127.0.0.1."""

    domains: tuple[str, ...]
    """What they may name, in place of [etrn] domains: domains, ".example.org" for all below one, "#name" for a queue of
    [etrn.queues], "*" for everything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Etrn:
    """`[etrn]`: which waiting mail a client may ask to be delivered now (RFC 1985). Who may ask: [extensions] ETRN, and
    the clients of [[etrn.client]]."""

    domains: tuple[str, ...] = ("*",)
    """The nodes it may name: domains, ".example.org" for all below one, "#name" for a queue, "*" for every one. Others
    get 459."""

    clients: tuple[EtrnClient, ...] = field(default=(), metadata={"key": "client"})
    """[[etrn.client]]: for clients of some `networks`, the `domains` they may name in place of these, written alike.
    They are offered ETRN unless [extensions] has it "off"."""

    queues: Mapping[str, tuple[RouteDomain, ...]] = field(default_factory=dict)
    """Names for sets of domains: night = ["a.example", ".b.example"] is asked for by ETRN #night."""

    interval: Seconds = Seconds(30)
    """The mail of a node is started for a client no oftener than this; else 458. "0s" for no limit."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Odmr:
    """`[[odmr]]`: a site that comes for its mail by ATRN (On-Demand Mail Relay, RFC 2645), on a listener with protocol
    "odmr". There may be several."""

    networks: tuple[Network, ...]
    """Where its hosts connect from. A client on a Unix socket counts as 127.0.0.1. Everybody else gets 530."""

    domains: tuple[Domain, ...]
    """Its domains. Mail for them is taken from everybody and kept until the site comes; a [[route]] of theirs says
    otherwise."""
