"""What the experiments with a load generator have in common: the load of a cell, warming up, the figures of a run."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any

from benchmarks.server import Demand, Running, Subject
from benchmarks.shape import Cell, Figure, Sample
from benchmarks.tools import Load, counting_syncs
from tests.peers.jail import PeerError, wait_until
from tests.peers.processes import cpu_seconds

DOMAIN = "example.org"
WARM_UP = 300
SYNC_RUN = 300
RELAY_DEADLINE = 180.0

RATE = Figure(key="rate", heading="messages/s", digits=0)
CPU = Figure(key="cpu_ms", heading="CPU ms")
P50 = Figure(key="p50_ms", heading="p50 ms")
P99 = Figure(key="p99_ms", heading="p99 ms")
GENERATOR = Figure(key="generator_ms", heading="load CPU ms", digits=3)


def octets(size: int) -> str:
    """As in the name of a cell."""
    return f"{size // 1024} KB" if size < 1 << 20 else f"{size >> 20} MB"


def demand(cell: Cell, domain: str) -> Demand:
    """What a server has to be ready for in this cell."""
    return Demand(domain=domain, sessions=cell["sessions"] + 100)


def load(cell: Cell, domain: str, messages: int, *, first: int = 0) -> Load:
    """So many messages, as the cell has them."""
    return Load(
        sessions=min(cell["sessions"], messages),
        messages=messages,
        size=cell["size"],
        domain=domain,
        first=first,
        pipelining=cell.settings.get("pipelining", False),
        deep=cell.settings.get("deep", False),
        per_connection=cell.settings.get("per_connection", 0),
    )


def warm_up(server: Running, cell: Cell, domain: str) -> dict[str, Any]:
    """The first messages, which start processes and fill caches. Raises PeerError when none is accepted."""
    report = load(cell, domain, WARM_UP).offer(server.port)
    if not report["accepted"]:
        raise PeerError(f"accepted nothing, failures: {report['failures']}\n{server.log()[-3000:]}")
    return report


def messages_for(cell: Cell, rate: float, seconds: float, *, fewest: int = 500) -> int:
    """So many that they take about so long; at least some for each session, or most would come too late for any."""
    enough = int(cell["sessions"]) * (2 if cell.settings.get("per_connection") else 10)
    return max(fewest, enough, min(200_000, int(rate * seconds)))


def figures(report: dict[str, Any], cpu: float) -> dict[str, float]:
    """What every run of the load generator tells; `cpu` are the server's seconds."""
    accepted = report["accepted"] or 1
    return {
        RATE.key: report["per_second"],
        CPU.key: cpu * 1000 / accepted,
        P50.key: report["latency_ms"]["p50"],
        P99.key: report["latency_ms"]["p99"],
        GENERATOR.key: report["cpu_seconds"] * 1000 / accepted,
    }


def accept(subject: Subject, cell: Cell, seconds: float) -> Sample:
    """A fresh server, warmed up, then a load of about `seconds`; what is in its queue is counted."""
    wanted = demand(cell, DOMAIN)
    with subject.accepting(wanted) as server:
        warm = warm_up(server, cell, DOMAIN)
        offered = load(cell, DOMAIN, messages_for(cell, warm["per_second"], seconds), first=WARM_UP)
        before = cpu_seconds(server.pid)
        report = offered.offer(server.port)
        cpu = cpu_seconds(server.pid) - before
        return Sample(
            figures=figures(report, cpu),
            acknowledged=warm["accepted"] + report["accepted"],
            kept=kept(server, warm["accepted"] + report["accepted"]),
            failures=report["failures"],
        )


def kept(server: Running, acknowledged: int) -> int | None:
    """The messages in the queue. Some still move files about after the 250, so a smaller number is asked again."""
    with contextlib.suppress(PeerError):
        wait_until(lambda: (count := server.queued()) is None or count >= acknowledged, "all in the queue", 5, poll=0.2)
    return server.queued()


def syncs_of(server: Running, run: Callable[[], int]) -> float | None:
    """Calls that force data to disk for each message that `run` says was accepted; tracing slows a server down."""
    with counting_syncs(server.pid) as syncs:
        accepted = run()
    return syncs[0] / accepted if syncs and accepted else None


def accept_syncs(subject: Subject, cell: Cell) -> float | None:
    """Syncs per message in a short run of its own."""
    with subject.accepting(demand(cell, DOMAIN)) as server:
        warm_up(server, cell, DOMAIN)
        again = load(cell, DOMAIN, max(SYNC_RUN, 2 * cell["sessions"]), first=WARM_UP)
        return syncs_of(server, lambda: int(again.offer(server.port)["accepted"]))
