"""The experiments: durable acceptance, and relay to a sink."""

from __future__ import annotations

import time
from dataclasses import dataclass, replace
from typing import Any

from benchmarks.server import Running, Subject
from benchmarks.tools import Load, counting_syncs, sink
from tests.peers.jail import PeerError, wait_until
from tests.peers.processes import cpu_seconds

DOMAIN = "example.org"
WARM_UP = 300
SYNC_RUN = 300
RELAY_DEADLINE = 180.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One line of the result: an experiment, a size, a number of sessions."""

    experiment: str
    size: int
    sessions: int
    pipelining: bool = False
    per_connection: int = 0

    def load(self, messages: int, first: int = 0) -> Load:
        return Load(
            sessions=min(self.sessions, messages),
            messages=messages,
            size=self.size,
            domain=DOMAIN,
            first=first,
            pipelining=self.pipelining,
            per_connection=self.per_connection,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One measurement of one server in one cell."""

    messages: int
    per_second: float
    cpu_ms: float
    latency_ms: dict[str, float]
    failures: dict[str, int]
    kept: int | None
    """Messages found afterwards, in the queue or in the sink; None where nothing could be counted."""
    acknowledged: int
    duplicates: int = 0

    @property
    def honest(self) -> bool:
        """Was every message that got 250 still there?"""
        return self.kept is None or self.kept >= self.acknowledged


def measure(subject: Subject, cell: Cell, seconds: float) -> Sample:
    """A fresh server, warmed up, then a load of about `seconds`."""
    if cell.experiment == "relay":
        return _relay(subject, cell, seconds)
    with subject.accepting(DOMAIN) as server:
        warm_up = _warm_up(server, cell)
        load = cell.load(_messages(warm_up["per_second"], seconds), first=WARM_UP)
        before = cpu_seconds(server.pid)
        report = load.offer(server.port)
        cpu = cpu_seconds(server.pid) - before
        return replace(
            _sample(report, report["per_second"], cpu),
            kept=server.queued(),
            acknowledged=warm_up["accepted"] + report["accepted"],
        )


def _relay(subject: Subject, cell: Cell, seconds: float) -> Sample:
    """Time runs from the first connection until the sink has every message that was acknowledged."""
    with sink() as target, subject.relaying(DOMAIN, target.port) as server:
        began = time.monotonic()
        warm_up = _warm_up(server, cell)
        _wait_for_sink(server, target.distinct, warm_up["accepted"])
        rate = warm_up["accepted"] / (time.monotonic() - began)
        load = cell.load(_messages(rate, seconds), first=WARM_UP)
        before, began = cpu_seconds(server.pid), time.monotonic()
        report = load.offer(server.port)
        acknowledged = warm_up["accepted"] + report["accepted"]
        _wait_for_sink(server, target.distinct, acknowledged)
        elapsed = time.monotonic() - began
        cpu = cpu_seconds(server.pid) - before
        return replace(
            _sample(report, report["accepted"] / elapsed, cpu),
            kept=target.distinct(),
            acknowledged=acknowledged,
            duplicates=target.messages() - target.distinct(),
        )


def syncs_per_message(subject: Subject, cell: Cell) -> float | None:
    """Calls that force data to disk for each message, in a short run of its own: tracing slows a server down."""
    if cell.experiment == "relay":
        with sink() as target, subject.relaying(DOMAIN, target.port) as server:
            accepted = _warm_up(server, cell)["accepted"]
            _wait_for_sink(server, target.distinct, accepted)
            with counting_syncs(server.pid) as syncs:
                report = cell.load(SYNC_RUN, first=WARM_UP).offer(server.port)
                _wait_for_sink(server, target.distinct, accepted + report["accepted"])
    else:
        with subject.accepting(DOMAIN) as server:
            _warm_up(server, cell)
            with counting_syncs(server.pid) as syncs:
                report = cell.load(SYNC_RUN, first=WARM_UP).offer(server.port)
    return syncs[0] / report["accepted"] if syncs and report["accepted"] else None


def _warm_up(server: Running, cell: Cell) -> dict[str, Any]:
    report = cell.load(WARM_UP).offer(server.port)
    if not report["accepted"]:
        raise PeerError(f"accepted nothing, failures: {report['failures']}\n{server.log()[-3000:]}")
    return report


def _messages(rate: float, seconds: float) -> int:
    return max(500, min(200_000, int(rate * seconds)))


def _wait_for_sink(server: Running, distinct: Any, count: int) -> None:
    try:
        wait_until(lambda: distinct() >= count, f"{count} messages in the sink", RELAY_DEADLINE, poll=0.002)
    except PeerError as error:
        raise PeerError(f"{error}; {distinct()} are there\n{server.log()[-3000:]}") from None


def _sample(report: dict[str, Any], per_second: float, cpu: float) -> Sample:
    accepted = report["accepted"]
    return Sample(
        messages=accepted,
        per_second=per_second,
        cpu_ms=cpu * 1000 / accepted if accepted else 0.0,
        latency_ms=report["latency_ms"],
        failures=report["failures"],
        kept=None,
        acknowledged=accepted,
    )
