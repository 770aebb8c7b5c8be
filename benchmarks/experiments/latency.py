"""How long does a client wait for one message when the server has little to do?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from benchmarks.experiments.offering import (
    CPU,
    DOMAIN,
    GENERATOR,
    P50,
    P99,
    RATE,
    WARM_UP,
    accept_syncs,
    demand,
    figures,
    kept,
    load,
    octets,
    warm_up,
)
from benchmarks.server import Subject
from benchmarks.shape import Cell, Experiment, Sample
from benchmarks.subjects import servers
from tests.peers.processes import cpu_seconds

_SESSIONS = 10


class Latency(Experiment[Subject]):
    """An open loop: messages are due at fixed times, and wait where the server is late."""

    name = "latency"
    title = "Latency of one durable transaction at low load"
    text = (
        f"Messages of 1 KB are due at a fixed rate on {_SESSIONS} open sessions, whatever the server does (an open "
        "loop). Latency runs from the moment a message is due to the 250 after its final dot, with the round trips of "
        "MAIL, RCPT and DATA in it."
    )
    figures = (P50, P99, RATE, CPU, GENERATOR)
    more_is_better = False

    def subjects(self) -> Sequence[Subject]:
        return servers()

    def cells(self) -> Sequence[Cell]:
        return [
            Cell(
                name=f"{octets(1024)}, {rate} messages/s",
                settings={"size": 1024, "sessions": _SESSIONS, "rate": rate},
                quick=rate == 50,
            )
            for rate in (10, 50)
        ]

    def measure(self, subject: Subject, cell: Cell, seconds: float) -> Sample:
        rate = cell["rate"]
        with subject.accepting(demand(cell, DOMAIN)) as server:
            warm = warm_up(server, cell, DOMAIN)
            count = max(_SESSIONS, int(rate * max(seconds, 2) * 2))
            before = cpu_seconds(server.pid)
            report = replace(load(cell, DOMAIN, count, first=WARM_UP), rate=rate).offer(server.port)
            cpu = cpu_seconds(server.pid) - before
            acknowledged = warm["accepted"] + report["accepted"]
            return Sample(
                figures=figures(report, cpu),
                acknowledged=acknowledged,
                kept=kept(server, acknowledged),
                failures=report["failures"],
            )

    def syncs(self, subject: Subject, cell: Cell) -> float | None:
        return accept_syncs(subject, cell)
