"""Fault rules by themselves: a file of them for `heloise dev --faults`, and one of them as it is given to an API."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import Any

from heloise.config.decode import Decoder
from heloise.config.errors import ConfigError, Problem
from heloise.config.failing import Fault, fault_rules
from heloise.config.load import decoded, tables_and_places
from heloise.config.places import Places
from heloise.faults.phrase import parse_phrase
from heloise.faults.rule import FaultRule


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultFile:
    """A file of fault rules."""

    seed: int = 0
    """Of what happens by chance."""

    faults: tuple[Fault, ...] = field(default=(), metadata={"key": "fault"})


@dataclass(frozen=True, slots=True)
class FaultPlan:
    """What to fail by."""

    rules: tuple[FaultRule, ...] = ()
    seed: int = 0


def read_faults(path: str) -> FaultPlan:
    """Read a file of faults. Raises ConfigError, with all that is wrong; OSError."""
    return parse_faults(decoded(Path(path).read_bytes(), path), file=path)


def parse_faults(text: str, *, file: str = "faults.toml") -> FaultPlan:
    """Read TOML text. Raises ConfigError."""
    tables, places = tables_and_places(text, file)
    directory = PurePosixPath(Path(file).absolute().parent)
    decoder = Decoder(places=places, directory=directory, stand_ins={}, owners={})
    draft: FaultFile = decoder.section(FaultFile, tables, ())
    rules, problems = fault_rules(draft.faults, places)
    if decoder.problems or problems:
        raise ConfigError([*decoder.problems, *([] if decoder.problems else problems)])
    return FaultPlan(rules, draft.seed)


def read_fault(item: object) -> FaultRule:
    """A fault as it is given to an API: a phrase, or the keys of `[[fault]]` as in a file. Raises ValueError."""
    if isinstance(item, str):
        return parse_phrase(item)
    if not isinstance(item, Mapping):
        raise ValueError('a fault is a phrase ("451 twice, then accept") or an object with the keys of [[fault]]')
    table: dict[str, Any] = dict(item)
    decoder = Decoder(places=Places(), directory=PurePosixPath("/"), stand_ins={}, owners={})
    draft: Fault = decoder.section(Fault, table, ("fault", 0))
    rules, problems = fault_rules((draft,), Places())
    if decoder.problems or problems:
        raise ValueError("; ".join(_without_place(each) for each in decoder.problems or problems))
    return rules[0]


def _without_place(problem: Problem) -> str:
    return problem.text + (f" ({problem.hint})" if problem.hint else "")
