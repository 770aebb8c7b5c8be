"""Files of names, as text: maps like /etc/aliases, and lists with a member a line. Pure.

What is wrong in a file is told with its line, all of it together; such a file is not used.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from posixpath import dirname, join, normpath

from heloise.mail.address import AddressError, check_domain
from heloise.mail.cause import Rule
from heloise.routing.entries import INCLUDE, checked_target, entry_of, split_targets
from heloise.routing.tables import Entry, Included, LocalDomain, Member, Supplies, name_key

# A name ends at the first colon that is neither in quotes nor in an address literal such as [IPv6:::1].
_NAME = re.compile(r'((?:"(?:[^"\\]|\\.)*"|\[[^\]]*\]|[^":\[])+)(?::(.*))?', re.DOTALL)


@dataclass(frozen=True, slots=True)
class BadLine:
    """A line that can not be used, and why."""

    rule: Rule
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class NameList:
    """The members in a file that an alias includes."""

    members: tuple[Member, ...]
    bad: tuple[BadLine, ...] = ()


@dataclass(frozen=True, slots=True)
class MapLine:
    """A name in a map, and the values it has there; `includes` are the files among them."""

    name: str
    values: tuple[str, ...]
    includes: tuple[str, ...]
    rule: Rule

    def included(self, lists: Mapping[str, NameList]) -> tuple[Included, ...]:
        """The members of its files."""
        return tuple(Included(path, lists[path].members) for path in self.includes)

    def entry(self, supplies: Supplies, *, tells: bool, included: tuple[Included, ...]) -> Entry:
        """What it says; `included` are the members of its files. Raises ValueError."""
        return entry_of(supplies, self.name, self.values, tells=tells, rule=self.rule, included=included)


@dataclass(frozen=True, slots=True, kw_only=True)
class NameMap:
    """The lines of a map."""

    lines: tuple[MapLine, ...]
    bad: tuple[BadLine, ...] = ()


def read_list(text: str, file: str) -> NameList:
    """One address a line, or several with commas; blank lines, and lines that begin with `#`, say nothing."""
    members: list[Member] = []
    bad: list[BadLine] = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.lstrip().startswith("#"):
            continue
        for target in split_targets(line):
            try:
                if target.startswith(INCLUDE):
                    raise ValueError("a list includes no other; name both where the alias is")
                members.append(Member(checked_target(target), Rule(file, number)))
            except ValueError as error:
                bad.append(BadLine(Rule(file, number), str(error)))
    return NameList(members=tuple(members), bad=tuple(bad))


def read_map(text: str, file: str, supplies: Supplies) -> NameMap:
    """A line `name: value, value` for each name, each name once."""
    lines: list[MapLine] = []
    bad: list[BadLine] = []
    seen: dict[object, Rule] = {}
    for rule, line in _logical_lines(text, file):
        try:
            made = _map_line(line, rule, supplies)
            key = made.name.lower() if not supplies.are_names else name_key(made.name)
        except ValueError as error:
            bad.append(BadLine(rule, str(error)))
            continue
        if key in seen:
            bad.append(BadLine(rule, f"{made.name} is there already, {seen[key]}"))
        seen.setdefault(key, rule)
        lines.append(made)
    return NameMap(lines=tuple(lines), bad=tuple(bad))


def _logical_lines(text: str, file: str) -> Iterator[tuple[Rule, str]]:
    """Lines with those that continue them; the place is that of the first."""
    rule, parts = Rule(file, 1), list[str]()
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " \t" and parts:
            parts.append(line.strip())
            continue
        if parts:
            yield rule, " ".join(parts)
        rule, parts = Rule(file, number), [line.strip()]
    if parts:
        yield rule, " ".join(parts)


def _map_line(line: str, rule: Rule, supplies: Supplies) -> MapLine:
    found = _NAME.fullmatch(line)
    if found is None:
        raise ValueError(f'"{line}" is not written like "name: value"')
    name, value = found[1].strip(), (found[2] or "").strip()
    if not supplies.are_names:
        return _domain_line(name, rule)
    try:
        name_key(name)
    except AddressError:
        raise ValueError(f'"{name}" is not a name; write it like "alice" or "alice@example.org"') from None
    if supplies is not Supplies.ALIASES:
        made = MapLine(name, (value,), (), rule)
        made.entry(supplies, tells=False, included=())
        return made
    targets = tuple(split_targets(value))
    # A relative path begins where the map is.
    includes = tuple(
        normpath(join(dirname(rule.file), target.removeprefix(INCLUDE).strip()))
        for target in targets
        if target.startswith(INCLUDE)
    )
    made = MapLine(name, tuple(target for target in targets if not target.startswith(INCLUDE)), includes, rule)
    made.entry(supplies, tells=False, included=tuple(Included(path, ()) for path in includes))
    return made


def _domain_line(name: str, rule: Rule) -> MapLine:
    try:
        check_domain(name)
    except AddressError:
        raise ValueError(f'"{name}" is not a domain; write it like "example.org"') from None
    return MapLine(name, (), (), rule)


def local_domain(line: MapLine, supplies: Supplies) -> LocalDomain:
    """The domain on a line of a map that supplies domains."""
    return LocalDomain(name=line.name.lower(), virtual=supplies is Supplies.VIRTUAL_DOMAINS, rule=line.rule)
