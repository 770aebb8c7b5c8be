"""What the server measured over the last hour and the last day, for plots: rates, latencies, depths. Kept in memory.

A sample is what the counters say at one moment; a point is what lies between two of them. Two rings hold points, a fine
and a coarse one, so that memory is bounded whatever happens.
"""

import asyncio
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from heloise.app.operator.control import Desk
from heloise.app.operator.control_desk import ControlError
from heloise.inbox.news import News
from heloise.observe.counts import BOUNDS
from heloise.observe.exposition import Family
from heloise.world import Clock

STEP = 5.0  # seconds
FINE, COARSE = 720, 1440  # points: an hour, and a day of minutes
_STEPS = 12  # fine ones to a coarse one
NAMES = (
    "at",
    "accepted",
    "refused",
    "delivered",
    "delayed",
    "failed",
    "messages",
    "held",
    "oldest",
    "sessions",
    "attempt_median",
    "attempt_slow",
    "commit_slow",
)
"""Of the numbers of a point: accepted to failed are a second, oldest and the durations in seconds; `slow` is what one
in twenty exceeds. A duration is None where nothing was done."""

Point = tuple[float | None, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """Counters and gauges at one moment; `attempts` and `commits` are counts by the buckets of `BOUNDS`."""

    at: float
    counters: tuple[float, ...]  # accepted, refused, delivered, delayed, failed
    gauges: tuple[float, ...]  # messages, held, oldest, sessions
    attempts: tuple[float, ...]
    commits: tuple[float, ...]


def sample(families: Sequence[Family], at: float) -> Sample:
    """What the metrics say. Pure."""
    by_name = {each["name"].removeprefix("heloise_"): each["samples"] for each in families}

    def total(name: str, **labels: str) -> float:
        chosen = [number for _, each, number in by_name.get(name, ()) if labels.items() <= each.items()]
        return float(sum(chosen))

    return Sample(
        at=at,
        counters=(
            total("messages_total"),
            total("refusals_total"),
            total("attempts_total", action="delivered") + total("attempts_total", action="relayed"),
            total("attempts_total", action="delayed"),
            total("attempts_total", action="failed"),
        ),
        gauges=(
            total("queue_messages"),
            total("queue_recipients", state="held"),
            total("queue_oldest_seconds"),
            total("sessions_open"),
        ),
        attempts=_buckets(by_name.get("attempt_seconds", ())),
        commits=_buckets(by_name.get("commit_seconds", ())),
    )


def _buckets(samples: Sequence[Sequence[Any]]) -> tuple[float, ...]:
    """Counts of each bucket alone: those of Prometheus are sums."""
    sums = [number for suffix, _, number in samples if suffix == "_bucket"]
    return tuple(after - before for before, after in pairwise([0, *sums]))


def point(before: Sample, after: Sample) -> Point:
    """What lies between two samples. A counter that fell is that of a process which was started again. Pure."""
    seconds = max(after.at - before.at, 0.001)
    rates = [round(_grown(old, new) / seconds, 4) for old, new in zip(before.counters, after.counters, strict=True)]
    attempts = [_grown(old, new) for old, new in zip(before.attempts, after.attempts, strict=False)]
    commits = [_grown(old, new) for old, new in zip(before.commits, after.commits, strict=False)]
    times = (quantile(attempts, 0.5), quantile(attempts, 0.95), quantile(commits, 0.95))
    return (round(after.at, 1), *rates, *(round(number, 1) for number in after.gauges), *times)


def _grown(old: float, new: float) -> float:
    return new - old if new >= old else new


def quantile(buckets: Sequence[float], share: float) -> float | None:
    """The duration that `share` of those counted do not exceed, in seconds, as exact as the buckets are. Pure."""
    wanted = sum(buckets) * share
    if not wanted:
        return None
    low = 0.0
    for number, high in zip(buckets, BOUNDS, strict=False):
        if number >= wanted:
            return round(low + (high - low) * wanted / number, 6)
        wanted -= number
        low = high
    return BOUNDS[-1]  # longer than can be told


class History:
    """The points. `news` tells of each new one."""

    def __init__(self, desk: Desk, clock: Clock) -> None:
        self.news = News()
        self._desk = desk
        self._clock = clock
        self._fine: deque[Point] = deque(maxlen=FINE)
        self._coarse: deque[Point] = deque(maxlen=COARSE)
        self._last: Sample | None = None
        self._last_coarse: Sample | None = None
        self._number = 0

    async def run(self) -> None:
        """Measure, for ever."""
        while True:
            try:
                families = (await self._desk.ask({"do": "metrics"}))["families"]
            except ControlError:  # a process is being started again: a gap in the plot
                pass
            else:
                self.add(sample(families, self._clock.now()))
            await asyncio.sleep(STEP)

    def add(self, taken: Sample) -> None:
        """Another sample."""
        if self._last is not None:
            self._fine.append(point(self._last, taken))
            self.news.tell()
        self._last = taken
        if self._number % _STEPS == 0:
            if self._last_coarse is not None:
                self._coarse.append(point(self._last_coarse, taken))
            self._last_coarse = taken
        self._number += 1

    @property
    def newest(self) -> Point | None:
        """The last point, if there is one."""
        return self._fine[-1] if self._fine else None

    def points(self, span: str, after: float = 0.0) -> Mapping[str, Any]:
        """Those of the last "hour" or "day" after a moment, the oldest first, and what their numbers are."""
        ring, step = (self._coarse, STEP * _STEPS) if span == "day" else (self._fine, STEP)
        chosen = [each for each in ring if (each[0] or 0.0) > after]
        return {"step": step, "names": NAMES, "points": chosen}
