"""A server under measurement that needs no jail: one command, one port, a whole process tree to stop."""

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

START_DEADLINE = 20.0
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


class Subject(Protocol):
    """One mail server as the experiments see it."""

    @property
    def name(self) -> str: ...

    @property
    def durable(self) -> bool:
        """Does it say 250 only when the message is on stable storage?"""

    @property
    def relays(self) -> bool: ...

    def accepting(self, domain: str) -> AbstractContextManager[Running]:
        """Started so that it accepts all mail for `domain` and keeps it."""

    def relaying(self, domain: str, sink: int) -> AbstractContextManager[Running]:
        """Started so that it relays mail for `domain` to the sink on that port."""


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
            wait_until(greets, f"a greeting of {Path(command[0]).name} on port {port}", START_DEADLINE)
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
