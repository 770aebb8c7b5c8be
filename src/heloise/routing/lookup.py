"""Questions to the tables, each answered by one entry or None. Pure.

What stands in a `LookupMap` has to be asked for, which takes time. So a decision is made again and again: where an
answer is missing it ends with `Unanswered`, whoever may wait gets the answers (`heloise.routing.asking`), and the same
pure decision is made once more with them. With tables in memory alone it is made once.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import TypeAlias

from heloise.routing.entries import entry_of
from heloise.routing.steps import StepKind, Telling
from heloise.routing.tables import (
    CatchAll,
    Entry,
    LocalDomain,
    LookupMap,
    NameKey,
    RoutingTables,
    Smarthost,
    StaticRoute,
    Supplies,
    User,
    precedence,
)


@dataclass(frozen=True, slots=True)
class Question:
    """What a map is asked: `key` is a name (`alice`, `alice@example.org`) or a domain, in lower case."""

    map: LookupMap
    key: str


@dataclass(frozen=True, slots=True)
class LookupTrouble:
    """There is no answer, because of `error`."""

    error: str


Values: TypeAlias = tuple[str, ...]
"""One for each row a map has for a key; none when it does not have it."""
Answer: TypeAlias = Values | LookupTrouble
Answers: TypeAlias = Mapping[Question, Answer]
NO_ANSWERS: Answers = MappingProxyType({})


class Unanswered(Exception):
    """The decision can not be made before these are answered."""

    def __init__(self, *questions: Question) -> None:
        self.questions = questions
        super().__init__(f"{len(questions)} unanswered questions")


class LookupFailed(Exception):
    """A map could not be asked, or has something in it that can not be read: nothing may be decided now."""

    def __init__(self, question: Question, error: str) -> None:
        self.question = question
        self.error = error
        super().__init__(error)


class Names:
    """What is known of names: `tables`, and the `answers` of their maps so far.

    Methods raise `Unanswered` and `LookupFailed`, never when there are no maps. `telling` takes down what was asked.
    """

    __slots__ = ("_answers", "tables", "telling")

    def __init__(self, tables: RoutingTables, answers: Answers = NO_ANSWERS, telling: Telling | None = None) -> None:
        self.tables = tables
        self._answers = answers
        self.telling = telling

    def local_domain(self, domain: str) -> LocalDomain | None:
        """The domain, in lower case, if it is ours."""
        found = self.tables.domains.get(domain)
        if found is not None or not self.tables.domain_maps or domain.startswith("["):
            return found
        for lookup in self.tables.domain_maps:
            if self._values(lookup, domain):
                return LocalDomain(name=domain, virtual=lookup.supplies is Supplies.VIRTUAL_DOMAINS, rule=lookup.rule)
        return None

    def entry(self, local_part: str, domain: LocalDomain) -> Entry | None:
        """The entry of exactly this name; one for this domain stands before one for every domain."""
        for key in _keys(local_part, domain):
            found = self._entry(key)
            if found is not None:
                return found
        return None

    def user(self, local_part: str, domain: LocalDomain) -> User | None:
        """The user of exactly this name, even when an alias has the name too."""
        for key in _keys(local_part, domain):
            found: Entry | None = self.tables.users_by_key.get(key)
            if found is None:
                found = self._first(key, [each for each in self.tables.name_maps if each.supplies is Supplies.USERS])
            if isinstance(found, User):
                return found
        return None

    def _entry(self, key: NameKey) -> Entry | None:
        found = self.tables.entries.get(key)
        for lookup in self.tables.name_maps:
            if found is not None and precedence(found) <= lookup.precedence:
                break
            asked = self._asked(lookup, key)
            if asked is not None:
                return asked
        return found

    def _first(self, key: NameKey, lookups: Iterable[LookupMap]) -> Entry | None:
        return next((found for lookup in lookups if (found := self._asked(lookup, key)) is not None), None)

    def _asked(self, lookup: LookupMap, key: NameKey) -> Entry | None:
        local_part, domain = key
        name = local_part if domain is None else f"{local_part}@{domain}"
        values = self._values(lookup, name)
        if not values:
            return None
        try:
            return entry_of(lookup.supplies, name, values, tells=lookup.tells, rule=lookup.rule)
        except ValueError as error:
            raise LookupFailed(Question(lookup, name), str(error)) from None

    def _values(self, lookup: LookupMap, key: str) -> Values:
        question = Question(lookup, key)
        answer = self._answers.get(question)
        if answer is None:
            raise Unanswered(question)
        if self.telling is not None:
            came = (answer.error,) if isinstance(answer, LookupTrouble) else answer
            self.telling.note_once(StepKind.ASKED, key, lookup.shown, *came, rule=lookup.rule)
        if isinstance(answer, LookupTrouble):
            raise LookupFailed(question, answer.error)
        return answer


def _keys(local_part: str, domain: LocalDomain) -> tuple[NameKey, ...]:
    name = local_part.casefold()
    own = (name, domain.name.lower())
    return (own,) if domain.virtual else (own, (name, None))


def without_tag(tables: RoutingTables, local_part: str) -> str | None:
    """`user` of `user+tag`; None when there is no tag. RFC 5233 calls this the subaddress."""
    separator = tables.tag_separator
    if not separator:
        return None
    user, found, _ = local_part.partition(separator)
    return user if found and user else None


def find_catch_all(tables: RoutingTables, domain: str) -> CatchAll | None:
    """Who gets what nobody else gets."""
    return tables.catch_all_by_domain.get(domain) or tables.catch_all_by_domain.get(None)


def find_route(tables: RoutingTables, domain: str) -> StaticRoute | Smarthost | None:
    """The route of a domain that is not local: its own entry, the nearest one above it, the smarthost."""
    static = tables.routes_by_domain.get(domain)
    above = domain
    while static is None and not domain.startswith("[") and "." in above:
        above = above.partition(".")[2]
        static = tables.routes_by_domain.get(f".{above}")
    return static or tables.smarthost


def smells_of_routing(local_part: str) -> bool:
    """A local part with a route in it: `u%d`, `u@d`, `d!u`, `@here:u@d`. RFC 5321 appendix F.2 wants none of it."""
    return any(character in local_part for character in "%!@")
