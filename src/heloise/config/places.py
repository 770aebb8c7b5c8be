"""Where each value stands in a TOML file: a walk over text that `tomllib` has already found to be right.

`tomllib` keeps no lines, so this does, by a scanner that knows only as much of TOML as places need: keys, tables,
strings, brackets and comments. A path is what leads to a value in the parsed tables: `("listener", 0, "address")`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import TypeAlias

from heloise.mail.cause import Rule

Path: TypeAlias = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}'
    r"|'''.*?'{3,5}"
    r'|"(?:[^"\\\n]|\\.)*"'
    r"|'[^'\n]*'",
    re.DOTALL,
)
_PLAIN = re.compile(r"[^,\]}#\n]+")  # a number, a date or a truth value
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_ESCAPED = {"b": "\b", "t": "\t", "n": "\n", "f": "\f", "r": "\r"}


@dataclass(frozen=True, slots=True)
class Places:
    """The line of every key, table and array item of one file."""

    file: str = ""
    lines: Mapping[Path, int] = field(default_factory=lambda: MappingProxyType({}))

    def rule(self, *path: str | int) -> Rule | None:
        """Where the value of this path is written; None when it is not, so that a default holds."""
        line = self.lines.get(path)
        return None if line is None else Rule(self.file, line)

    def nearest(self, *path: str | int) -> Rule:
        """The same, or else the table around it, or else the first line of the file."""
        for length in range(len(path), 0, -1):
            rule = self.rule(*path[:length])
            if rule is not None:
                return rule
        return Rule(self.file, 1)


def find_places(text: str, file: str) -> Places:
    """The places in `text`, which must be valid TOML."""
    return Places(file, MappingProxyType(_Scanner(text.replace("\r\n", "\n")).scan()))


class _Scanner:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._line = 1
        self._counted = 0  # up to here the lines are counted
        self._lines: dict[Path, int] = {}
        self._lengths: dict[Path, int] = {}  # of arrays of tables

    def scan(self) -> dict[Path, int]:
        table: Path = ()
        while self._skip_blank():
            if self._peek("[["):
                table = self._array_table()
            elif self._peek("["):
                table = self._header("[", "]")
                self._note(table)
            else:
                self._pair(table)
        return self._lines

    # Pieces

    def _array_table(self) -> Path:
        path = self._header("[[", "]]")
        index = self._lengths.get(path, 0)
        self._lengths[path] = index + 1
        self._note(path)
        self._note((*path, index))
        return (*path, index)

    def _header(self, start: str, end: str) -> Path:
        self._at += len(start)
        path: Path = ()
        for part in self._key():
            path = (*path, part)
            # [a.b] below [[a]] speaks of the last a.
            if path in self._lengths:
                path = (*path, self._lengths[path] - 1)
        if path and isinstance(path[-1], int) and start == "[[":
            path = path[:-1]
        self._at = self._text.index(end, self._at) + len(end)
        return path

    def _pair(self, table: Path) -> None:
        path = table
        for part in self._key():
            path = (*path, part)
            self._note(path)
        self._at = self._text.index("=", self._at) + 1
        self._value(path)

    def _key(self) -> list[str]:
        parts = []
        while True:
            self._skip_blank()
            quoted = _STRING.match(self._text, self._at)
            found = quoted or _BARE.match(self._text, self._at)
            assert found is not None  # tomllib has read the same text
            parts.append(_unquoted(found[0]) if quoted else found[0])
            self._at = found.end()
            self._skip_blank()
            if not self._peek("."):
                return parts
            self._at += 1

    def _value(self, path: Path) -> None:
        self._skip_blank()
        self._note(path)
        if self._peek("["):
            self._items(path)
        elif self._peek("{"):
            self._inline(path)
        else:
            found = _STRING.match(self._text, self._at) or _PLAIN.match(self._text, self._at)
            assert found is not None
            self._at = found.end()

    def _items(self, path: Path) -> None:
        self._at += 1
        index = 0
        while self._skip_blank() and not self._peek("]"):
            if self._peek(","):
                self._at += 1
                continue
            self._value((*path, index))
            index += 1
        self._at += 1

    def _inline(self, path: Path) -> None:
        self._at += 1
        while self._skip_blank() and not self._peek("}"):
            if self._peek(","):
                self._at += 1
                continue
            self._pair(path)
        self._at += 1

    # Characters

    def _skip_blank(self) -> bool:
        """False at the end of the text."""
        found = _BLANK.match(self._text, self._at)
        assert found is not None  # the pattern takes nothing, too
        self._at = found.end()
        return self._at < len(self._text)

    def _peek(self, text: str) -> bool:
        return self._text.startswith(text, self._at)

    def _note(self, path: Path) -> None:
        self._line += self._text.count("\n", self._counted, self._at)
        self._counted = self._at
        self._lines.setdefault(path, self._line)


def _unquoted(text: str) -> str:
    if text.startswith("'"):
        return text[1:-1]
    return _ESCAPE.sub(_unescaped, text[1:-1])


def _unescaped(found: re.Match[str]) -> str:
    code = found[1]
    if code[0] in "uU":
        return chr(int(code[1:], 16))
    return _ESCAPED.get(code, code)
