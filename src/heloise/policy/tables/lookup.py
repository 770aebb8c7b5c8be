"""Tables, and how a key is looked up in them. access(5), cidr_table(5), regexp_table(5), pcre_table(5)."""

import re
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from typing import Protocol, TypeAlias

from heloise.mail.cause import Rule

Row: TypeAlias = tuple[int, str, str]
"""The line it is from, the pattern, what it says."""
Found: TypeAlias = tuple[str, Rule]

_RULE = re.compile(r"(!?)\s*([^\w\s!\\])(.*)\2(\w*)", re.DOTALL)
_CLASS = re.compile(r"\[:(\w+):\]")
_CLASSES = {
    "alpha": "a-zA-Z",
    "digit": "0-9",
    "alnum": "a-zA-Z0-9",
    "upper": "A-Z",
    "lower": "a-z",
    "space": r"\s",
    "blank": r" \t",
    "punct": r"!-/:-@\[-`{-~",
    "xdigit": "0-9A-Fa-f",
    "print": " -~",
    "graph": "!-~",
    "cntrl": r"\x00-\x1f\x7f",
}
_NUMBERED = re.compile(r"\$(?:(\d+)|\{(\d+)\}|\((\d+)\)|(\$))")
_FLAGS = {"i": re.IGNORECASE, "m": re.MULTILINE, "s": re.DOTALL, "x": re.VERBOSE}


class Table(Protocol):
    """Anything that keys are looked up in."""

    def find(self, key: str, is_part: bool = False) -> Found | None:
        """What stands behind a key. `is_part`: it is a parent domain, a part of an address and the like."""
        ...


@dataclass(frozen=True, slots=True)
class Keyed:
    """hash, lmdb, texthash, inline: keys in lower case → the line and what it says."""

    name: str
    rows: Mapping[str, tuple[int, str]]

    def find(self, key: str, is_part: bool = False) -> Found | None:
        """See Table."""
        row = self.rows.get(key.lower())
        return None if row is None else (row[1], Rule(self.name, row[0]))


@dataclass(frozen=True, slots=True)
class Always:
    """static: the same for every key."""

    name: str
    says: str

    def find(self, key: str, is_part: bool = False) -> Found | None:
        """See Table."""
        return self.says, Rule(self.name, 0)


@dataclass(slots=True)
class Networks:
    """cidr: the first network that an address is in. Raises ValueError for one that is none."""

    name: str
    rows: Sequence[Row]
    _nets: "list[tuple[IPv4Network | IPv6Network, str, Rule]]" = field(init=False)

    def __post_init__(self) -> None:
        self._nets = [(network(pattern), says, Rule(self.name, line)) for line, pattern, says in self.rows]

    def find(self, key: str, is_part: bool = False) -> Found | None:
        """See Table."""
        try:
            address = None if is_part else ip_address(key)
        except ValueError:
            return None
        if address is None:
            return None
        return next(((says, rule) for net, says, rule in self._nets if address in net), None)


Guard: TypeAlias = tuple[re.Pattern[str], bool]


@dataclass(slots=True)
class Patterns:
    """regexp, pcre: the first pattern that matches the whole key. The pattern `if /text/` begins rows that are asked
    only when it matches, up to `endif`. Raises ValueError for one that can not be read."""

    name: str
    rows: Sequence[Row]
    _rules: "list[tuple[tuple[Guard, ...], str, Rule]]" = field(init=False)

    def __post_init__(self) -> None:
        self._rules = []
        guards: list[Guard] = []
        for line, text, says in self.rows:
            if text.startswith("if "):
                guards.append(pattern(text.removeprefix("if ")))
            elif text == "endif":
                if not guards:
                    raise ValueError("endif without if")
                guards.pop()
            else:
                self._rules.append(((*guards, pattern(text)), says, Rule(self.name, line)))

    def find(self, key: str, is_part: bool = False) -> Found | None:
        """See Table."""
        for guards, says, rule in () if is_part else self._rules:
            found = None
            for each, is_negative in guards:
                found = each.search(key)
                if (found is None) is not is_negative:
                    break
            else:
                return (says if found is None else _filled(says, found)), rule
        return None


def network(text: str) -> IPv4Network | IPv6Network:
    """Of a cidr table; brackets are allowed. Raises ValueError."""
    return ip_network(text.replace("[", "").replace("]", ""))


def pattern(text: str) -> tuple[re.Pattern[str], bool]:
    """`/text/flags` or `!/text/flags`; case does not matter and "." is any character unless a flag turns that off. The
    second is True for "!". Raises ValueError."""
    found = _RULE.fullmatch(text.strip())
    if found is None:
        raise ValueError(f"{text!r} is no pattern")
    flags = re.IGNORECASE | re.DOTALL
    for each in found[4]:
        if each not in _FLAGS:
            raise ValueError(f'the flag "{each}" is not known')
        flags ^= _FLAGS[each]
    text = _CLASS.sub(_class, found[3]).replace(r"\<", r"\b").replace(r"\>", r"\b")
    try:
        with warnings.catch_warnings():
            # "[a[b]" may mean another thing to a Python of the future; now it is what POSIX and PCRE have.
            warnings.simplefilter("ignore", FutureWarning)
            return re.compile(text, flags), bool(found[1])
    except (re.error, OverflowError, RecursionError) as error:
        raise ValueError(f"Python does not read the pattern: {error}") from error


def _class(found: re.Match[str]) -> str:
    if found[1] not in _CLASSES:
        raise ValueError(f"the class [:{found[1]}:] is not known")
    return _CLASSES[found[1]]


def _filled(says: str, match: re.Match[str]) -> str:
    def put(found: re.Match[str]) -> str:
        number = int(found[1] or found[2] or found[3] or 0)
        return "$" if found[4] else (match[number] or "" if number <= match.re.groups else "")

    return _NUMBERED.sub(put, says)
