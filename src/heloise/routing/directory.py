"""VRFY and EXPN: what the tables tell about names to those who may ask. RFC 5321 §3.5, §4.1.1.6, §4.1.1.7.

Whether a client may ask at all is decided before (RFC 5321 §7.3); with `private` every answer is 252.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import assert_never

from heloise.mail import causes
from heloise.mail.address import AddressError, Mailbox
from heloise.mail.cause import Rule
from heloise.mail.path import BARE_POSTMASTER, ForwardPath
from heloise.mail.reply import Reply
from heloise.routing.asking import Lookups, NoLookups, decided
from heloise.routing.ends import Refusal, Target, lookup_refused
from heloise.routing.expansion import Expansion
from heloise.routing.lookup import LookupFailed, Names, find_route
from heloise.routing.tables import Alias, Entry, Forward, ForwardKind, RoutingTables, StaticRoute, User, name_key
from heloise.smtp import replies


@dataclass(frozen=True, slots=True)
class _Candidate:
    """A mailbox a name may mean, with its entry in the tables."""

    path: ForwardPath
    entry: Entry | None

    @property
    def rule(self) -> Rule | None:
        return None if self.entry is None else self.entry.rule

    @property
    def written(self) -> str:
        return written(self.path, self.entry)


class Directory:
    """Answers VRFY and EXPN from `tables`, which may be replaced meanwhile, and the maps that `lookups` ask."""

    def __init__(self, tables: RoutingTables, lookups: Lookups | None = None, *, private: bool = False) -> None:
        self._tables = tables
        self._lookups = lookups if lookups is not None else NoLookups()
        self._private = private

    def use(self, tables: RoutingTables) -> None:
        """Answer from these from now on."""
        self._tables = tables

    async def verify(self, text: str, *, may_relay: bool = True, utf8: bool = False) -> Reply:
        """The answer to `VRFY text`: 250, 251, 252, 451, 550, 551, 553 or 554.

        `utf8` when the client gave SMTPUTF8, so that the reply may be in UTF-8 (RFC 6531 §3.7.4.2).
        """
        return await self._answer(text, lambda names: _Answering(names, may_relay, utf8).verify(text))

    async def expand(self, text: str, *, may_relay: bool = True, utf8: bool = False) -> Reply:
        """The answer to `EXPN text`: 250 with a member a line, 252, 451, 550, 551, 553 or 554."""
        return await self._answer(text, lambda names: _Answering(names, may_relay, utf8).expand(text))

    async def _answer(self, text: str, answer: Callable[[Names], Reply]) -> Reply:
        if self._private:
            return replies.cannot_verify()
        try:
            return await decided(answer, self._tables, self._lookups)
        except LookupFailed as trouble:
            return lookup_refused(text, trouble).reply


class _Answering:
    """One answer, from the `names` that are known. See `Directory`."""

    def __init__(self, names: Names, may_relay: bool, utf8: bool) -> None:
        self._names = names
        self._tables = names.tables
        self._may_relay = may_relay
        self._utf8 = utf8

    def verify(self, text: str) -> Reply:
        found = self._find(text)
        if isinstance(found, Reply):
            return found
        if not self._utf8 and not found.path.is_ascii:
            # RFC 6531 §3.7.4.2: an address outside ASCII is not shown to who can not read it.
            return replies.cannot_verify(causes.VRFY_CANNOT_TELL.because(found.rule, name=text), "2.6.8")
        return self._verify_candidate(found)

    def expand(self, text: str) -> Reply:
        found = self._find(text)
        if isinstance(found, Reply):
            return found
        ends = Expansion(self._names).expand(found.path)
        if isinstance(ends, Refusal):
            return ends.reply
        if not self._utf8 and not all(target.path.is_ascii for target in ends.targets):
            return replies.cannot_verify(causes.VRFY_CANNOT_TELL.because(ends.rule, name=text), "2.6.8")
        members = [_shown(written_target(target), utf8=self._utf8) for target in ends.targets]
        return replies.expanded(members, causes.EXPN_EXPANDED.because(ends.rule, name=text, members=len(members)))

    def _verify_candidate(self, found: _Candidate) -> Reply:
        match found.entry:
            case User():
                pass
            case Forward(to=to, kind=ForwardKind.TELL, rule=rule):
                return replies.please_try(to, causes.RECIPIENT_MOVED.because(rule, recipient=found.path, to=to))
            case Forward(to=to, rule=rule):
                return replies.will_forward(to, causes.RECIPIENT_FORWARDED.because(rule, recipient=found.path, to=to))
            case Alias() | None:
                # Only the walk tells whether the name ends anywhere: 550 and 554 come from it.
                ends = Expansion(self._names).expand(found.path)
                if isinstance(ends, Refusal):
                    return ends.reply
            case _:
                assert_never(found.entry)
        whom = _shown(found.written, utf8=self._utf8)
        return replies.verified(whom, causes.VRFY_CONFIRMED.because(found.rule, mailbox=found.path))

    def _find(self, text: str) -> _Candidate | Reply:
        """The one mailbox that `text` means, or the reply that says why there is not one."""
        name = _unbracketed(text)
        if name.casefold() == "postmaster":
            return self._find_postmaster(name)
        try:
            mailbox = Mailbox.from_text(name)
        except AddressError:
            return self._find_bare(name)
        domain = self._names.local_domain(mailbox.domain.lower())
        if domain is None:
            return self._elsewhere(ForwardPath(mailbox))
        return _Candidate(ForwardPath(mailbox), self._names.entry(mailbox.local_part, domain))

    def _elsewhere(self, path: ForwardPath) -> Reply:
        route = find_route(self._tables, path.domain or "")
        rule = None if route is None else route.rule
        if self._may_relay or (isinstance(route, StaticRoute) and route.for_strangers):
            return replies.cannot_verify(causes.VRFY_CANNOT_TELL.because(rule, recipient=path))
        return replies.relay_denied(path, causes.RELAY_DENIED.because(recipient=path, domain=path.domain))

    def _find_postmaster(self, name: str) -> _Candidate:
        """RFC 5321 §3.5.2 wants an address with a domain in the answer."""
        if not self._tables.local_domains:
            return _Candidate(BARE_POSTMASTER, None)
        return _Candidate(_path(name, self._tables.local_domains[0].name), None)

    def _find_bare(self, name: str) -> _Candidate | Reply:
        """A name without domain: everybody called so, or with that word in the full name (RFC 5321 §3.5.1).

        Of domains and full names those in memory are looked through; maps are asked for the name alone.
        """
        candidates = self._named(name) or self._called(name)
        if not candidates:
            return replies.name_unknown(name)
        if len(candidates) > 1:
            shown = [_shown(candidate.written, utf8=False) for candidate in candidates if candidate.path.is_ascii]
            cause = causes.VRFY_AMBIGUOUS.because(name=name, candidates=len(candidates))
            return replies.ambiguous(shown, cause)
        return candidates[0]

    def _named(self, name: str) -> list[_Candidate]:
        """An entry for every domain counts once, in the primary domain: it is one mailbox wherever it is asked for."""
        try:
            name_key(name)
        except AddressError:
            return []  # "Alice Adams"
        candidates: dict[object, _Candidate] = {}
        for domain in self._tables.local_domains:
            entry = self._names.entry(name, domain)
            if entry is not None:
                candidates.setdefault((entry.name, entry.rule), _Candidate(_path(name, domain.name), entry))
        return list(candidates.values())

    def _called(self, words: str) -> list[_Candidate]:
        wanted = set(words.casefold().split())
        primary = self._tables.local_domains[0].name if self._tables.local_domains else None
        return [
            _Candidate(_path(local_part, domain or primary or "localhost"), user)
            for user in self._tables.users
            if wanted and wanted <= set(user.full_name.casefold().split())
            for local_part, _, domain in (user.name.partition("@"),)
        ]


def written(path: ForwardPath, entry: Entry | None) -> str:
    """`Name <box@domain>`, or without the name when there is none. RFC 5321 §3.5.2."""
    return f"{entry.full_name} {path}" if isinstance(entry, User) and entry.full_name else str(path)


def written_target(target: Target) -> str:
    """The same for an end of an expansion."""
    return written(target.path, target.user)


def _shown(text: str, *, utf8: bool) -> str:
    """Without SMTPUTF8 a full name outside ASCII is left out; the address is all that a client needs."""
    return text if utf8 or text.isascii() else text[text.rindex("<") :]


def _path(local_part: str, domain: str) -> ForwardPath:
    return ForwardPath(Mailbox(local_part, domain))


def _unbracketed(text: str) -> str:
    """`<box>` and `Name <box>` mean box. RFC 5321 §3.5.1 leaves the form of the string to us."""
    text = text.strip()
    if text.endswith(">") and "<" in text:
        return text[text.rindex("<") + 1 : -1]
    return text
