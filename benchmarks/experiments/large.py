"""How fast do large messages go in, and how much memory do they take?"""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from benchmarks.experiments.offering import (
    CPU,
    DOMAIN,
    GENERATOR,
    accept_syncs,
    demand,
    figures,
    kept,
    load,
)
from benchmarks.server import Subject
from benchmarks.shape import Cell, Experiment, Figure, Sample
from benchmarks.subjects import discarding, servers
from benchmarks.tools import Load
from tests.peers.processes import cpu_seconds, pss_bytes

_SIZE = 25 << 20
_SESSIONS = 4
_INTERVAL = 0.05  # seconds between two looks at the memory

_SPEED = Figure(key="speed", heading="MB/s", digits=0)
_MEMORY = Figure(key="memory", heading="peak MB above idle", digits=1)


class Large(Experiment[Subject]):
    """Messages of 25 MB over four sessions."""

    name = "large"
    title = "Large messages"
    text = (
        f"Messages of 25 MB over {_SESSIONS} sessions. Memory is the highest proportional set size of the server's "
        "process tree, above what it had before the first message, looked at twenty times a second; CPU is per "
        "message. Who is not durable here accepts and discards."
    )
    figures = (_SPEED, _MEMORY, CPU, GENERATOR)

    def subjects(self) -> Sequence[Subject]:
        return [*servers(), *discarding()]

    def cells(self) -> Sequence[Cell]:
        return [Cell(name="25 MB, 4 sessions", settings={"size": _SIZE, "sessions": _SESSIONS}, quick=True)]

    def measure(self, subject: Subject, cell: Cell, seconds: float) -> Sample:
        with subject.accepting(demand(cell, DOMAIN)) as server:
            # Small ones first, so that the processes are there whose memory is compared.
            small = Load(sessions=_SESSIONS, messages=_SESSIONS * 5, size=1024, domain=DOMAIN).offer(server.port)
            messages = max(2 * _SESSIONS, min(80, int(seconds * 8)))
            before = cpu_seconds(server.pid)
            with _watching(server.pid) as highest:
                report = load(cell, DOMAIN, messages, first=small["accepted"]).offer(server.port)
            cpu = cpu_seconds(server.pid) - before
            acknowledged = small["accepted"] + report["accepted"]
            speed = report["accepted"] * _SIZE / (1 << 20) / report["seconds"] if report["accepted"] else 0.0
            return Sample(
                figures={**figures(report, cpu), _SPEED.key: speed, _MEMORY.key: highest[0] / (1 << 20)},
                acknowledged=acknowledged,
                kept=kept(server, acknowledged),
                failures=report["failures"],
            )

    def syncs(self, subject: Subject, cell: Cell) -> float | None:
        if not subject.durable:
            return None
        small = Cell(name=cell.name, settings={"size": 1 << 20, "sessions": _SESSIONS})
        return accept_syncs(subject, small)


@contextmanager
def _watching(pid: int) -> Iterator[list[int]]:
    """The highest memory of the tree during the block, above that at its beginning, in octets."""
    idle, highest, ended = pss_bytes(pid), [0], threading.Event()

    def watch() -> None:
        while not ended.wait(_INTERVAL):
            highest[0] = max(highest[0], pss_bytes(pid) - idle)

    thread = threading.Thread(target=watch, name="memory")
    thread.start()
    try:
        yield highest
    finally:
        ended.set()
        thread.join()
