"""Sections about where mail goes: `[local]`, `[[user]]`, `[aliases]`, `[[list]]`, `[forwards]`, `[srs]`,
`[[route]]`."""

# ruff: noqa: RUF009  (all defaults are immutable)

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum

from heloise.config.kinds import AbsolutePath, Account, AliasTarget, Domain, Name, Octets, RouteDomain, Seconds
from heloise.mail.address import Mailbox
from heloise.mail.route import Route


class LineEndings(Enum):
    """How lines end in a Maildir."""

    CRLF = "crlf"
    LF = "lf"


class Separator(Enum):
    """What the Sender Rewriting Scheme lets stand behind its tag."""

    EQUAL = "="
    PLUS = "+"
    MINUS = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class Local:
    """`[local]`: the domains whose mailboxes are here."""

    domains: tuple[Domain, ...] = ()
    """Mail for these is delivered here; an unknown name in them gets 550 5.1.1. The first is the primary one: names
    without a domain are completed with it."""

    virtual_domains: tuple[Domain, ...] = ()
    """Local domains in which only whole addresses are known: a user, alias or forward "alice@example.org" is one there,
    and "alice" is not. See [[map]] for many of them."""

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

    @property
    def all_domains(self) -> tuple[Domain, ...]:
        """Those named here, virtual ones last."""
        return self.domains + self.virtual_domains


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
class MailingList:
    """`[[list]]`: a name whose mail goes to members, and comes back to an owner when it can not. There may be several.

    Only the reverse path is changed, the message is not.
    """

    name: Name
    """The local part, for all local domains ("team"), or an address in one of them ("team@example.org")."""

    members: tuple[AliasTarget, ...]
    """Who gets the mail: names here and addresses anywhere, other lists included; ":include:lists/team" stands for
    those in a file, as for an alias. Whoever writes to the list and is a member gets a copy like everybody else."""

    owner: Name | None = None
    """Who gets the reports about members that can not be reached; whoever is called owner-NAME or NAME-owner when it is
    not given. An alias is a list as well when there is an owner-NAME for it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Srs:
    """`[srs]`: the Sender Rewriting Scheme, for mail that is forwarded to other servers.

    Such mail of a sender elsewhere fails SPF there, unless it goes on under an address of ours; reports to that address
    find the way back to the sender.
    """

    secrets: AbsolutePath | None = None
    """A file with a secret in each line: the first one signs, all of them are believed, so that a new one can be put
    before the others. Without the file no sender is rewritten. `openssl rand -hex 16` makes one."""

    domain: Domain | None = None
    """The domain of the addresses, one of [local] domains; the primary one when it is not given."""

    separator: Separator = Separator.EQUAL
    """What stands behind SRS0 in the addresses."""

    max_age: Seconds = Seconds(21 * 86400)
    """How long reports find the way back, in whole days; longer than any server keeps trying."""


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
