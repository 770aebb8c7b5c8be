"""The results as a table for people and as JSON for comparison over time."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from benchmarks.experiments import Cell, Sample
from benchmarks.server import Subject


@dataclass(slots=True, kw_only=True)
class Row:
    """All samples of one server in one cell."""

    subject: Subject
    cell: Cell
    samples: list[Sample] = field(default_factory=list)
    syncs: float | None = None
    error: str = ""

    def median(self, of: Callable[[Sample], float]) -> float:
        return statistics.median(of(sample) for sample in self.samples)

    @property
    def rate(self) -> float:
        return self.median(lambda sample: sample.per_second)

    @property
    def durable(self) -> bool:
        """Durable by its own claim, and seen to force data to the disk."""
        return self.subject.durable and self.syncs != 0

    def as_json(self) -> dict[str, Any]:
        return {
            "peer": self.subject.name,
            "durable": self.durable,
            "cell": asdict(self.cell),
            "per_second": self.rate if self.samples else None,
            "samples": [{**asdict(sample), "honest": sample.honest} for sample in self.samples],
            "syncs_per_message": self.syncs,
            "error": self.error,
        }


_HEAD = (
    "experiment",
    "size",
    "sessions",
    "peer",
    "msg/s",
    "min–max",
    "ratio",
    "CPU ms",
    "p50 ms",
    "p99 ms",
    "syncs",
    "kept",
)


def table(rows: Sequence[Row]) -> str:
    """Medians with their range; `ratio` is to the best durable peer of the same cell."""
    lines = [_HEAD, *(_line(row, _best(rows, row.cell)) for row in rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(_HEAD))]
    text = ["  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip() for line in lines]
    errors = [f"{row.subject.name}, {row.cell.experiment}: {row.error}" for row in rows if row.error]
    return "\n".join([*text, *errors])


def _best(rows: Sequence[Row], cell: Cell) -> float:
    rates = [row.rate for row in rows if row.cell == cell and row.durable and row.samples]
    return max(rates, default=0.0)


def _line(row: Row, best: float) -> tuple[str, ...]:
    cell = row.cell
    name = row.subject.name if row.durable else f"{row.subject.name} (not durable)"
    start = (cell.experiment, str(cell.size), str(cell.sessions), name)
    if not row.samples:
        return (*start, "failed", *[""] * (len(_HEAD) - len(start) - 1))
    rates = [sample.per_second for sample in row.samples]
    return (
        *start,
        f"{row.rate:.0f}",
        f"{min(rates):.0f}–{max(rates):.0f}",
        f"{row.rate / best:.2f}" if best else "",
        f"{row.median(lambda sample: sample.cpu_ms):.2f}",
        f"{row.median(lambda sample: sample.latency_ms['p50']):.2f}",
        f"{row.median(lambda sample: sample.latency_ms['p99']):.2f}",
        "?" if row.syncs is None else f"{row.syncs:.2f}",
        _kept(row),
    )


def _kept(row: Row) -> str:
    """Did it keep what it acknowledged, in every round? Failures and duplicates are told too."""
    missing = sum(max(0, sample.acknowledged - (sample.kept or 0)) for sample in row.samples if sample.kept is not None)
    failed = sum(count for sample in row.samples for count in sample.failures.values())
    duplicates = sum(sample.duplicates for sample in row.samples)
    words = ["not counted" if row.samples[0].kept is None else f"LOST {missing}" if missing else "all"]
    words += [f"{failed} refused"] if failed else []
    words += [f"{duplicates} twice"] if duplicates else []
    return ", ".join(words)
