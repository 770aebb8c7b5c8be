"""The router: is this recipient ours, may it be relayed, and where does it go? RFC 5321 §3.4, §3.6.2, §4.2.3, §5.1.

Asked at RCPT; what it answers is stored with the recipient. `Expansion` follows aliases and forwards through the
tables (pure); the router then asks the mailbox that came out of it whether it takes mail now.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import lru_cache
from typing import Protocol, TypeAlias

from heloise.mail import causes
from heloise.mail.address import Mailbox
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply
from heloise.mail.route import Route, Transport
from heloise.routing.asking import Lookups, NoLookups, decided
from heloise.routing.ends import Expanded, Found, Refusal, lookup_refused
from heloise.routing.expansion import Expansion, is_postmaster, route_elsewhere
from heloise.routing.lookup import LookupFailed, Names, find_route
from heloise.routing.steps import Step, StepKind, Telling
from heloise.routing.tables import RoutingTables, StaticRoute, User
from heloise.smtp import replies

__all__ = ["Accepted", "Mailboxes", "Refusal", "Router", "Routing"]


class Mailboxes(Protocol):
    """What the router asks about the Maildirs of users, by account. May raise OSError. Implemented in `local`.

    Synchronous: each question is one look into the file system's cache, cheaper than a hop to a thread.
    """

    def locked(self, account: str) -> bool:
        """Is the mailbox locked by an operator or a backup?"""
        ...

    def usage(self, account: str) -> int:
        """Octets in the mailbox; asked only of users with a quota."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Exploded:
    """A mailing list: what goes to `members` has `owner` as its reverse path. RFC 5321 §3.9.2."""

    owner: Mailbox
    members: tuple[tuple[ForwardPath, Route], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """Mail for the recipient is taken: say `reply` (250 or 251), store `expansions` and the members of `lists`.

    `expansions` has more than one entry when the name is an alias with several targets, and none when it leads to
    lists only. `told` is what a verbose session hears about it (VERB), without code.
    """

    reply: Reply
    expansions: tuple[tuple[ForwardPath, Route], ...]
    lists: tuple[Exploded, ...] = ()
    told: tuple[str, ...] = ()


Routing: TypeAlias = Accepted | Refusal


class Router:
    """Decides by `tables`, which may be replaced while it is at work; `mailboxes` tells whether a user's mailbox takes
    mail now, `lookups` ask the maps that the tables name."""

    def __init__(self, tables: RoutingTables, mailboxes: Mailboxes, lookups: Lookups | None = None) -> None:
        self._mailboxes = mailboxes
        self._lookups = lookups if lookups is not None else NoLookups()
        self.use(tables)

    def use(self, tables: RoutingTables) -> None:
        """Decide by these from now on."""
        self._tables = tables
        self._names = Names(tables)
        # The same recipient comes again and again, and what is in memory answers the same each time. The domain as
        # written is part of the key because a path keeps its case although it compares without.
        self._remembered: Callable[[ForwardPath, str], Found] = lru_cache(maxsize=4096)(
            lambda path, domain_as_written: Expansion(self._names).expand(path)
        )

    async def route(self, path: ForwardPath, *, may_relay: bool) -> Routing:
        """Where does mail for `path` go, for a client that may or may not send to other people's domains?"""
        routing = self.decide(path, may_relay=may_relay)
        return routing if isinstance(routing, (Accepted, Refusal)) else await routing

    def decide(self, path: ForwardPath, *, may_relay: bool) -> Routing | Awaitable[Routing]:
        """`route`, without waiting as long as no map has to be asked."""
        if not self._tables.maps:
            return self._route(self._names, path, may_relay=may_relay)
        return decided(lambda names: self._route(names, path, may_relay=may_relay), self._tables, self._lookups)

    async def is_local(self, domain: str) -> bool:
        """Is this domain, in lower case, one of ours? Raises LookupFailed."""
        return await decided(lambda names: names.local_domain(domain) is not None, self._tables, self._lookups)

    async def explain(self, path: ForwardPath, *, may_relay: bool) -> tuple[Routing, tuple[Step, ...]]:
        """The same as `route`, with every step that led there."""
        telling = Telling()
        routing = await decided(
            lambda names: self._route(names, path, may_relay=may_relay), self._tables, self._lookups, telling=telling
        )
        return routing, tuple(telling.steps)

    async def route_own(self, path: ForwardPath) -> tuple[tuple[ForwardPath, Route], ...]:
        """Where mail of our own goes, such as a report: nobody's permission is asked, and the queue can wait for a
        mailbox that takes no mail now. Empty when the path leads nowhere.

        Raises:
            LookupFailed: a map can not be asked now.
        """
        found = await decided(lambda names: self._expand(names, path), self._tables, self._lookups)
        if not isinstance(found, Refusal):
            return tuple((target.path, target.route) for target in found.targets)
        if found.trouble is not None:
            raise found.trouble
        return ()

    def _route(self, names: Names, path: ForwardPath, *, may_relay: bool) -> Routing:
        domain = path.domain
        try:
            is_elsewhere = domain is not None and names.local_domain(domain) is None
        except LookupFailed as trouble:
            return lookup_refused(path, trouble)
        if domain is not None and is_elsewhere:
            return self._route_elsewhere(names, path, domain, may_relay=may_relay)
        found = self._expand(names, path)
        if isinstance(found, Refusal):
            return found
        # RFC 5321 §4.5.1: Postmaster is taken whatever his mailbox says; the queue waits for it.
        objection = None if is_postmaster(path) else self._objection(path, found)
        return Refusal(objection) if objection is not None else _accepted(path, found)

    def _expand(self, names: Names, path: ForwardPath) -> Found:
        if names.tables.maps or names.telling is not None:
            return Expansion(names).expand(path)
        return self._remembered(path, "" if path.mailbox is None else path.mailbox.domain)

    def _route_elsewhere(self, names: Names, path: ForwardPath, domain: str, *, may_relay: bool) -> Routing:
        found = find_route(names.tables, domain)
        rule = None if found is None else found.rule
        route = route_elsewhere(found, domain)
        if names.telling is not None:
            names.telling.note(StepKind.ELSEWHERE, path, route, rule=rule)
        if not may_relay and not (isinstance(found, StaticRoute) and found.for_strangers):
            cause = causes.RELAY_DENIED.because(rule, recipient=path, domain=domain)
            return Refusal(replies.relay_denied(path, cause))
        cause = causes.RECIPIENT_ACCEPTED.because(rule, recipient=path, route=route)
        return Accepted(reply=replies.RECIPIENT_OK.with_cause(cause), expansions=((path, route),))

    def _objection(self, path: ForwardPath, found: Expanded) -> Reply | None:
        """The reply of the one mailbox behind the name, when it takes no mail now.

        Of several mailboxes one in trouble does not refuse the mail of the others: it waits in the queue. The only
        member of a list does not either: that is between him and the owner.
        """
        if len(found.targets) != 1 or found.targets[0].owner is not None:
            return None
        target = found.targets[0]
        if target.user is None or target.route.transport is not Transport.MAILDIR:
            return None
        try:
            return self._mailbox_objection(path, target.user, target.route.target)
        except OSError as error:
            cause = causes.LOOKUP_FAILED.because(target.user.rule, recipient=path, error=error)
            return replies.lookup_failed(path, cause)

    def _mailbox_objection(self, path: ForwardPath, user: User, account: str) -> Reply | None:
        if self._mailboxes.locked(account):
            return replies.mailbox_locked(path, causes.MAILBOX_LOCKED.because(user.rule, account=account))
        if user.quota is None:
            return None
        usage = self._mailboxes.usage(account)
        if usage < user.quota:
            return None
        cause = causes.MAILBOX_FULL.because(user.rule, account=account, usage=usage, quota=user.quota)
        return replies.mailbox_full(path, cause)


def _accepted(path: ForwardPath, found: Expanded) -> Accepted:
    expansions = tuple((target.path, target.route) for target in found.targets if target.owner is None)
    if found.forwarded_to is not None:
        cause = causes.RECIPIENT_FORWARDED.because(found.rule, recipient=path, to=found.forwarded_to)
        reply = replies.will_forward(found.forwarded_to, cause)
    else:
        routes = ", ".join(str(target.route) for target in found.targets)
        cause = causes.RECIPIENT_ACCEPTED.because(found.rule, recipient=path, route=routes)
        reply = replies.RECIPIENT_OK.with_cause(cause)
    return Accepted(
        reply=reply,
        expansions=expansions,
        lists=() if len(expansions) == len(found.targets) else _lists(found),
        told=found.told,
    )


def _lists(found: Expanded) -> tuple[Exploded, ...]:
    members: dict[Mailbox, list[tuple[ForwardPath, Route]]] = {}
    for target in found.targets:
        if target.owner is not None:
            members.setdefault(target.owner, []).append((target.path, target.route))
    return tuple(Exploded(owner=owner, members=tuple(reached)) for owner, reached in members.items())
