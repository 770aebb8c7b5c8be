"""From the tables of a TOML file to the dataclasses of the schema, collecting everything that is wrong on the way.

Done by a walk over the fields, not by a library's converter: that would stop at the first problem and would know
neither lines nor near misses. A value that is wrong is noted and its default put in its place, so that the walk can
go on; the draft that comes out of it is used only when nothing was noted.
"""

from collections.abc import Mapping
from dataclasses import MISSING, Field, dataclass, field, fields, is_dataclass
from enum import Enum
from functools import lru_cache, reduce
from operator import or_
from pathlib import PurePosixPath
from types import MappingProxyType, NoneType, UnionType
from typing import Any, NewType, Union, cast, get_args, get_origin, get_type_hints

from heloise.config.errors import Problem, did_you_mean, near_miss
from heloise.config.kinds import KINDS, LARGEST, Octets, Processes
from heloise.config.places import Path, Places
from heloise.policy.weight import Weight

_ALSO_NUMBERS = (Processes, Weight)  # written as a string, or as a number without quotes
_WRONG: Any = object()  # stands for a value that could not be read


@dataclass(slots=True, kw_only=True)
class Decoder:
    """One walk. `problems` are what it found; `stand_ins` are for required keys that are missing or wrong."""

    places: Places
    directory: PurePosixPath
    stand_ins: Mapping[str, object]
    owners: Mapping[str, str]
    problems: list[Problem] = field(default_factory=list)

    def section(self, cls: type, table: Mapping[str, object], path: Path) -> Any:
        """An instance of the dataclass `cls`, or _WRONG when a required key of it is missing."""
        known = {key: item for item in fields(cls) if (key := toml_key(item)) is not None}
        meant = self._note_unknown(table, list(known), path)
        types = hints(cls)
        values: dict[str, object] = {}
        for key, item in known.items():
            value = self._value(types[item.name], table[key], (*path, key)) if key in table else _WRONG
            if is_required(item) and key not in table and key not in meant:
                self._note(path, f'the key "{key}" is missing', section=(*path, key))
            if value is not _WRONG:
                values[item.name] = value
            elif is_required(item):
                values[item.name] = _WRONG if path else self.stand_ins[key]
        return _WRONG if _WRONG in values.values() else cls(**values)

    def _value(self, kind: Any, value: object, path: Path) -> Any:
        kind = without_none(kind)
        if kind is Octets and isinstance(value, int) and not isinstance(value, bool):
            return self._number(value, path)
        if kind in KINDS:
            if kind in _ALSO_NUMBERS and isinstance(value, int | float) and not isinstance(value, bool):
                value = str(value)
            return self._written(kind, value, path)
        if is_dataclass(kind):
            return self.section(cast(type, kind), value, path) if self._is(dict, value, path) else _WRONG  # type: ignore[arg-type]
        if get_origin(kind) is tuple:
            return self._items(get_args(kind)[0], value, path)
        if get_origin(kind) is not None:
            return self._entries(get_args(kind)[1], value, path)
        if issubclass(kind, Enum):
            return self._choice(kind, value, path)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return float(value)
        if kind is int and isinstance(value, int) and not isinstance(value, bool):
            return self._number(value, path)
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        return value if self._is(kind, value, path) else _WRONG

    def _number(self, value: int, path: Path) -> Any:
        if 0 <= value <= LARGEST:
            return value
        self._note(path, f"{named(path)} is {'negative' if value < 0 else 'too large'}")
        return _WRONG

    def _written(self, kind: object, value: object, path: Path) -> Any:
        """A value of a kind of its own, written as a string."""
        reader = KINDS[kind]
        if not isinstance(value, str):
            self._note(path, f"{named(path)} is {reader.name}, written like {reader.example}, not {called(value)}")
            return _WRONG
        try:
            return reader.read(value, self.directory)
        except ValueError as error:
            self._note(path, f'{named(path)}: "{value}" {error}')
            return _WRONG

    def _items(self, kind: Any, value: object, path: Path) -> Any:
        if not self._is(list, value, path):
            return _WRONG
        items = [self._value(kind, item, (*path, index)) for index, item in enumerate(cast("list[object]", value))]
        return tuple(item for item in items if item is not _WRONG)

    def _entries(self, kind: Any, value: object, path: Path) -> Any:
        if not self._is(dict, value, path):
            return _WRONG
        table = cast("dict[str, object]", value)
        entries = {key: self._value(kind, item, (*path, key)) for key, item in table.items()}
        return MappingProxyType({key: item for key, item in entries.items() if item is not _WRONG})

    def _choice(self, kind: type[Enum], value: object, path: Path) -> Any:
        words = [choice.value for choice in kind]
        if value in words:
            return kind(value)
        hint = did_you_mean(value, words) if isinstance(value, str) else "there are: " + ", ".join(words)
        self._note(path, f"{named(path)} can not be {called(value)}", hint=hint)
        return _WRONG

    def _is(self, kind: type, value: object, path: Path) -> bool:
        if isinstance(value, kind) and (kind is bool or not isinstance(value, bool)):
            return True
        wanted = _CALLED.get(kind, kind.__name__)
        self._note(path, f"{named(path)} is {wanted}, not {called(value)}")
        return False

    def _note_unknown(self, table: Mapping[str, object], known: list[str], path: Path) -> set[str]:
        """Note unknown keys; the keys that were most likely meant by them."""
        meant = set()
        for key in table:
            if key in known:
                continue
            near = near_miss(key, known)
            owner = self.owners.get(key)
            hint = f"it belongs to [{owner}]" if near is None and owner else did_you_mean(key, known)
            self._note((*path, key), f'unknown key "{key}"', hint=hint, section=path)
            meant |= {near} if near else set()
        return meant

    def _note(self, path: Path, text: str, *, hint: str = "", section: Path | None = None) -> None:
        name = section_name(path if section is None else section)
        self.problems.append(Problem(rule=self.places.nearest(*path), section=name, text=text, hint=hint))


_CALLED = {
    str: "a string",
    int: "a number",
    float: "a number",
    bool: "true or false",
    list: "a list in brackets",
    dict: "a table",
}


def called(value: object) -> str:
    """A value of a TOML file in a sentence."""
    if isinstance(value, str):
        return f'"{value}"'
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int) and abs(value) > LARGEST:
        return "a number too large"
    if isinstance(value, int | float):
        return str(value)
    return _CALLED.get(type(value), "a date")


def section_name(path: Path) -> str:
    """The name in the brackets: the first part of a path of two or more, or of one that is a table."""
    return str(path[0]) if len(path) > 1 else ""


def named(path: Path) -> str:
    """What a path is called in a sentence that names the section already: `networks`, `"a@b" relay`, `domains[2]`."""
    words: list[str] = []
    for part in path[1:] if len(path) > 1 and not isinstance(path[1], int) else path[2:] or path:
        if isinstance(part, int):
            words[-1] = f"item {part + 1} of {words[-1]}"
        else:
            words.append(part if part.replace("_", "").isalnum() else f'"{part}"')
    return " ".join(words)


def toml_key(item: "Field[Any]") -> str | None:
    """The name of a field in the file; None for one that is not from the file."""
    key: str | None = item.metadata.get("key", item.name)
    return key


def is_required(item: "Field[Any]") -> bool:
    """Has the field no default?"""
    return item.default is MISSING and item.default_factory is MISSING


@lru_cache(maxsize=64)
def hints(cls: type) -> dict[str, Any]:
    """The types of the fields of a dataclass."""
    return get_type_hints(cls)


def without_none(kind: Any) -> Any:
    """`T` of `T | None`; a union of other types is a kind of its own."""
    if isinstance(kind, NewType) or get_origin(kind) not in (Union, UnionType) or NoneType not in get_args(kind):
        return kind
    return reduce(or_, (part for part in get_args(kind) if part is not NoneType))
