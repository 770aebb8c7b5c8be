"""How many messages a second does a server take that keeps nothing?"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.experiments.offering import CPU, GENERATOR, P50, P99, RATE, accept, octets
from benchmarks.server import Subject
from benchmarks.shape import Cell, Experiment, Sample
from benchmarks.subjects import discarding


class Discard(Experiment[Subject]):
    """A Python program with a server in it, and smtp-sink as the limit."""

    name = "library"
    title = "Accept and discard: the libraries"
    text = (
        "A program of a few lines has a server that takes each message and forgets it, in one process. smtp-sink, in "
        "C, shows what one core can do at all. Pipelined across messages is a client that sends the commands of the "
        "next message behind the final dot of the last one; who does not offer PIPELINING gets one command at a time."
    )
    figures = (RATE, CPU, P50, P99, GENERATOR)
    counts_durable = False

    def subjects(self) -> Sequence[Subject]:
        return discarding()

    def cells(self) -> Sequence[Cell]:
        return [
            Cell(
                name=f"{octets(size)}, {sessions} session{'s' * (sessions > 1)}{words}",
                settings={"size": size, "sessions": sessions, **shape},
                quick=(size, words) == (1024, "") and sessions == 20,
            )
            for size, sessions, words, shape in (
                (1024, 1, "", {}),
                (1024, 20, "", {}),
                (1024, 20, ", pipelined", {"pipelining": True}),
                (1024, 20, ", pipelined across messages", {"deep": True}),
                (1024, 20, ", one message per connection", {"per_connection": 1}),
                (10240, 20, "", {}),
            )
        ]

    def measure(self, subject: Subject, cell: Cell, seconds: float) -> Sample:
        return accept(subject, cell, seconds)
