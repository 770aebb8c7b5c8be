"""A table of Postfix's as one of `heloise.policy.tables`, as text; rows that can not be had are told, one by one."""

import re
from collections.abc import Callable

from heloise.migration.lookup import INDEXED, PATTERNS, Contents, Entry
from heloise.migration.outcome import Became
from heloise.migration.work import Work
from heloise.policy.tables.lookup import Patterns, network, pattern

Understand = Callable[[Entry], str]
"""What a row says here; tells of it when that is not all. "DUNNO" keeps a row that says nothing: those after it are not
asked in Postfix either."""


def table_of(work: Work, name: str, member: str, understand: Understand) -> tuple[str, Contents | None]:
    """Its name in the file, "" when it can not be had, and what is in it when it was not there before."""
    known = work.hooks.tables.get(member)
    if known is not None:
        return known[0], None
    kind, _, where = member.removeprefix("proxy:").partition(":")
    variable = work.hooks.variable("static" if kind == "static" else "inline" if kind == "inline" else where)
    if kind == "static":
        says = where.removeprefix("{").removesuffix("}").strip()
        contents = Contents(member, kind, [Entry(member, says, work.place(name))])
        text = f"Always({member!r}, {understand(contents.entries[0])!r})"
    else:
        contents = work.table(member, name)
        if contents.trouble and not contents.entries:
            return "", None
        where = str(work.place(name)) if kind == "inline" else where
        made = _made(work, contents, where, understand)
        if made is None:
            return "", None
        text = made
    work.hooks.tables[member] = (variable, f"{variable} = {text}\n")
    return variable, contents


def _made(work: Work, contents: Contents, where: str, understand: Understand) -> str | None:
    if contents.kind in INDEXED or contents.kind == "inline":
        return _keyed(work, contents, where, understand)
    return _in_order(work, contents, where, understand)


def _keyed(work: Work, contents: Contents, where: str, understand: Understand) -> str:
    lines, seen = [], set[str]()
    for each in contents.entries:
        key = each.key.lower()
        if key in seen:
            work.at(each.place, each.key, Became.NOT_MAPPED, "stands there once more further up; the first was kept")
            continue
        seen.add(key)
        lines.append(f"    {key!r}: ({each.place.line}, {understand(each)!r}),\n")
    return f"Keyed(\n    {where!r},\n    {{\n{''.join([f'    {line}' for line in lines])}    }},\n)"


def _in_order(work: Work, contents: Contents, where: str, understand: Understand) -> str | None:
    """By pattern, or by network. A condition that can not be read makes the whole table another."""
    lines, rows = [], []
    for each in contents.entries:
        is_condition = each.key.startswith("if ") or each.key == "endif"
        try:
            _read(each, contents.kind)
        except ValueError as error:
            if is_condition or each.key in ("if", "endif"):
                text = f"{error}: a condition without which the rows mean something else; the whole table was left out"
                work.at(each.place, each.key, Became.NOT_MAPPED, text)
                return None
            work.at(each.place, each.key, Became.NOT_MAPPED, str(error))
            continue
        says = "" if is_condition else understand(each)
        rows.append((each.place.line, each.key, says))
        lines.append(f"        ({each.place.line}, {each.key!r}, {says!r}),\n")
    if contents.kind in PATTERNS:
        try:
            Patterns(where, rows)
        except ValueError as error:
            work.at(contents.entries[0].place, contents.name, Became.NOT_MAPPED, str(error))
            return None
    made = "Patterns" if contents.kind in PATTERNS else "Networks"
    return f"{made}(\n    {where!r},\n    [\n{''.join(lines)}    ],\n)"


_NUMBER = re.compile(r"\$(?:(\d+)|\{(\d+)\}|\((\d+)\))")


def _check_numbers(each: Entry, expression: re.Pattern[str], is_negative: bool) -> None:
    """Raises ValueError: Postfix passes over a rule with $0, or with a number that the pattern has no group for."""
    for found in _NUMBER.finditer(each.value.replace("$$", "")):
        number = int(found[1] or found[2] or found[3])
        if is_negative or not 1 <= number <= expression.groups:
            raise ValueError(f"Postfix passes over the rule, since {found[0]} stands for nothing; so it was left out")


def _read(each: Entry, kind: str) -> None:
    """Raises ValueError."""
    if kind in PATTERNS:
        if each.key != "endif":
            _check_numbers(each, *pattern(each.key.removeprefix("if ")))
    else:
        try:
            network(each.key)
        except ValueError as error:
            raise ValueError(f"{each.key} is no network") from error
