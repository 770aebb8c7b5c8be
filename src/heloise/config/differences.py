"""What differs between two configurations, in words; and what of it a running server can not take over.

Pure. A secret is said to have changed, never shown.
"""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any, TypeAlias, cast

from heloise.config.decode import hints, toml_key
from heloise.config.describe import written
from heloise.config.errors import ConfigError
from heloise.config.names import problem
from heloise.config.places import Path
from heloise.config.schema import Configuration

_SECRETS = frozenset({"secret", "postgresql", "headers", "token"})
_NOTHING = object()
# What a server is made with, once: where its state is, how many processes have a queue there, whom it asks about names.
FIXED: tuple[Path, ...] = (("state",), ("processes",), ("run_as",), ("dns",), ("admin",), ("passport", "off"))
Item: TypeAlias = Any  # a dataclass of the schema


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One value that is another one now. `old` and `new` are as one would write them, None where there is none.

    `place` is the line in the new file, when it is written there. `kept`: the running server stays with the old value
    until it is started again.
    """

    name: str
    old: str | None
    new: str | None
    place: str | None
    kept: bool = False

    def __str__(self) -> str:
        if self.old == self.new:
            change = "is another one"
        elif self.old is None:
            change = "is new" if self.new == "" else f"is {self.new} now"
        elif self.new is None:
            change = "is there no longer"
        else:
            change = f"{self.old} → {self.new}"
        kept = "; it can not change at run time, the old one is kept until the server is started again"
        return f"{self.name}: {change}" + (f" ({self.place})" if self.place else "") + (kept if self.kept else "")


def differences(old: Configuration, new: Configuration) -> tuple[Difference, ...]:
    """All of them, in the order of the schema; empty when both mean the same."""
    return tuple(_of_section(old, new, (), new))


def taken_over(old: Configuration, new: Configuration) -> Configuration:
    """What a server that runs under `old` makes of `new`: all but `FIXED`.

    Raises:
        ConfigError: the two do not go together in one run.
    """
    made = replace(
        new,
        state=old.state,
        processes=old.processes,
        run_as=old.run_as,
        dns=old.dns,
        admin=old.admin,
        passport=replace(new.passport, off=old.passport.off),
    )
    if made.process_count != old.process_count:
        path: Path = ("odmr", 0) if new.sites_on_demand else ("staging", "fail_on_purpose")
        text = f"with [[odmr]] or [staging] there is one process, and {old.process_count} are running"
        raise ConfigError([problem(new, path, text, "start the server again")])
    return made


def _of_section(old: Item, new: Item, path: Path, whole: Configuration) -> Iterator[Difference]:
    types = hints(_schema(new))
    for item in fields(new):
        key = toml_key(item)
        before, after = getattr(old, item.name), getattr(new, item.name)
        if key is None or before == after:
            continue
        here = (*path, key)
        if _is_section(before) and _is_section(after):
            yield from _of_section(before, after, here, whole)
        elif isinstance(after, Mapping):
            yield from _of_entries(before, after, here, whole)
        elif isinstance(after, tuple) and any(map(_is_section, (*before, *after))):
            yield from _of_tables(before, after, here, whole)
        else:
            yield _difference(here, before, after, whole, types[item.name])


def _schema(value: Item) -> type:
    return type(value)


def _is_section(value: object) -> bool:
    """A dataclass of the schema, and not a value such as a route."""
    return is_dataclass(value) and type(value).__module__.startswith("heloise.config.")


def _of_entries(
    old: Mapping[str, Any], new: Mapping[str, Any], path: Path, whole: Configuration
) -> Iterator[Difference]:
    for key in {**old, **new}:
        before, after = old.get(key, _NOTHING), new.get(key, _NOTHING)
        if before != after:
            yield _difference((*path, key), before, after, whole)


def _of_tables(old: Sequence[Item], new: Sequence[Item], path: Path, whole: Configuration) -> Iterator[Difference]:
    """Arrays of tables, each called by the first of its keys."""
    before, after = _by_name(old), _by_name(new)
    places: dict[tuple[str, int], Path] = {name: (*path, index) for index, name in enumerate(after)}
    for name in {**before, **after}:
        if before.get(name) == after.get(name):
            continue
        heading = f"[[{'.'.join(map(str, path))}]] {name[0]}"
        place = _place(whole, places[name]) if name in places else None
        if name not in after:
            yield Difference(name=heading, old="", new=None, place=None)
        elif name not in before:
            yield Difference(name=heading, old=None, new="", place=place)
        else:
            yield from _of_one(before[name], after[name], heading, places[name], whole)
    if not any(before.get(name) != after.get(name) for name in {**before, **after}):
        yield Difference(name=f"[[{'.'.join(map(str, path))}]]", old="", new="", place=None)  # in another order


def _of_one(old: Item, new: Item, heading: str, path: Path, whole: Configuration) -> Iterator[Difference]:
    types = hints(_schema(new))
    for item in fields(new):
        key = toml_key(item)
        before, after = getattr(old, item.name), getattr(new, item.name)
        if key is not None and before != after:
            shown = [None if key in _SECRETS else _written(value, types[item.name]) for value in (before, after)]
            yield Difference(name=f"{heading}: {key}", old=shown[0], new=shown[1], place=_place(whole, (*path, key)))


def _by_name(items: Sequence[Item]) -> dict[tuple[str, int], Item]:
    """By the first of its keys, and the how many-th it is that is called so."""
    named: dict[tuple[str, int], Item] = {}
    counts: Counter[str] = Counter()
    for item in items:
        first = fields(item)[0]
        name = _written(getattr(item, first.name), hints(_schema(item))[first.name])
        named[name, counts[name]] = item
        counts[name] += 1
    return named


def _difference(path: Path, old: object, new: object, whole: Configuration, kind: object = None) -> Difference:
    name = path[0] if len(path) == 1 else f"[{path[0]}] {'.'.join(map(str, path[1:]))}"
    shown = [None if value is _NOTHING or path[-1] in _SECRETS else _written(value, kind) for value in (old, new)]
    kept = any(path[: len(fixed)] == fixed for fixed in FIXED)
    return Difference(name=str(name), old=shown[0], new=shown[1], place=_place(whole, path), kept=kept)


def _written(value: object, kind: object) -> str:
    if _is_section(value):
        item = cast("Any", value)
        known = {key: getattr(item, each.name) for each in fields(item) if (key := toml_key(each)) is not None}
        return "{ " + ", ".join(f"{key} = {written(each)}" for key, each in known.items() if each is not None) + " }"
    return written(value, kind)


def _place(whole: Configuration, path: Path) -> str | None:
    rule = whole.rule(*path)
    return None if rule is None else str(rule)
