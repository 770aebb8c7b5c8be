"""The text files that addressing has besides the configuration: maps, and lists that aliases include.

Read whole, and read again when they change. What is broken is told, and what was good before still holds: nobody's
mail is refused because somebody is in the middle of writing a list.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TypeAlias

from heloise.app.configured.watching import read_text, unreadable
from heloise.config.errors import Problem
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.mail.cause import Rule
from heloise.routing.entries import INCLUDE
from heloise.routing.files import BadLine, NameList, NameMap, read_list, read_map
from heloise.routing.tables import Included, Supplies
from heloise.world import Clock, Files

_SETTLED = (
    2.0  # seconds: a file written later than this before it was read may have been written again in the same tick
)

Source: TypeAlias = tuple[str, Supplies | None]
"""A file, and what it is read for: a map, or (None) a list."""


@dataclass(frozen=True, slots=True)
class Contents:
    """What the files had in them when they were last good."""

    maps: Mapping[tuple[str, Supplies], NameMap] = field(default_factory=dict)
    lists: Mapping[str, NameList] = field(default_factory=dict)


NO_CONTENTS = Contents()


@dataclass(slots=True)
class _Known:
    """A file as it was last looked at; `stamp` is None when it has to be looked at again."""

    rule: Rule
    stamp: tuple[int, ...] | None = None
    text: str | None = None
    content: NameMap | NameList | None = None
    trouble: tuple[BadLine, ...] = ()


def plain(targets: Iterable[str]) -> tuple[str, ...]:
    """Those that are names."""
    return tuple(target for target in targets if not target.startswith(INCLUDE))


def included(targets: Iterable[str], contents: Contents) -> tuple[Included, ...]:
    """The members of those that name a file."""
    paths = (target.removeprefix(INCLUDE) for target in targets if target.startswith(INCLUDE))
    return tuple(Included(path, contents.lists[path].members) for path in paths)


class AddressFiles:
    """The files that `configuration` names, and those that are named in them. Methods block."""

    def __init__(self, configuration: Configuration, files: Files, clock: Clock) -> None:
        self._configuration = configuration
        self._files = files
        self._clock = clock
        self._known: dict[Source, _Known] = {}

    @property
    def are_any(self) -> bool:
        """Is there something to read?"""
        return any(True for _ in self._named())

    def refresh(self) -> tuple[bool, tuple[Problem, ...]]:
        """Look at all files. Has one of them changed, for the better; and what is wrong that was not so before?"""
        before = {source: known.content for source, known in self._known.items()}
        told: list[BadLine] = []
        for source, rule in self._named():
            known = self._known.setdefault(source, _Known(rule))
            trouble = known.trouble
            self._look(source, known)
            if known.trouble != trouble:
                told += known.trouble
        after = {source: known.content for source, known in self._known.items()}
        problems = tuple(Problem(rule=bad.rule, section="", text=bad.text) for bad in told)
        return after != before, problems

    @property
    def contents(self) -> Contents | None:
        """What is good; None while a file has never been good."""
        maps: dict[tuple[str, Supplies], NameMap] = {}
        lists: dict[str, NameList] = {}
        for (path, supplies), _ in self._named():
            content = self._known[path, supplies].content
            if isinstance(content, NameMap) and supplies is not None:
                maps[path, supplies] = content
            elif isinstance(content, NameList):
                lists[path] = content
            else:
                return None
        return Contents(maps, lists)

    def _named(self) -> Iterator[tuple[Source, Rule]]:
        """Every file, each with the line that names it; what is named in a map comes after the map."""
        configuration, places = self._configuration, self._configuration.places
        for index, each in enumerate(configuration.maps):
            if each.file is None:
                continue
            yield (each.file, each.supplies), places.nearest("map", index, "file")
            known = self._known.get((each.file, each.supplies))
            if known is not None and isinstance(known.content, NameMap):
                for line in known.content.lines:
                    yield from (((path, None), line.rule) for path in line.includes)
        named: list[tuple[Path, Sequence[str]]] = [
            (("aliases", name), each) for name, each in configuration.aliases.items()
        ]
        named += [(("list", index, "members"), each.members) for index, each in enumerate(configuration.lists)]
        for path, targets in named:
            for index, target in enumerate(targets):
                if target.startswith(INCLUDE):
                    yield (target.removeprefix(INCLUDE), None), places.nearest(*path, index)

    def _look(self, source: Source, known: _Known) -> None:
        path, supplies = source
        try:
            stamp = self._files.stamp(path)
            if stamp == known.stamp:
                return
            text = read_text(self._files, path)
        except (OSError, UnicodeDecodeError) as error:
            known.stamp, known.text = None, None
            known.trouble = (BadLine(known.rule, unreadable(path, error)),)
            return
        settled = self._clock.now() - stamp[0] / 1e9 > _SETTLED
        known.stamp = stamp if settled else None
        if text == known.text:
            return
        known.text = text
        parsed = read_list(text, path) if supplies is None else read_map(text, path, supplies)
        known.trouble = parsed.bad
        if not parsed.bad:
            known.content = parsed
