"""The manual of the configuration, read out of its schema: each key with its kind, default and documentation.

The documentation of a field is the string below it in the source, which Python itself does not keep; so the source
is read, and this is used by the command line only.
"""

import ast
import inspect
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import MISSING, Field, dataclass, fields, is_dataclass
from enum import Enum
from typing import Any, get_args, get_origin

from heloise.config.decode import hints, is_required, toml_key, without_none
from heloise.config.kinds import KINDS, Octets, Seconds, write_duration, write_quota, write_size
from heloise.config.schema import Configuration
from heloise.policy.meters import Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Key:
    """One key of the file. `default` is as one would write it, None for a key that is required."""

    section: str
    name: str
    kind: str
    default: str | None
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """One section, written `[limits]` or `[[user]]`; `heading` is empty for the top of the file."""

    name: str
    heading: str
    text: str
    keys: tuple[Key, ...]


def sections() -> Iterator[Section]:
    """All sections, the top of the file first."""
    texts = _field_texts(Configuration)
    inner = {name: cls for name, cls in _inner(Configuration) if cls is not None}
    top = (key for key in keys_of(Configuration, "") if key.name not in inner and not key.kind.startswith("a table"))
    yield Section(name="", heading="", text="The first lines of the file, before any section.", keys=tuple(top))
    types = hints(Configuration)
    for item in fields(Configuration):
        name = toml_key(item)
        if name is None:
            continue
        cls = inner.get(name)
        if cls is not None:
            heading = f"[[{name}]]" if get_origin(types[item.name]) is tuple else f"[{name}]"
            text = _sentence(inspect.getdoc(cls) or "")
            yield Section(name=name, heading=heading, text=text, keys=tuple(keys_of(cls, name)))
        elif get_origin(types[item.name]) not in (None, tuple) and isinstance(_default(item), Mapping):
            value = without_none(get_args(types[item.name])[1])
            keys = tuple(keys_of(value, name)) if is_dataclass(value) else ()
            yield Section(name=name, heading=f"[{name}]", text=texts[item.name], keys=keys)


def keys_of(cls: Any, section: str) -> Iterator[Key]:
    """The keys of one dataclass of the schema."""
    texts = _field_texts(cls)
    for item in fields(cls):
        name = toml_key(item)
        if name is not None:
            kind = hints(cls)[item.name]
            default = None if is_required(item) else written(_default(item), kind)
            yield Key(section=section, name=name, kind=_kind(kind), default=default, text=texts.get(item.name, ""))


def written(value: object, kind: object = None) -> str:
    """A value as one would write it in the file; `nothing` when there is none."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Enum):
        return f'"{value.value}"'
    kind = without_none(kind)
    if kind is Seconds and isinstance(value, int | float):
        return f'"{write_duration(value)}"'
    if kind is Octets and isinstance(value, int):
        return f'"{write_size(value)}"' if value else "0"
    if isinstance(value, Quota):
        return f'"{write_quota(value)}"'
    if isinstance(value, tuple):
        (inner, *_) = get_args(kind) or (None,)
        return "[" + ", ".join(written(item, inner) for item in value) + "]"
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f'"{key}" = {written(item)}' for key, item in value.items()) + " }" if value else "{}"
    return str(value) if isinstance(value, int | float) else f'"{value}"'


def _kind(kind: Any) -> str:
    kind = without_none(kind)
    if kind in KINDS:
        return KINDS[kind].name
    if get_origin(kind) is tuple:
        return f"a list, each {_kind(get_args(kind)[0])}"
    if get_origin(kind) is not None or is_dataclass(kind):
        return "a table"
    if isinstance(kind, type) and issubclass(kind, Enum):
        return "one of " + ", ".join(f'"{choice.value}"' for choice in kind)
    return {str: "a string", int: "a number", float: "a number", bool: "true or false"}[kind]


def _inner(cls: type) -> Iterator[tuple[str, type | None]]:
    """Key → the dataclass of its section, for keys that are one."""
    for item in fields(cls):
        kind = without_none(hints(cls)[item.name])
        kind = get_args(kind)[0] if get_origin(kind) is tuple else kind
        name = toml_key(item)
        if name is not None and kind not in KINDS:
            yield name, kind if is_dataclass(kind) and isinstance(kind, type) else None


def _default(item: "Field[Any]") -> object:
    return item.default if item.default_factory is MISSING else item.default_factory()


def _field_texts(cls: type) -> dict[str, str]:
    """Field → the string below it in the source."""
    (tree,) = ast.parse(textwrap.dedent(inspect.getsource(cls))).body
    assert isinstance(tree, ast.ClassDef)
    texts: dict[str, str] = {}
    for statement, following in zip(tree.body, tree.body[1:], strict=False):
        if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
            text = _string(following)
            if text is not None:
                texts[statement.target.id] = " ".join(text.split())
    return texts


def _string(statement: ast.stmt) -> str | None:
    if not isinstance(statement, ast.Expr) or not isinstance(statement.value, ast.Constant):
        return None
    return statement.value.value if isinstance(statement.value.value, str) else None


def _sentence(doc: str) -> str:
    """A docstring without the name of the section it begins with."""
    text = " ".join(doc.split())
    if ": " in text.partition("`: ")[1] or "`: " in text:
        text = text.partition("`: ")[2]
    return text[:1].upper() + text[1:]
