"""Following a local name through aliases, forwards, tags and catch-alls to its ends. RFC 5321 §3.4, §3.9, §6.3.

Pure: asks tables only. Whether a mailbox takes mail now is the router's question.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias, assert_never

from heloise.mail import causes
from heloise.mail.address import Mailbox
from heloise.mail.cause import Rule
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply
from heloise.mail.route import Route, Transport
from heloise.routing.lists import owner_of
from heloise.routing.lookup import find_catch_all, find_entry, find_route, find_user, smells_of_routing, without_tag
from heloise.routing.tables import (
    Alias,
    Entry,
    Forward,
    ForwardKind,
    LocalDomain,
    RoutingTables,
    Smarthost,
    StaticRoute,
    User,
    target_mailbox,
)
from heloise.smtp import replies

MAXIMUM_DEPTH = 20  # RFC 5321 §6.3 wants loops found; nobody nests aliases this deep on purpose


@dataclass(frozen=True, slots=True)
class Refusal:
    """It is not: say `reply`."""

    reply: Reply


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """One end of an expansion: a path, its route, and the user behind it when it is a mailbox of ours.

    `owner` when it is reached as the member of a mailing list: of the last one, when lists lie in lists.
    """

    path: ForwardPath
    route: Route
    user: User | None = None
    owner: Mailbox | None = None
    rule: Rule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Expanded:
    """All ends of a name. `forwarded_to` when the name itself has moved, so that 251 is the answer."""

    targets: tuple[Target, ...]
    rule: Rule | None = None
    forwarded_to: ForwardPath | None = None
    told: tuple[str, ...] = ()


Found: TypeAlias = Expanded | Refusal


class Expansion:
    """One walk through aliases and forwards, with the names it is under way with."""

    def __init__(self, tables: RoutingTables) -> None:
        self._tables = tables
        self._under_way: list[ForwardPath] = []
        self._told: list[str] = []

    def expand(self, path: ForwardPath) -> Found:
        """Follow `path` to its ends."""
        found = self._follow(path)
        if isinstance(found, Refusal):
            return found
        unique: dict[object, Target] = {}
        for target in found.targets:
            # One mailbox named twice, even under two domains, gets one copy (RFC 5321 §3.9).
            unique.setdefault(target.route if target.user is not None else (target.path, target.route), target)
        return Expanded(
            targets=tuple(unique.values()),
            rule=found.rule,
            forwarded_to=found.forwarded_to,
            told=tuple(self._told),
        )

    def _follow(self, path: ForwardPath) -> Found:
        domain = path.domain
        if domain is not None and domain not in self._tables.domains:
            route = find_route(self._tables, domain)
            return _one(Target(path=path, route=route_elsewhere(route, domain), rule=route.rule if route else None))
        if path in self._under_way:
            return self._own_mailbox(path)
        if len(self._under_way) >= MAXIMUM_DEPTH:
            return self._loop(path)
        self._under_way.append(path)
        try:
            return self._follow_local(path, domain)
        finally:
            self._under_way.pop()

    def _follow_local(self, path: ForwardPath, domain: str | None) -> Found:
        if path.mailbox is None or domain is None:
            primary = next(iter(self._tables.domains), None)
            return self._unknown(path, None) if primary is None else self._follow_postmaster(path, primary)
        local_part = path.mailbox.local_part
        entry = find_entry(self._tables, local_part, domain)
        if entry is not None:
            return self._follow_entry(path, entry, domain)
        if is_postmaster(path):
            return self._follow_postmaster(path, domain)
        if smells_of_routing(local_part):
            cause = causes.RECIPIENT_NAME.because(self._tables.domains[domain].rule, recipient=path)
            return Refusal(replies.name_not_allowed(path, cause))
        user = without_tag(self._tables, local_part)
        entry = None if user is None else find_entry(self._tables, user, domain)
        if entry is not None:
            return self._follow_entry(path, entry, domain)
        return self._follow_unknown(path, self._tables.domains[domain])

    def _follow_entry(self, path: ForwardPath, entry: Entry, domain: str) -> Found:
        match entry:
            case User():
                return _one(Target(path=path, route=entry.destination, user=entry, rule=entry.rule))
            case Alias():
                return self._follow_alias(path, entry, domain)
            case Forward():
                return self._follow_forward(path, entry)
            case _:
                assert_never(entry)

    def _follow_alias(self, path: ForwardPath, alias: Alias, domain: str) -> Found:
        self._told.append(f"{path}... aliased to {', '.join(alias.targets)}")
        targets: list[Target] = []
        refusals: list[Refusal] = []
        for text in alias.targets:
            target = ForwardPath(target_mailbox(text, domain))
            found = self._follow(target)
            if isinstance(found, Expanded):
                targets += found.targets
            elif found.reply.cause.kind is causes.ALIAS_LOOP:
                return found
            else:
                refusals.append(found)
                # One dead name among several must neither be lost in silence nor refuse the others: it goes to the
                # queue by a route that fails there, and the sender is told who did not get the mail.
                targets.append(Target(path=target, route=Route(Transport.MAILDIR, str(target.mailbox))))
        if len(refusals) == len(alias.targets):
            return refusals[0]
        return Expanded(targets=owned(targets, owner_of(self._tables, alias, domain)), rule=alias.rule)

    def _follow_forward(self, path: ForwardPath, forward: Forward) -> Found:
        if forward.kind is ForwardKind.TELL:
            cause = causes.RECIPIENT_MOVED.because(forward.rule, recipient=path, to=forward.to)
            return Refusal(replies.please_try(forward.to, cause))
        self._told.append(f"{path}... forwarded to {forward.to}")
        found = self._follow(forward.to)
        if isinstance(found, Refusal):
            return found
        return Expanded(targets=found.targets, rule=forward.rule, forwarded_to=forward.to)

    def _follow_postmaster(self, path: ForwardPath, domain: str) -> Found:
        entry = find_entry(self._tables, "postmaster", domain)
        if entry is not None:
            return self._follow_entry(path, entry, domain)
        if self._tables.postmaster is None:
            return self._unknown(path, None)
        return self._deliver_as(path, self._tables.postmaster, domain)

    def _follow_unknown(self, path: ForwardPath, domain: LocalDomain) -> Found:
        catch_all = find_catch_all(self._tables, domain.name.lower())
        if catch_all is None:
            return self._unknown(path, domain.rule)
        found = self._deliver_as(path, catch_all.target, domain.name.lower())
        if isinstance(found, Expanded):
            return Expanded(targets=found.targets, rule=catch_all.rule)
        return found

    def _deliver_as(self, path: ForwardPath, target: str, domain: str) -> Found:
        """Follow `target`; a mailbox of ours gets the mail under the name it came for."""
        found = self._follow(ForwardPath(target_mailbox(target, domain)))
        if isinstance(found, Expanded) and len(found.targets) == 1 and found.targets[0].user is not None:
            only = found.targets[0]
            return _one(Target(path=path, route=only.route, user=only.user, rule=only.rule))
        return found

    def _own_mailbox(self, path: ForwardPath) -> Found:
        """A name that leads back to itself means its own mailbox, if it has one: `alice: alice, bob@elsewhere`."""
        assert path.mailbox is not None
        user = find_user(self._tables, path.mailbox.local_part, path.mailbox.domain.lower())
        if user is None:
            return self._loop(path)
        return _one(Target(path=path, route=user.destination, user=user, rule=user.rule))

    def _loop(self, path: ForwardPath) -> Refusal:
        first = self._under_way[0]
        walked = " → ".join(str(name) for name in (*self._under_way, path))
        cause = causes.ALIAS_LOOP.because(self._rule_of(path), recipient=first, walked=walked)
        return Refusal(replies.alias_loop(first, cause))

    def _unknown(self, path: ForwardPath, rule: Rule | None) -> Refusal:
        cause = causes.RECIPIENT_UNKNOWN.because(rule, recipient=path)
        return Refusal(replies.recipient_unknown(path, cause))

    def _rule_of(self, path: ForwardPath) -> Rule | None:
        if path.mailbox is None:
            return None
        entry = find_entry(self._tables, path.mailbox.local_part, path.mailbox.domain.lower())
        return None if entry is None else entry.rule


def owned(targets: Sequence[Target], owner: Mailbox | None) -> tuple[Target, ...]:
    """The members of a list of `owner`; those of a list inside of it stay with theirs."""
    if owner is None:
        return tuple(targets)
    return tuple(target if target.owner is not None else replace(target, owner=owner) for target in targets)


def _one(target: Target) -> Expanded:
    return Expanded(targets=(target,), rule=target.rule)


def is_postmaster(path: ForwardPath) -> bool:
    """Bare Postmaster, or postmaster at some domain. RFC 5321 §4.5.1: in any case of letters."""
    return path.mailbox is None or path.mailbox.local_part.casefold() == "postmaster"


def route_elsewhere(found: StaticRoute | Smarthost | None, domain: str) -> Route:
    """The route of a domain that is not local: as configured, or its mail exchangers."""
    return Route(Transport.MX, domain) if found is None else found.route
