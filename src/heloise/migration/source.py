"""main.cf and master.cf as they are written: logical lines with the number of the first. postconf(5), master(5).

A line that begins with a blank goes on with the one before; lines of "#" and empty ones are passed over, wherever they
stand. Of a parameter that is written twice the last one holds.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from heloise.mail.cause import Rule

_ASSIGNMENT = re.compile(r"([A-Za-z0-9_]+)\s*=\s*(.*)", re.DOTALL)
_BRACED = re.compile(r"\{(?:[^{}]|\{[^{}]*\})*\}|\S+")


@dataclass(frozen=True, slots=True)
class Setting:
    """One parameter as it is written."""

    name: str
    value: str
    place: Rule


@dataclass(frozen=True, slots=True)
class Service:
    """One line of master.cf: `name` is what it listens at, `options` what it overrides by -o."""

    name: str
    kind: str
    command: str
    arguments: tuple[str, ...]
    place: Rule
    options: Mapping[str, str] = field(default_factory=dict)


def logical_lines(text: str) -> Iterator[tuple[int, str]]:
    """The number of its first line, and a line with what goes on from it, joined by blanks."""
    number, parts = 0, list[str]()
    for count, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        if line[0] in " \t":
            parts.append(line.strip())
            continue
        if parts:
            yield number, " ".join(parts)
        number, parts = count, [line.strip()]
    if parts:
        yield number, " ".join(parts)


def read_main(text: str, file: str) -> tuple[dict[str, Setting], list[Setting]]:
    """The parameters that hold, and what is in their way: lines that are none, and earlier ones of the same name."""
    found: dict[str, Setting] = {}
    odd: list[Setting] = []
    for number, line in logical_lines(text):
        match = _ASSIGNMENT.fullmatch(line)
        place = Rule(file, number)
        if match is None:
            odd.append(Setting("", line, place))
            continue
        setting = Setting(match[1], match[2].strip(), place)
        if setting.name in found:
            odd.append(found[setting.name])
        found[setting.name] = setting
    return found, odd


def read_master(text: str, file: str) -> list[Service]:
    """The services; lines with fewer than eight fields are passed over, as Postfix would refuse them."""
    services = []
    for number, line in logical_lines(text):
        fields = line.split(None, 7)
        if len(fields) < 8:
            continue
        command, *arguments = _BRACED.findall(fields[7])
        options = dict(_options(arguments))
        services.append(Service(fields[0], fields[1], command, tuple(arguments), Rule(file, number), options))
    return services


def _options(arguments: list[str]) -> Iterator[tuple[str, str]]:
    """`-o name=value`, and `-o { name = value }` for values with blanks."""
    for index, argument in enumerate(arguments):
        text = ""
        if argument == "-o" and index + 1 < len(arguments):
            text = arguments[index + 1]
        elif argument.startswith("-o") and len(argument) > 2:
            text = argument[2:]
        name, equals, value = text.removeprefix("{").removesuffix("}").partition("=")
        if equals:
            yield name.strip(), value.strip()
