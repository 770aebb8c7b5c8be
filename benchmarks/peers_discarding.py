"""Servers that accept and discard: what a library costs when nothing is kept, and smtp-sink, the limit of a core."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path

from benchmarks.server import Demand, Running, serving
from tests.peers import SmtpSink, free_port, require

_PROGRAMS = Path(__file__).with_name("programs")


class Library:
    """A Python program that takes a port and a message size: one of benchmarks/programs with an event loop."""

    durable = False
    most_sessions = 10_000

    def __init__(self, name: str, program: str, loop: str) -> None:
        self.name = name if loop == "asyncio" else f"{name}, {loop}"
        self._program = program
        self._loop = loop

    def accepting(self, demand: Demand) -> contextlib.AbstractContextManager[Running]:
        port = free_port()
        python = str(require("aiosmtpd")) if "aiosmtpd" in self._program else sys.executable
        program = str(_PROGRAMS / self._program)
        return serving([python, program, str(port), str(demand.message_size), self._loop], port)

    def relaying(self, demand: Demand, sink: int) -> contextlib.AbstractContextManager[Running]:
        raise NotImplementedError(f"{self.name} does not relay")


class CSink:
    """smtp-sink(1) of Postfix, in C, one process: accepts and discards."""

    name = "smtp-sink"
    durable = False
    most_sessions = 10_000

    @contextlib.contextmanager
    def accepting(self, demand: Demand) -> Iterator[Running]:
        with SmtpSink("-m", str(demand.sessions + 20), keep=False) as peer:
            yield Running(port=peer.port, pid=peer.pid, queued=lambda: None, log=peer.log_text)

    def relaying(self, demand: Demand, sink: int) -> contextlib.AbstractContextManager[Running]:
        raise NotImplementedError("smtp-sink does not relay")
