"""Every value of a TOML file is found on the line it is written on, however the file is laid out."""

import itertools
import tomllib
from collections.abc import Iterator
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from heloise.config.places import Path, find_places
from heloise.mail.cause import Rule

_KEYS = st.one_of(
    st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True),
    st.sampled_from(["a.b", "x@y.test", "", "#", "]", "=", "tab\t", 'q"', "\u00fc", "'", "\\", "[["]),
)
_TABLES: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.dictionaries(_KEYS, st.just(0), min_size=1, max_size=3),
    lambda inner: st.dictionaries(
        _KEYS,
        st.one_of(st.just(0), inner, st.lists(st.just(0), max_size=3), st.lists(inner, min_size=1, max_size=3)),
        min_size=1,
        max_size=4,
    ),
    max_leaves=12,
)


class Writer:
    """Writes tables as TOML in a layout drawn by hypothesis; each leaf is a number of its own."""

    def __init__(self, draw: st.DrawFn) -> None:
        self._draw = draw
        self._numbers = itertools.count(1000)
        self.leaves: dict[Path, int] = {}

    def table(self, table: dict[str, Any], path: Path, written: str) -> Iterator[str]:
        """Lines of a table: plain values first, then the tables below it."""
        below = []
        for key, value in table.items():
            tables = isinstance(value, dict) or (isinstance(value, list) and value and isinstance(value[0], dict))
            if tables and self._draw(st.booleans()):
                below.append((key, value))
            else:
                yield f'{self._blank()}{self._key(key)} ={self._space()}{self.value(value, (*path, key))} # = ] "\n'
        for key, value in below:
            name = f"{written}{self._key(key)}"
            if isinstance(value, dict):
                yield f"{self._blank()}[{name}] # [x]\n"
                yield from self.table(value, (*path, key), f"{name}.")
            else:
                for index, item in enumerate(value):
                    yield f"{self._blank()} [[ {name} ]]\n"
                    yield from self.table(item, (*path, key, index), f"{name}.")

    def value(self, value: Any, path: Path) -> str:
        if isinstance(value, dict):
            pairs = (f"{self._key(key)}={self.value(item, (*path, key))}" for key, item in value.items())
            return "{ " + ", ".join(pairs) + " }"
        if isinstance(value, list):
            items = (f"{self._break()}{self.value(item, (*path, index))}" for index, item in enumerate(value))
            return "[" + ",".join(items) + self._break() + "]"
        number = next(self._numbers)
        self.leaves[path] = number
        return self._draw(st.sampled_from([f"{number}", f'"\\"#[{number}"', f"'{{{number}'", f'"""\\\n\n{number}]"""']))

    def _key(self, key: str) -> str:
        if key and all(character.isascii() and (character.isalnum() or character in "-_") for character in key):
            return key
        escaped = key.replace("\\", "\\\\").replace('"', '\\"').replace("\t", "\\t").replace("\u00fc", "\\u00fc")
        return f'"{escaped}"'

    def _blank(self) -> str:
        return self._draw(st.sampled_from(["", "", "\n", "# [comment]\n", "\r\n\t"]))

    def _space(self) -> str:
        return self._draw(st.sampled_from(["", " "]))

    def _break(self) -> str:
        return self._draw(st.sampled_from(["", "\n", " # , ]\n  "]))


@st.composite
def _documents(draw: st.DrawFn) -> tuple[str, dict[Path, int]]:
    writer = Writer(draw)
    text = "".join(writer.table(draw(_TABLES), (), ""))
    return text, writer.leaves


@given(_documents())
def test_every_value_is_found_on_its_line(document: tuple[str, dict[Path, int]]) -> None:
    text, leaves = document
    tomllib.loads(text)
    places = find_places(text, "f")
    lines = text.split("\n")
    for path, number in leaves.items():
        rule = places.rule(*path)
        assert rule is not None
        # A string of several lines starts up to two lines before its number.
        assert any(str(number) in line for line in lines[rule.line - 1 : rule.line + 2])


def test_entries_of_arrays_of_tables_are_counted() -> None:
    text = '[[user]]\nname = "a"\n\n[[user]]\nname = "b"\n[user.more]\nx = 1\n'
    places = find_places(text, "f")
    assert places.rule("user", 1) == Rule("f", 4)
    assert places.rule("user", 1, "name") == Rule("f", 5)
    assert places.rule("user", 1, "more", "x") == Rule("f", 7)


def test_dotted_keys_and_items_are_found() -> None:
    places = find_places('local.domains = [\n  "a.test",\n  "b.test",\n]\nlog."file" = "x"\n', "f")
    assert places.rule("local", "domains", 1) == Rule("f", 3)
    assert places.rule("log", "file") == Rule("f", 5)


def test_what_is_not_written_has_no_place_but_a_nearest_one() -> None:
    places = find_places("a = 1\n[limits]\nerrors = 3\n", "f")
    assert places.rule("limits", "recipients") is None
    assert places.nearest("limits", "recipients") == Rule("f", 2)
    assert places.nearest("retry") == Rule("f", 1)
