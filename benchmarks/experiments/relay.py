"""How many messages a second go through a server, from a client to the next hop?"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from benchmarks.experiments.offering import (
    CPU,
    DOMAIN,
    GENERATOR,
    RATE,
    RELAY_DEADLINE,
    SYNC_RUN,
    WARM_UP,
    demand,
    figures,
    load,
    messages_for,
    octets,
    syncs_of,
    warm_up,
)
from benchmarks.server import Running, Subject
from benchmarks.shape import Cell, Experiment, Sample
from benchmarks.subjects import servers
from benchmarks.tools import sink
from tests.peers.jail import PeerError, wait_until
from tests.peers.processes import cpu_seconds


class Relay(Experiment[Subject]):
    """Time runs from the first connection until the sink has every message that was acknowledged."""

    name = "relay"
    title = "End-to-end relay"
    text = (
        "The server passes each message on to a sink. Time runs from the first connection until the sink has every "
        "message that was acknowledged; one that comes twice counts once, and is told."
    )
    figures = (RATE, CPU, GENERATOR)

    def subjects(self) -> Sequence[Subject]:
        return servers()

    def cells(self) -> Sequence[Cell]:
        return [
            Cell(
                name=f"{octets(4096)}, {sessions} sessions",
                settings={"size": 4096, "sessions": sessions},
                quick=sessions == 20,
            )
            for sessions in (20, 100)
        ]

    def measure(self, subject: Subject, cell: Cell, seconds: float) -> Sample:
        with sink() as target, subject.relaying(demand(cell, DOMAIN), target.port) as server:
            began = time.monotonic()
            warm = warm_up(server, cell, DOMAIN)
            _wait(server, target.distinct, warm["accepted"])
            rate = warm["accepted"] / (time.monotonic() - began)
            offered = load(cell, DOMAIN, messages_for(cell, rate, seconds, fewest=200), first=WARM_UP)
            before, began = cpu_seconds(server.pid), time.monotonic()
            report = offered.offer(server.port)
            acknowledged = warm["accepted"] + report["accepted"]
            _wait(server, target.distinct, acknowledged)
            elapsed = time.monotonic() - began
            cpu = cpu_seconds(server.pid) - before
            return Sample(
                figures={**figures(report, cpu), RATE.key: report["accepted"] / elapsed},
                acknowledged=acknowledged,
                kept=target.distinct(),
                duplicates=target.messages() - target.distinct(),
                failures=report["failures"],
            )

    def syncs(self, subject: Subject, cell: Cell) -> float | None:
        with sink() as target, subject.relaying(demand(cell, DOMAIN), target.port) as server:
            accepted = warm_up(server, cell, DOMAIN)["accepted"]
            _wait(server, target.distinct, accepted)

            def run() -> int:
                report = load(cell, DOMAIN, SYNC_RUN, first=WARM_UP).offer(server.port)
                _wait(server, target.distinct, accepted + report["accepted"])
                return int(report["accepted"])

            return syncs_of(server, run)


def _wait(server: Running, distinct: Callable[[], int], count: int) -> None:
    try:
        wait_until(lambda: distinct() >= count, f"{count} messages in the sink", RELAY_DEADLINE, poll=0.002)
    except PeerError as error:
        raise PeerError(f"{error}; {distinct()} are there\n{server.log()[-3000:]}") from None
