"""The tables a router decides by: local domains, users, aliases, forwards, static routes. Frozen, each with its rule.

A *name* is `alice` (in every local domain but the virtual ones) or `alice@example.org` (in that one). A *target* is
written the same way; without a domain it means the name in the domain the mail came for. Names and domains compare
without case: what a local part means is the receiving host's business (RFC 5321 §2.4), and no user of ours differs from
another by case.

What is not in memory is in a `LookupMap`, and asked for by name (`heloise.routing.lookup`).
"""

from dataclasses import dataclass, field
from enum import Enum
from typing import TypeAlias, assert_never

from heloise.mail.address import AddressError, Mailbox, check_domain
from heloise.mail.cause import Rule
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route, Transport

NameKey: TypeAlias = tuple[str, str | None]


def name_key(text: str) -> NameKey:
    """What a name is found by: local part and domain in lower case, domain None for every one. Raises AddressError."""
    if "@" not in text:
        Mailbox.from_text(f"{text}@localhost")
        return text.casefold(), None
    mailbox = Mailbox.from_text(text)
    return mailbox.local_part.casefold(), mailbox.domain.lower()


def target_mailbox(text: str, domain: str) -> Mailbox:
    """The address a target means to mail that came for `domain`. Raises AddressError."""
    return Mailbox.from_text(text if "@" in text else f"{text}@{domain}")


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalDomain:
    """A domain whose mailboxes are ours: what we do not know in it is unknown to all. May be an address literal.

    A `virtual` one has names of its own only: `alice` does not mean `alice@` here.
    """

    name: str
    virtual: bool = False
    rule: Rule | None = None

    def __post_init__(self) -> None:
        check_domain(self.name)


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Somebody with a mailbox here.

    `account` names the Maildir (the local part, when None); `full_name` is for VRFY; `quota` in octets, None for no
    limit; `route` takes the mail elsewhere than to the Maildir, such as to LMTP.
    """

    name: str
    account: str | None = None
    full_name: str = ""
    quota: int | None = None
    route: Route | None = None
    rule: Rule | None = None

    def __post_init__(self) -> None:
        local_part, _ = name_key(self.name)
        if self.account is None:
            object.__setattr__(self, "account", local_part)

    @property
    def destination(self) -> Route:
        """Where this user's mail goes."""
        assert self.account is not None  # set in __post_init__
        return self.route or Route(Transport.MAILDIR, self.account)


@dataclass(frozen=True, slots=True)
class Member:
    """One of those an alias stands for, and where that is written."""

    target: str
    rule: Rule | None = None

    def __post_init__(self) -> None:
        name_key(self.target)


@dataclass(frozen=True, slots=True)
class Included:
    """The members that an alias has from a file of their own, one a line."""

    file: str
    members: tuple[Member, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Alias:
    """A name that stands for others, here or elsewhere. RFC 5321 §3.9.1.

    With an `owner` (written like a target) it is a mailing list: what goes on to its members goes on under the
    owner's reverse path, so that he hears of members who get no mail (§3.9.2). See `heloise.routing.lists`.
    """

    name: str
    targets: tuple[str, ...] = ()
    included: tuple[Included, ...] = ()
    owner: str | None = None
    rule: Rule | None = None

    def __post_init__(self) -> None:
        name_key(self.name)
        if not self.targets and not self.included:
            raise AddressError(f"the alias {self.name} has no target")
        for target in (*self.targets, *(() if self.owner is None else (self.owner,))):
            name_key(target)

    @property
    def written(self) -> tuple[str, ...]:
        """What it stands for, as one would write it; a file is named, not read out."""
        return (*self.targets, *[f":include:{included.file}" for included in self.included])

    @property
    def members(self) -> tuple[Member, ...]:
        """All of them, those in files last."""
        return (*map(Member, self.targets), *[member for included in self.included for member in included.members])


class ForwardKind(Enum):
    """What is done with mail for somebody who has moved. RFC 5321 §3.4."""

    RELAY = "relay"  # 251: take it and send it on
    TELL = "tell"  # 551: do not take it, say where the user is


@dataclass(frozen=True, slots=True, kw_only=True)
class Forward:
    """Somebody who has moved to `to`."""

    name: str
    to: ForwardPath
    kind: ForwardKind = ForwardKind.RELAY
    rule: Rule | None = None

    def __post_init__(self) -> None:
        name_key(self.name)
        if self.to.mailbox is None:
            raise AddressError(f"{self.name} can not be forwarded to a Postmaster without a domain")


@dataclass(frozen=True, slots=True, kw_only=True)
class StaticRoute:
    """Where mail for a domain goes instead of to its MX; `.example.org` means all domains below example.org.

    `for_strangers` takes mail for it from anybody, as a gateway or a backup MX does; without it only from those who
    may relay.
    """

    domain: str
    route: Route
    for_strangers: bool = False
    rule: Rule | None = None

    def __post_init__(self) -> None:
        check_domain(self.domain.removeprefix("."))


@dataclass(frozen=True, slots=True, kw_only=True)
class Smarthost:
    """Takes everything that has no other route."""

    route: Route
    rule: Rule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchAll:
    """Who gets the mail for unknown names, in `domain` or, when that is None, in every local domain."""

    target: str
    domain: str | None = None
    rule: Rule | None = None

    def __post_init__(self) -> None:
        name_key(self.target)


Entry: TypeAlias = Alias | Forward | User


class Supplies(Enum):
    """What a map is asked for. In the order of precedence: an alias stands before a forward, that before a user."""

    ALIASES = "aliases"
    FORWARDS = "forwards"
    USERS = "users"
    DOMAINS = "domains"
    VIRTUAL_DOMAINS = "virtual_domains"

    @property
    def are_names(self) -> bool:
        """False for those that supply domains."""
        return self in _PRECEDENCE


_PRECEDENCE = (Supplies.ALIASES, Supplies.FORWARDS, Supplies.USERS)


@dataclass(frozen=True, slots=True, kw_only=True)
class LookupMap:
    """A table that is not in memory but asked for one name at a time. `number` tells one from the other; `tells` makes
    its forwards those of kind TELL."""

    number: int
    supplies: Supplies
    shown: str
    tells: bool = False
    rule: Rule | None = None

    @property
    def precedence(self) -> int:
        """Less comes first; only of maps that supply names."""
        return _PRECEDENCE.index(self.supplies)


def precedence(entry: Entry) -> int:
    """That of an entry in memory, to compare with a map's."""
    match entry:
        case Alias():
            return 0
        case Forward():
            return 1
        case User():
            return 2
        case _:
            assert_never(entry)


@dataclass(frozen=True, slots=True, kw_only=True)
class RoutingTables:
    """All tables. The first local domain is the primary one: bare names are completed with it.

    `postmaster` is the target of mail for Postmaster unless a table has that name (RFC 5321 §4.5.1); `tag_separator`
    begins the tag of `user+tag`, empty for no tags.
    """

    local_domains: tuple[LocalDomain, ...] = ()
    users: tuple[User, ...] = ()
    aliases: tuple[Alias, ...] = ()
    forwards: tuple[Forward, ...] = ()
    static_routes: tuple[StaticRoute, ...] = ()
    smarthost: Smarthost | None = None
    catch_all: tuple[CatchAll, ...] = ()
    postmaster: str | None = None
    tag_separator: str = "+"
    maps: tuple[LookupMap, ...] = ()
    name_maps: tuple[LookupMap, ...] = field(init=False, repr=False, compare=False)
    domain_maps: tuple[LookupMap, ...] = field(init=False, repr=False, compare=False)
    domains: dict[str, LocalDomain] = field(init=False, repr=False, compare=False)
    entries: dict[NameKey, Entry] = field(init=False, repr=False, compare=False)
    users_by_key: dict[NameKey, User] = field(init=False, repr=False, compare=False)
    routes_by_domain: dict[str, StaticRoute] = field(init=False, repr=False, compare=False)
    catch_all_by_domain: dict[str | None, CatchAll] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        if self.postmaster is not None:
            name_key(self.postmaster)
        # An alias stands before a forward, a forward before a user of the same name; the user is still found through
        # users_by_key, so that an alias may name its own name to keep a copy.
        named: tuple[Entry, ...] = (*self.users, *self.forwards, *self.aliases)
        for name, index in (
            ("name_maps", tuple(sorted((m for m in self.maps if m.supplies.are_names), key=_by_precedence))),
            ("domain_maps", tuple(m for m in self.maps if not m.supplies.are_names)),
            ("domains", {domain.name.lower(): domain for domain in self.local_domains}),
            ("entries", {name_key(entry.name): entry for entry in named}),
            ("users_by_key", {name_key(user.name): user for user in self.users}),
            ("routes_by_domain", {static.domain.lower(): static for static in self.static_routes}),
            (
                "catch_all_by_domain",
                {None if item.domain is None else item.domain.lower(): item for item in self.catch_all},
            ),
        ):
            object.__setattr__(self, name, index)


def _by_precedence(lookup: LookupMap) -> int:
    return lookup.precedence
