"""Sections about how the server works: `[retry]`, `[delivery]`, `[dns]`, `[passport]`, `[log]`."""

# ruff: noqa: RUF009  (all defaults are immutable)

from dataclasses import dataclass

from heloise.config.kinds import AbsolutePath, RouteDomain, Seconds
from heloise.delivery.rate import Rate
from heloise.observe.log import LogFormat, LogLevel
from heloise.world.network import AnyEndpoint
from heloise.world.tls import TlsLevel

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Retry:
    """`[retry]`: what is done with mail that can not be delivered yet. RFC 5321 §4.5.4.1."""

    intervals: tuple[Seconds, ...] = tuple(
        Seconds(wait) for wait in (5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 4 * _HOUR)
    )
    """How long to wait after the first attempt, the second, and so on; the last one holds from then on."""

    expire_after: Seconds = Seconds(5 * _DAY)
    """Give up after this and report to the sender. RFC 5321 §4.5.4.1 asks for four or five days."""

    warn_after: Seconds = Seconds(4 * _HOUR)
    """Tell the sender that the message is late, once; "0s" for never. A sender may forbid it by NOTIFY (RFC 3461)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """`[delivery]`: how mail is sent on."""

    concurrency: int = 200
    """Attempts at a time, to all destinations together."""

    per_destination: int = 20
    """Connections at a time to one destination, which is a set of mail exchangers, whatever domains they serve. It
    begins with few, and has more as the destination takes mail."""

    rate: Rate | None = None
    """Messages in a time to one destination, such as "100/1m"; without it as many as it takes. A limit that a
    destination has and tells nobody is found out by what it says; `heloise queue destinations` shows the pace."""

    connect_timeout: Seconds = Seconds(30)
    """How long to wait for a connection."""

    tls: TlsLevel = TlsLevel.MAY
    """"may": under TLS where a host offers STARTTLS, in plaintext where it does not or where the handshake fails;
    "encrypt": never in plaintext; "verify": and only to a host with a certificate for its name; "none": always in
    plaintext. Mail that can not go as it has to is tried again and told about like any delay."""

    senders_may_waive_tls: bool = False
    """Where `tls` is "encrypt" or "verify", let a message with the header field "TLS-Required: No" (RFC 8689) go as
    with "may": rather in plaintext than not at all. Never one whose sender said REQUIRETLS."""

    ca_file: AbsolutePath | None = None
    """Authorities (PEM) to believe for "verify", in place of those of the system."""

    certificate: AbsolutePath | None = None
    """A certificate (PEM, with its chain) that is shown to hosts that ask who we are. It is read again when it
    changes."""

    key: AbsolutePath | None = None
    """The private key of `certificate` (PEM, without a password)."""

    verbose_peers: tuple[RouteDomain, ...] = ()
    """Mail exchangers of our own that are asked by VERB what they do, when a client of ours asked us so; what they tell
    is passed on to it. Hosts of a [[route]] and the smarthost are asked without being named here, others never.
    ".example.org" means all below example.org."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DestinationLimits:
    """`[[destination]]`: how hard some next hops may be worked, and how mail to them is protected, when that is other
    than [delivery] says. There may be several; the first that names a host counts."""

    hosts: tuple[RouteDomain, ...]
    """Names of mail exchangers or of hosts in a route; ".google.com" means all below google.com."""

    concurrency: int | None = None
    """Connections at a time."""

    rate: Rate | None = None
    """Messages in a time, such as "100/1m" or "5/1s"."""

    tls: TlsLevel | None = None
    """As in [delivery]."""

    senders_may_waive_tls: bool | None = None
    """As in [delivery]."""

    xforward: bool = False
    """Tell these hosts where each message is from, by XFORWARD of Postfix, if they offer it: for content filters of
    ours, and servers behind this one."""

    certificate: AbsolutePath | None = None
    """As in [delivery], for these hosts."""

    key: AbsolutePath | None = None
    """The private key of `certificate`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Dns:
    """`[dns]`: whom to ask about names."""

    nameservers: tuple[AnyEndpoint, ...] = ()
    """Ask these ("127.0.0.1:53") instead of those the system is set up with."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Passport:
    """`[passport]`: the history of each message, from the session that brought it to the last reply about it, for
    `heloise trace`. It is kept after the message has left, and never what is in a message."""

    keep: Seconds = Seconds(30 * _DAY)
    """How long, from the moment a message was accepted; never shorter than [retry] expire_after."""

    messages: int = 1_000_000
    """How many at most, about: then the oldest go. A million takes some 600 MB of disk."""

    off: bool = False
    """Keep none; what is there already stays."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Log:
    """`[log]`: what the server writes down. Contents of messages and secrets never are."""

    format: LogFormat = LogFormat.TEXT
    """"text" to read, or "json", one object a line."""

    level: LogLevel = LogLevel.INFO
    """"debug", "info", "warning" or "error"."""

    file: AbsolutePath | None = None
    """Append to this file; to standard error when it is not given. A relative path begins at the file."""
