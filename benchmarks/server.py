"""A server under measurement: what the experiments know of it, and how one is run that needs no jail."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.peers.jail import PeerError, greeting, wait_until
from tests.peers.processes import tree

START_DEADLINE = 60.0
STOP_DEADLINE = 20.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Running:
    """A started server: where it listens, the process above all of its processes, and what it still has in its queue.

    `queued` is None where the server keeps nothing that could be counted.
    """

    port: int
    pid: int
    queued: Callable[[], int | None]
    log: Callable[[], str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Demand:
    """What a server has to be ready for: limits that would meet the test and not a client are set above it."""

    domain: str = "example.org"
    sessions: int = 200
    message_size: int = 50 << 20


class Subject(Protocol):
    """One mail server as the experiments see it."""

    @property
    def name(self) -> str: ...

    @property
    def durable(self) -> bool:
        """Does it say 250 only when the message is on stable storage?"""

    @property
    def most_sessions(self) -> int:
        """How many sessions it is asked to hold; a process for each has its price."""

    def accepting(self, demand: Demand) -> AbstractContextManager[Running]:
        """Started so that it accepts all mail for the domain and keeps it (or discards it, where that is its trade)."""

    def relaying(self, demand: Demand, sink: int) -> AbstractContextManager[Running]:
        """Started so that it relays mail for the domain to the sink on that port."""


@contextlib.contextmanager
def serving(command: Sequence[str], port: int, queued: Callable[[], int | None] = lambda: None) -> Iterator[Running]:
    """Run `command` until the end of the block; it greets on `port` before the block begins."""
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(
            # Nothing outlives a benchmark that was killed.
            ["setpriv", "--pdeathsig", "KILL", "--", *command],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

        def log() -> str:
            output.seek(0)
            return output.read()[-20000:].decode(errors="replace")

        def greets() -> bool:
            if process.poll() is not None:
                raise PeerError(f"{Path(command[0]).name} ended with status {process.returncode}\n{log()}")
            return greeting(port).startswith(b"220")

        try:
            wait_until(greets, f"a greeting of {Path(command[0]).name} on port {port}", START_DEADLINE, poll=0.005)
            yield Running(port=port, pid=process.pid, queued=queued, log=log)
        finally:
            _stop(process)


def _stop(process: subprocess.Popen[bytes]) -> None:
    below = tree(process.pid)
    process.terminate()
    try:
        process.wait(STOP_DEADLINE)
    except subprocess.TimeoutExpired:
        for pid in below:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        process.wait()
