"""How many messages a second does a client send?"""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.experiments.offering import CPU, RATE, octets
from benchmarks.senders import Errand, Sender, senders
from benchmarks.shape import Cell, Experiment, Sample
from benchmarks.tools import sink

_TRIAL = 200  # messages that show how many fit into the time
_SIZE = 1024


class Sending(Experiment[Sender]):
    """Client libraries send to a sink in C."""

    name = "sending"
    title = "Sending: the client libraries"
    text = (
        "A program with each library sends messages of 1 KB to a sink in C, one after the other on each connection. "
        "smtplib has a thread for each connection. A Python program is measured without its start, smtp-source with "
        "it. CPU is the client's."
    )
    figures = (RATE, CPU)
    counts_durable = False

    def subjects(self) -> Sequence[Sender]:
        return senders()

    def cells(self) -> Sequence[Cell]:
        return [
            Cell(
                name=f"{octets(_SIZE)}, {sessions} connection{'s' * (sessions > 1)}{', one message each' * one}",
                settings={"sessions": sessions, "one": one},
                quick=sessions == 1 and not one,
            )
            for sessions, one in ((1, False), (20, False), (1, True), (20, True))
        ]

    def takes(self, subject: Sender, cell: Cell) -> bool:
        return subject.can(cell["sessions"])

    def measure(self, subject: Sender, cell: Cell, seconds: float) -> Sample:
        with sink() as target:
            trial = subject.send(_errand(target.port, cell, _TRIAL))
            messages = max(_TRIAL, min(200_000, int(_TRIAL / trial.seconds * seconds)))
            sent = subject.send(_errand(target.port, cell, messages))
            return Sample(
                figures={RATE.key: messages / sent.seconds, CPU.key: sent.cpu * 1000 / messages},
                acknowledged=_TRIAL + messages,
                kept=target.messages(),
            )


def _errand(port: int, cell: Cell, messages: int) -> Errand:
    return Errand(port=port, messages=messages, sessions=cell["sessions"], size=_SIZE, one_per_connection=cell["one"])
