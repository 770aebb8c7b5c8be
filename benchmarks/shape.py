"""The one shape of all experiments: subjects, cells, samples; the median with its range; the ratio to the best peer."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

OURS = "heloise"


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One setting of an experiment, such as "1 KB, 20 sessions". `settings` are what the experiment makes of it."""

    name: str
    settings: Mapping[str, Any]
    quick: bool = False
    """Part of a quick run too."""

    def __getitem__(self, name: str) -> Any:
        return self.settings[name]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """A column of the result: the key in `Sample.figures`, its heading with the unit, and the digits that are shown."""

    key: str
    heading: str
    digits: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of one subject in one cell."""

    figures: Mapping[str, float]
    acknowledged: int = 0
    kept: int | None = None
    """Messages found afterwards, in the queue or in the sink; None where nothing could be counted."""
    duplicates: int = 0
    failures: Mapping[str, int] = field(default_factory=dict)

    @property
    def is_honest(self) -> bool:
        """Was every message that got 250 still there?"""
        return self.kept is None or self.kept >= self.acknowledged


class Named(Protocol):
    """What is measured. `durable`: it claims to say 250 only when the message is on stable storage."""

    @property
    def name(self) -> str: ...

    @property
    def durable(self) -> bool: ...


S = TypeVar("S", bound=Named)


class Experiment(Generic[S]):
    """One question, asked of all subjects in turn.

    The first of `figures` is the one that is compared and drawn; `more_is_better` says in which direction.
    `counts_durable`: only who is durable can be the best peer.
    """

    name: str
    title: str
    text: str
    figures: tuple[Figure, ...]
    more_is_better = True
    counts_durable = True

    def subjects(self) -> Sequence[S]:
        """Who can take part, in the order of the result."""
        raise NotImplementedError

    def cells(self) -> Sequence[Cell]:
        """All settings."""
        raise NotImplementedError

    def takes(self, subject: S, cell: Cell) -> bool:
        """Can this one be measured there? The reason why not is in benchmarks/README.md."""
        return True

    def measure(self, subject: S, cell: Cell, seconds: float) -> Sample:
        """Measure once, for about so long; whatever was started has been stopped afterwards."""
        raise NotImplementedError

    def syncs(self, subject: S, cell: Cell) -> float | None:
        """Calls that force data to the disk, per message; None where it does not apply."""
        return None

    def close(self) -> None:
        """Remove what was kept from one measurement to the next."""


@dataclass(slots=True, kw_only=True)
class Row:
    """All samples of one subject in one cell."""

    subject: Named
    cell: Cell
    samples: list[Sample] = field(default_factory=list)
    syncs: float | None = None
    error: str = ""

    @property
    def is_durable(self) -> bool:
        """Durable by its own claim, and not seen to do without forcing data to the disk."""
        return self.subject.durable and self.syncs != 0

    @property
    def is_honest(self) -> bool:
        return all(sample.is_honest for sample in self.samples)

    def values(self, key: str) -> list[float]:
        """A figure of all samples that have it."""
        return [sample.figures[key] for sample in self.samples if key in sample.figures]

    def median(self, key: str) -> float | None:
        values = self.values(key)
        return statistics.median(values) if values else None

    def as_json(self, experiment: Experiment[Any], best: float | None) -> dict[str, Any]:
        """Everything that a report needs."""
        key = experiment.figures[0].key
        middle = self.median(key)
        return {
            "subject": self.subject.name,
            "cell": self.cell.name,
            "durable": self.is_durable,
            "figures": {
                figure.key: {"median": self.median(figure.key), "low": min(values), "high": max(values)}
                for figure in experiment.figures
                if (values := self.values(figure.key))
            },
            "ratio": middle / best if middle is not None and best else None,
            "syncs": self.syncs,
            "kept": self.kept(),
            "samples": [dict(sample.figures) for sample in self.samples],
            "error": self.error,
        }

    def kept(self) -> str:
        """Was all there that it had acknowledged, in every round? Failures and duplicates are told too."""
        if not self.samples or not any(sample.acknowledged for sample in self.samples):
            return ""
        counted = [sample for sample in self.samples if sample.kept is not None]
        missing = sum(max(0, sample.acknowledged - (sample.kept or 0)) for sample in counted)
        failed = sum(count for sample in self.samples for count in sample.failures.values())
        duplicates = sum(sample.duplicates for sample in self.samples)
        words = ["not counted" if not counted else f"LOST {missing}" if missing else "all"]
        words += [f"{failed} refused"] if failed else []
        words += [f"{duplicates} twice"] if duplicates else []
        return ", ".join(words)


def best_peer(experiment: Experiment[Any], rows: Sequence[Row], cell: Cell) -> float | None:
    """The best median of those who are not heloise, in this cell; only durable ones where durability is promised."""
    medians = [
        value
        for row in rows
        if row.cell == cell and not row.subject.name.startswith(OURS)
        if row.is_durable or not experiment.counts_durable
        if (value := row.median(experiment.figures[0].key)) is not None
    ]
    return (max if experiment.more_is_better else min)(medians, default=None)
