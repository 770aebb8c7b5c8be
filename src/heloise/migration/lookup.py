"""Lists of names, and the tables in them: what can be read of `hash:/etc/postfix/virtual`, `inline:{a=b}` and the like.

An indexed table (hash, btree, lmdb, cdb, dbm) is read from the text file it was made of. Tables in databases, in
other programs and by pattern are no names that could be written down: they are told as they are.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Protocol

from heloise.mail.cause import Rule
from heloise.migration.source import logical_lines

INDEXED = frozenset({"hash", "btree", "lmdb", "cdb", "dbm", "sdbm", "texthash"})
PATTERNS = frozenset({"regexp", "pcre"})
_MEMBER = re.compile(r"(?:[A-Za-z0-9_]+:)+\{(?:[^{}]|\{[^{}]*\})*\}|[^\s,]+")
_TABLE = re.compile(r"(?:proxy:|fail:)?([a-z][a-z0-9_-]*):(.+)", re.DOTALL)
_INLINE = re.compile(r"\{[^{}]*\}|[^\s,]+")
_ROW = re.compile(r'("(?:[^"\\]|\\.)*"\S*|\S+)\s*(.*)', re.DOTALL)
_PATTERN = re.compile(r"((?:if\s+)?!?\s*([^\w\s!\\])(?:\\.|(?!\2).)*\2\w*|endif\b)", re.DOTALL)
LARGEST = 100_000  # entries of a table


class Files(Protocol):
    """Where files of the configuration are read."""

    def text(self, path: str) -> str | None:
        """The text of a file that is named as Postfix has it; None when it can not be read."""
        ...

    def exists(self, path: str) -> bool:
        """Is there such a file, on this machine?"""
        ...


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and a value, and where they are written."""

    key: str
    value: str
    place: Rule


@dataclass(slots=True)
class Contents:
    """What is in a table. `trouble` says why it is not (all) there; `kind` is its type."""

    name: str
    kind: str
    entries: list[Entry] = field(default_factory=list)
    trouble: str = ""


def members(value: str) -> list[str]:
    """The items of a list: parted by commas and blanks, tables with braces in one piece."""
    return _MEMBER.findall(value)


def is_table(member: str) -> bool:
    """Is it a table and not a name or a network? "[::1]/128" and "2001:db8::1" are networks."""
    found = _TABLE.fullmatch(member)
    return found is not None and (found[2].startswith(("/", "{", "$")) or found[1] in _KNOWN)


_KNOWN = INDEXED | PATTERNS | {"cidr", "inline", "static", "unix", "nis", "mysql", "pgsql", "ldap", "sqlite"}
_KNOWN |= {"memcache", "tcp", "socketmap", "pipemap", "unionmap", "randmap", "environ", "proxy", "netinfo", "nisplus"}


def read_table(member: str, files: Files, place: Rule) -> Contents:
    """What is in a table, as far as it is text."""
    found = _TABLE.fullmatch(member)
    kind, where = (found[1], found[2]) if found is not None else ("hash", member)
    contents = Contents(member, kind)
    if kind == "inline":
        for item in _INLINE.findall(where.strip().removeprefix("{").removesuffix("}")):
            key, _, value = item.strip("{}").partition("=")
            contents.entries.append(Entry(key.strip(), value.strip(), place))
        return contents
    if kind == "static":
        contents.trouble = f'every name has the value "{where}"'
        return contents
    if kind not in INDEXED and kind not in PATTERNS and kind != "cidr":
        contents.trouble = f"a table of type {kind} is asked by name, and can not be written down"
        return contents
    text = files.text(where)
    if text is None:
        contents.trouble = f"{where} can not be read"
        return contents
    for number, line in logical_lines(text):
        if len(contents.entries) >= LARGEST:
            contents.trouble = f"has more than {LARGEST} entries; the others were left out"
            break
        key, value = _parted(line, kind)
        contents.entries.append(Entry(key, value, Rule(where, number)))
    return contents


def read_aliases(path: str, files: Files) -> Contents:
    """A file of aliases(5): `name: value, value`."""
    contents = Contents(path, "aliases")
    text = files.text(path)
    if text is None:
        contents.trouble = f"{path} can not be read"
        return contents
    for number, line in logical_lines(text):
        key, colon, value = line.partition(":")
        if line.startswith('"'):
            key, colon, value = line[1:].partition('":')
        if colon:
            contents.entries.append(Entry(key.strip(), value.strip(), Rule(path, number)))
    return contents


def targets(value: str) -> Iterator[str]:
    """The addresses of an alias; those in quotes in one piece, without them."""
    for quoted, plain in re.findall(r'"((?:[^"\\]|\\.)*)"|([^\s,]+)', value):
        yield quoted or plain


def _parted(line: str, kind: str) -> tuple[str, str]:
    if kind in PATTERNS and (ruled := _PATTERN.match(line)) is not None:
        return ruled[1], line[ruled.end() :].strip()
    found = _ROW.match(line)
    if found is None:
        return line, ""
    quoted = found[1].count('"') == 2 and "@" not in found[1]
    return found[1].strip('"') if quoted else found[1], found[2]
