"""Fault rules as a file that `heloise dev --faults` reads: what was tried in the browser, kept for a test."""

import json
from collections.abc import Iterable, Iterator
from enum import Enum

from heloise.config.kinds import write_duration
from heloise.faults.rule import FaultRule

_HEAD = "# Rules to fail by: heloise dev --faults FILE, or [[fault]] sections of a server with [staging]."
_TIMES = ("delay", "after", "until", "lasting")
_ABSENT = FaultRule(delay=1.0)  # its fields are those that need not be written


def write_faults(rules: Iterable[FaultRule], seed: int) -> str:
    """The TOML of them, in order. Read again they do the same, chance with the same seed among it."""
    sections = ["[[fault]]\n" + "".join(f"{key} = {text}\n" for key, text in _keys(rule)) for rule in rules]
    return "\n".join([f"{_HEAD}\nseed = {seed}\n", *sections])


def _keys(rule: FaultRule) -> Iterator[tuple[str, str]]:
    if rule.name:
        yield "name", _text(rule.name)
    for key in ("stage", "to", "sender", "hello", "first", "times", "per", "probability", "cut", "at"):
        value = getattr(rule, key)
        if value != getattr(_ABSENT, key):
            yield key, _written(value)
    if rule.client:
        yield "client", "[" + ", ".join(_text(str(each)) for each in rule.client) + "]"
    for key in _TIMES:
        value = getattr(rule, key)
        if value:
            yield key, _text(write_duration(value))
        elif value is not None and key in ("until", "lasting"):
            yield key, _text("0s")
    if rule.rate is not None:
        yield "rate", _text(str(rule.rate))
    if rule.reply is not None:
        yield "reply", _text(str(rule.reply))
    if rule.octets is not None:
        yield "octets", _text(rule.octets.decode("latin-1"))


def _written(value: object) -> str:
    if isinstance(value, Enum):
        return _text(str(value.value))
    return _text(value) if isinstance(value, str) else str(value)


def _text(text: str) -> str:
    # JSON's escapes are those of TOML's basic strings, when nothing outside ASCII is escaped.
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
