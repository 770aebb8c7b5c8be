"""Following a local name through aliases, forwards, tags and catch-alls to its ends. RFC 5321 §3.4, §3.9, §6.3.

Pure: asks tables only. Whether a mailbox takes mail now is the router's question.
"""

from collections.abc import Iterable
from dataclasses import replace
from typing import assert_never

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.path import ForwardPath
from heloise.mail.route import Route, Transport
from heloise.routing.ends import Expanded, Found, Refusal, Target, dead_end, lookup_refused, owned
from heloise.routing.lists import owner_of
from heloise.routing.lookup import (
    LookupFailed,
    Names,
    Question,
    Unanswered,
    find_catch_all,
    find_route,
    smells_of_routing,
    without_tag,
)
from heloise.routing.steps import StepKind
from heloise.routing.tables import (
    Alias,
    Entry,
    Forward,
    ForwardKind,
    LocalDomain,
    Member,
    Smarthost,
    StaticRoute,
    User,
    target_mailbox,
)
from heloise.smtp import replies

MAXIMUM_DEPTH = 20  # RFC 5321 §6.3 wants loops found; nobody nests aliases this deep on purpose


class Expansion:
    """One walk through aliases and forwards, with the names it is under way with.

    Raises `Unanswered` when a map has to be asked first; a map in trouble is a refusal.
    """

    def __init__(self, names: Names) -> None:
        self._names = names
        self._tables = names.tables
        self._telling = names.telling
        self._under_way: list[ForwardPath] = []
        self._told: list[str] = []

    def expand(self, path: ForwardPath) -> Found:
        """Follow `path` to its ends."""
        try:
            found = self._follow(path)
        except LookupFailed as trouble:
            return lookup_refused(path, trouble)
        if isinstance(found, Refusal):
            return found
        return Expanded(
            targets=self._each_once(found.targets),
            rule=found.rule,
            forwarded_to=found.forwarded_to,
            told=tuple(self._told),
        )

    def _each_once(self, targets: Iterable[Target]) -> tuple[Target, ...]:
        """One mailbox named twice, even under two domains, gets one copy (RFC 5321 §3.9)."""
        unique: dict[object, Target] = {}
        for target in targets:
            first = unique.setdefault(target.route if target.user is not None else (target.path, target.route), target)
            if first is not target:
                self._note(StepKind.DUPLICATE, target.path, target.route, rule=target.rule)
        return tuple(unique.values())

    def _follow(self, path: ForwardPath) -> Found:
        domain = None
        if path.domain is not None:
            domain = self._names.local_domain(path.domain)
            if domain is None:
                return self._elsewhere(path, path.domain)
        if path in self._under_way:
            return self._own_mailbox(path, domain)
        if len(self._under_way) >= MAXIMUM_DEPTH:
            return self._loop(path, domain)
        self._under_way.append(path)
        try:
            return self._follow_local(path, domain)
        finally:
            self._under_way.pop()

    def _elsewhere(self, path: ForwardPath, domain: str) -> Expanded:
        found = find_route(self._tables, domain)
        route, rule = route_elsewhere(found, domain), None if found is None else found.rule
        self._note(StepKind.ELSEWHERE, path, route, rule=rule)
        return _one(Target(path=path, route=route, rule=rule))

    def _follow_local(self, path: ForwardPath, domain: LocalDomain | None) -> Found:
        if path.mailbox is None or domain is None:
            primary = next(iter(self._tables.domains.values()), None)
            return self._unknown(path, None) if primary is None else self._follow_postmaster(path, primary)
        self._note(StepKind.LOCAL, path, domain.name, rule=domain.rule)
        local_part = path.mailbox.local_part
        entry = self._names.entry(local_part, domain)
        if entry is not None:
            return self._follow_entry(path, entry, domain)
        if is_postmaster(path):
            return self._follow_postmaster(path, domain)
        if smells_of_routing(local_part):
            self._note(StepKind.NOT_ALLOWED, path, rule=domain.rule)
            cause = causes.RECIPIENT_NAME.because(domain.rule, recipient=path)
            return Refusal(replies.name_not_allowed(path, cause))
        user = without_tag(self._tables, local_part)
        entry = None if user is None else self._names.entry(user, domain)
        if entry is not None:
            self._note(StepKind.TAG, path, user)
            return self._follow_entry(path, entry, domain)
        return self._follow_unknown(path, domain)

    def _follow_entry(self, path: ForwardPath, entry: Entry, domain: LocalDomain) -> Found:
        match entry:
            case User():
                return self._mailbox(StepKind.MAILBOX, path, entry)
            case Alias():
                return self._follow_alias(path, entry, domain)
            case Forward():
                return self._follow_forward(path, entry)
            case _:
                assert_never(entry)

    def _mailbox(self, kind: StepKind, path: ForwardPath, user: User) -> Expanded:
        self._note(kind, path, user.destination, rule=user.rule)
        return _one(Target(path=path, route=user.destination, user=user, rule=user.rule))

    def _follow_alias(self, path: ForwardPath, alias: Alias, domain: LocalDomain) -> Found:
        self._told.append(f"{path}... aliased to {', '.join(alias.written)}")
        self._note(StepKind.ALIAS, path, *alias.written, rule=alias.rule)
        targets: list[Target] = []
        refusals: list[Refusal] = []
        missing: list[Question] = []
        for member in alias.members:
            target = ForwardPath(target_mailbox(member.target, domain.name.lower()))
            try:
                found = self._follow_member(target, member)
            except Unanswered as unanswered:
                missing += unanswered.questions  # the others may have questions, too: all are asked at once
                continue
            if isinstance(found, Expanded):
                targets += found.targets
            elif found.reply.cause.kind is causes.ALIAS_LOOP:
                return found
            else:
                refusals.append(found)
                self._note(StepKind.DEAD, target, rule=found.reply.cause.rule)
                # One dead name among several must neither be lost in silence nor refuse the others: it goes to the
                # queue by a route that fails there, and the sender is told who did not get the mail.
                targets.append(Target(path=target, route=dead_end(target)))
        if missing:
            raise Unanswered(*missing)
        if not targets:
            return self._unknown(path, alias.rule)  # its files are empty
        if len(refusals) == len(alias.members):
            return refusals[0]
        owner = owner_of(alias, domain.name.lower(), lambda name: self._names.entry(name, domain) is not None)
        return Expanded(targets=owned(targets, owner), rule=alias.rule)

    def _follow_member(self, target: ForwardPath, member: Member) -> Found:
        """Of a member from a file its line is what an operator has to look at, wherever it leads."""
        if member.rule is None:
            return self._below(target)
        self._note(StepKind.INCLUDED, target, rule=member.rule)
        found = self._below(target)
        if isinstance(found, Expanded):
            return replace(found, targets=tuple(replace(end, rule=end.rule or member.rule) for end in found.targets))
        reply = found.reply
        return Refusal(reply.with_cause(replace(reply.cause, rule=member.rule)))

    def _follow_forward(self, path: ForwardPath, forward: Forward) -> Found:
        if forward.kind is ForwardKind.TELL:
            self._note(StepKind.MOVED, path, forward.to, rule=forward.rule)
            cause = causes.RECIPIENT_MOVED.because(forward.rule, recipient=path, to=forward.to)
            return Refusal(replies.please_try(forward.to, cause))
        self._told.append(f"{path}... forwarded to {forward.to}")
        self._note(StepKind.FORWARD, path, forward.to, rule=forward.rule)
        found = self._below(forward.to)
        if isinstance(found, Refusal):
            return found
        return Expanded(targets=found.targets, rule=forward.rule, forwarded_to=forward.to)

    def _follow_postmaster(self, path: ForwardPath, domain: LocalDomain) -> Found:
        entry = self._names.entry("postmaster", domain)
        if entry is not None:
            return self._follow_entry(path, entry, domain)
        if self._tables.postmaster is None:
            return self._unknown(path, None)
        self._note(StepKind.POSTMASTER, path, self._tables.postmaster)
        return self._deliver_as(path, self._tables.postmaster, domain)

    def _follow_unknown(self, path: ForwardPath, domain: LocalDomain) -> Found:
        catch_all = find_catch_all(self._tables, domain.name.lower())
        if catch_all is None:
            return self._unknown(path, domain.rule)
        self._note(StepKind.CATCH_ALL, path, catch_all.target, rule=catch_all.rule)
        found = self._deliver_as(path, catch_all.target, domain)
        if isinstance(found, Expanded):
            return Expanded(targets=found.targets, rule=catch_all.rule)
        return found

    def _deliver_as(self, path: ForwardPath, target: str, domain: LocalDomain) -> Found:
        """Follow `target`; a mailbox of ours gets the mail under the name it came for.

        A name without domain, when that of the mail is virtual, is one in the primary domain.
        """
        primary = next(iter(self._tables.domains.values()), domain)
        where = primary if domain.virtual else domain
        found = self._below(ForwardPath(target_mailbox(target, where.name.lower())))
        if isinstance(found, Expanded) and len(found.targets) == 1 and found.targets[0].user is not None:
            only = found.targets[0]
            return _one(Target(path=path, route=only.route, user=only.user, rule=only.rule))
        return found

    def _own_mailbox(self, path: ForwardPath, domain: LocalDomain | None) -> Found:
        """A name that leads back to itself means its own mailbox, if it has one: `alice: alice, bob@elsewhere`."""
        assert path.mailbox is not None
        assert domain is not None  # the bare Postmaster is never a target
        user = self._names.user(path.mailbox.local_part, domain)
        if user is None:
            return self._loop(path, domain)
        return self._mailbox(StepKind.OWN_MAILBOX, path, user)

    def _loop(self, path: ForwardPath, domain: LocalDomain | None) -> Refusal:
        first = self._under_way[0]
        walked = " → ".join(str(name) for name in (*self._under_way, path))
        rule = self._rule_of(path, domain)
        self._note(StepKind.LOOP, path, walked, rule=rule)
        cause = causes.ALIAS_LOOP.because(rule, recipient=first, walked=walked)
        return Refusal(replies.alias_loop(first, cause))

    def _unknown(self, path: ForwardPath, rule: Rule | None) -> Refusal:
        self._note(StepKind.UNKNOWN, path, rule=rule)
        cause = causes.RECIPIENT_UNKNOWN.because(rule, recipient=path)
        return Refusal(replies.recipient_unknown(path, cause))

    def _rule_of(self, path: ForwardPath, domain: LocalDomain | None) -> Rule | None:
        if path.mailbox is None or domain is None:
            return None
        entry = self._names.entry(path.mailbox.local_part, domain)
        return None if entry is None else entry.rule

    def _below(self, path: ForwardPath) -> Found:
        """Follow a name that another one led to."""
        if self._telling is None:
            return self._follow(path)
        self._telling.depth += 1
        try:
            return self._follow(path)
        finally:
            self._telling.depth -= 1

    def _note(self, kind: StepKind, about: object, *words: object, rule: Rule | None = None) -> None:
        if self._telling is not None:
            self._telling.note(kind, about, *words, rule=rule)


def _one(target: Target) -> Expanded:
    return Expanded(targets=(target,), rule=target.rule)


def is_postmaster(path: ForwardPath) -> bool:
    """Bare Postmaster, or postmaster at some domain. RFC 5321 §4.5.1: in any case of letters."""
    return path.mailbox is None or path.mailbox.local_part.casefold() == "postmaster"


def route_elsewhere(found: StaticRoute | Smarthost | None, domain: str) -> Route:
    """The route of a domain that is not local: as configured, or its mail exchangers."""
    return Route(Transport.MX, domain) if found is None else found.route
