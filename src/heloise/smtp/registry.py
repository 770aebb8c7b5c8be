"""The extensions there are, in one frozen value passed by argument. Discovery is a sorted walk, done once at start.

A file in extensions/ gives its constant EXTENSION; other people's packages give theirs through the entry-point group
`heloise.extensions`.
"""

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from importlib.metadata import entry_points
from types import MappingProxyType
from typing import TypeAlias, TypeVar

from heloise.mail.envelope import Envelope
from heloise.mail.hints import NO_HINTS, Hints
from heloise.mail.reply import Reply
from heloise.smtp import extensions as package
from heloise.smtp.command import Mail, Rcpt
from heloise.smtp.extension import Extension, ServerView, VerbSpec
from heloise.smtp.states import BASE_TRANSITIONS, ServerState, Transitions

C = TypeVar("C")
Check: TypeAlias = tuple[str, Callable[[ServerView, C], Reply | None]]
"""A keyword, and what its extension says of a MAIL or RCPT while the client may use it."""

ENTRY_POINTS = "heloise.extensions"


class Registry:
    """Extensions by keyword, verb and parameter, and the state table with their rows in it."""

    def __init__(self, extensions: Iterable[Extension]) -> None:
        self._extensions = tuple(sorted(extensions, key=lambda extension: extension.keyword))
        self._by_keyword = {extension.keyword: extension for extension in self._extensions}
        if len(self._by_keyword) != len(self._extensions):
            raise ValueError("two extensions have the same keyword")
        self.verbs: Mapping[str, tuple[Extension, VerbSpec]] = MappingProxyType(
            {spec.verb: (extension, spec) for extension in self._extensions for spec in extension.verbs}
        )
        # Most extensions object to nothing, and every MAIL and RCPT would ask them all.
        self.mail_checks: Sequence[Check[Mail]] = tuple(
            (extension.keyword, extension.check_mail) for extension in self._extensions if extension.check_mail
        )
        self.use_checks: Mapping[str, Sequence[Check[Mail]]] = MappingProxyType(self._use_checks())
        self.rcpt_checks: Sequence[Check[Rcpt]] = tuple(
            (extension.keyword, extension.check_rcpt) for extension in self._extensions if extension.check_rcpt
        )
        self._timed = tuple(each for each in self._extensions if each.hints is not None)
        self._aging = tuple(each for each in self._extensions if each.after is not None)
        self.hinting: frozenset[str] = frozenset(key for each in self._timed for key in each.mail_keywords)
        self._usable: dict[frozenset[str], frozenset[str]] = {}
        self.transitions: Transitions = MappingProxyType(self._transitions())

    def _use_checks(self) -> dict[str, list[Check[Mail]]]:
        found: dict[str, list[Check[Mail]]] = {}
        for extension in self._extensions:
            if extension.check_use is not None:
                for parameter in extension.mail_keywords:
                    found.setdefault(parameter, []).append((extension.keyword, extension.check_use))
        return found

    def _transitions(self) -> dict[tuple[ServerState, str], ServerState]:
        table = dict(BASE_TRANSITIONS)
        for _, spec in self.verbs.values():
            for state, following in spec.transitions.items():
                table[state, spec.verb] = following
        return table

    def __iter__(self) -> Iterator[Extension]:
        return iter(self._extensions)

    def get(self, keyword: str) -> Extension | None:
        """The extension of this keyword, or None."""
        return self._by_keyword.get(keyword)

    def hints(self, envelope: Envelope, now: float) -> Hints:
        """What the parameters of a message that is taken `now` (seconds since the epoch) ask of the queue."""
        found = NO_HINTS
        for extension in self._timed:
            if extension.hints is not None:
                found = found.joined(extension.hints(envelope, now))
        return found

    def after(self, envelope: Envelope, held: float) -> Envelope:
        """The envelope as it goes on, when it was held for so many seconds."""
        for extension in self._aging:
            if extension.after is not None:
                envelope = extension.after(envelope, held)
        return envelope

    def usable(self, permitted: frozenset[str]) -> frozenset[str]:
        """Those of `permitted` whose needs are permitted too. Few sets are asked for, so the answers are kept."""
        known = self._usable.get(permitted)
        if known is None:
            known = self._usable[permitted] = frozenset(
                extension.keyword
                for extension in self._extensions
                if extension.keyword in permitted and extension.needs <= permitted
            )
        return known

    @property
    def keywords(self) -> frozenset[str]:
        """All keywords, for a client that may use everything."""
        return frozenset(self._by_keyword)


def discover() -> Registry:
    """All extensions built in and installed. Raises what a broken extension raises when it is imported."""
    built_in = [
        importlib.import_module(f"{package.__name__}.{module.name}").EXTENSION
        for module in sorted(pkgutil.iter_modules(package.__path__), key=lambda module: module.name)
    ]
    installed = [point.load() for point in sorted(entry_points(group=ENTRY_POINTS), key=lambda point: point.name)]
    return Registry([*built_in, *installed])
