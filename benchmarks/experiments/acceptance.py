"""How many messages a second does a server take and keep?"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.experiments.offering import CPU, GENERATOR, P50, P99, RATE, accept, accept_syncs, octets
from benchmarks.server import Subject
from benchmarks.shape import Cell, Experiment, Sample
from benchmarks.subjects import servers

_SESSIONS = (1, 20, 100, 1000)
_SHAPES: dict[str, dict[str, int]] = {
    "": {},
    ", pipelined": {"pipelining": True},
    ", pipelined across messages": {"deep": True},
    ", one message per connection": {"per_connection": 1},
}


class Acceptance(Experiment[Subject]):
    """Clients offer messages as fast as they are taken; 250 means that the message is in the queue."""

    name = "acceptance"
    title = "Durable acceptance"
    text = (
        "Each session sends the next message when the last one got its 250. The server keeps what it accepts in its "
        "queue, where it is counted afterwards. Time ends with the last 250."
    )
    figures = (RATE, CPU, P50, P99, GENERATOR)

    def subjects(self) -> Sequence[Subject]:
        return servers()

    def cells(self) -> Sequence[Cell]:
        return [
            Cell(
                name=f"{octets(size)}, {sessions} session{'s' * (sessions > 1)}{words}",
                settings={"size": size, "sessions": sessions, **shape},
                quick=(size, sessions, words) in ((1024, 1, ""), (1024, 20, "")),
            )
            for size in (1024, 10240)
            for words, shape in _SHAPES.items()
            for sessions in _SESSIONS
            if size == 1024 or not words
        ]

    def takes(self, subject: Subject, cell: Cell) -> bool:
        return subject.most_sessions >= int(cell["sessions"])

    def measure(self, subject: Subject, cell: Cell, seconds: float) -> Sample:
        return accept(subject, cell, seconds)

    def syncs(self, subject: Subject, cell: Cell) -> float | None:
        return accept_syncs(subject, cell)
