"""What does a session cost that only waits?"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.experiments.offering import DOMAIN, demand
from benchmarks.server import Subject
from benchmarks.shape import Cell, Experiment, Figure, Sample
from benchmarks.subjects import discarding, servers
from benchmarks.tools import Load, holding
from tests.peers.processes import pss_bytes

_WARM_UP = 20

_EACH = Figure(key="each_kb", heading="KB per session", digits=1)
_WHOLE = Figure(key="whole_mb", heading="MB in all", digits=0)


class Idle(Experiment[Subject]):
    """Sessions that have said EHLO, and then say nothing."""

    name = "idle"
    title = "Memory of idle sessions"
    text = (
        "Sessions that have said EHLO and wait. The memory is the proportional set size of the server's process tree, "
        "above what it had after a few messages. What the kernel keeps for a connection is not in it. Servers with a "
        "process for each session are asked for no more than 1,000."
    )
    figures = (_EACH, _WHOLE)
    more_is_better = False

    def subjects(self) -> Sequence[Subject]:
        return [*servers(), *discarding()]

    def cells(self) -> Sequence[Cell]:
        return [
            Cell(name=f"{sessions:,} sessions", settings={"sessions": sessions, "size": 1024}, quick=sessions == 1000)
            for sessions in (1000, 10_000)
        ]

    def takes(self, subject: Subject, cell: Cell) -> bool:
        return subject.most_sessions >= int(cell["sessions"])

    def measure(self, subject: Subject, cell: Cell, seconds: float) -> Sample:
        sessions = cell["sessions"]
        with subject.accepting(demand(cell, DOMAIN)) as server:
            Load(sessions=2, messages=_WARM_UP, size=1024, domain=DOMAIN).offer(server.port)
            before = pss_bytes(server.pid)
            with holding(server.port, sessions):
                after = pss_bytes(server.pid)
        return Sample(figures={_EACH.key: (after - before) / sessions / 1024, _WHOLE.key: after / (1 << 20)})
