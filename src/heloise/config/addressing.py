"""Sections about where mail goes: `[local]`, `[[user]]`, `[aliases]`, `[forwards]`, `[[route]]`."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from heloise.config.kinds import Account, Domain, Name, Octets, RouteDomain
from heloise.mail.address import Mailbox
from heloise.mail.route import Route


class LineEndings(Enum):
    """How lines end in a Maildir."""

    CRLF = "crlf"
    LF = "lf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """`[local]`: the domains whose mailboxes are here."""

    domains: tuple[Domain, ...] = ()
    """Mail for these is delivered here; an unknown name in them gets 550 5.1.1. The first is the primary one: names
    without a domain are completed with it."""

    maildir: str = "mail/{user}/Maildir"
    """Where the Maildir of a user is; {user} stands for the name of his mailbox. A relative path begins at the
    directory of the state."""

    line_endings: LineEndings = LineEndings.CRLF
    """How lines end in Maildirs: "crlf" keeps every octet as it came, so that signatures verify; "lf" is for programs
    that know nothing else."""

    postmaster: Name | None = None
    """Who gets the mail for Postmaster, which every server must take (RFC 5321 §4.5.1), unless an alias says so."""

    separator: str = "+"
    """Begins the tag in alice+tag@example.org, whose mail alice gets; empty for no tags."""

    catch_all: Mapping[str, Name] = field(default_factory=dict)
    """Who gets the mail for unknown names, by local domain: { "example.org" = "alice" }; "*" for all of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """`[[user]]`: somebody with a mailbox here. There may be several."""

    name: Name
    """The local part, for all local domains ("alice"), or an address in one of them ("alice@example.org")."""

    full_name: str = ""
    """For people; VRFY shows it to those who may ask."""

    account: Account | None = None
    """The name of the mailbox on the disk; the local part when it is not given."""

    quota: Octets | None = None
    """Mail is refused by 552 5.2.2 when the mailbox holds this much; no limit when it is not given."""

    route: Route | None = None
    """Takes the mail elsewhere than to the Maildir, such as "lmtp:unix:/run/dovecot/lmtp"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """An entry of `[forwards]`: a user who has moved. Exactly one of the two is given."""

    relay: Mailbox | None = None
    """Take the mail and send it on to this address; the client is told so by 251."""

    tell: Mailbox | None = None
    """Do not take the mail; the client is told this address by 551."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DomainRoute:
    """`[[route]]`: where mail for some domains goes instead of to their MX. There may be several."""

    domains: tuple[RouteDomain, ...]
    """The domains; ".example.org" means all domains below example.org."""

    to: Route
    """"smtp:host:port", "smtp:host:port,host:port" which tries the second host when the first can not be reached,
    "lmtp:host:port", "lmtp:unix:/path", "mx:domain", "catch:" which keeps it in the inbox of caught mail, or "discard:"
    which throws it away."""

    on_request: bool = False
    """Keep the mail until it is asked for: by ETRN (RFC 1985), or by `heloise queue retry`. For sites that are
    connected now and then."""

    for_strangers: bool = False
    """Take mail for these domains from everybody, as a gateway or a backup MX does; else only from [relay] networks."""
