"""A real `heloise serve` in a process of its own, for tests that kill it, fill its disk, or crowd it."""

import json
import os
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

START_TIME = 60.0  # seconds; a deadline, not a wait
PROGRAM = str(Path(sys.executable).with_name("heloise"))


@dataclass(frozen=True, slots=True)
class Served:
    """A running server. `root` is its file system as seen from here (other than "/" in a mount namespace)."""

    process: "subprocess.Popen[bytes]"
    port: int
    state: Path

    def control(self, request: dict[str, Any]) -> dict[str, Any]:
        """One request to the control socket."""
        with socket.socket(socket.AF_UNIX) as link:
            link.settimeout(60)
            # By a descriptor of the directory: the path of a socket is short, that of a test's directory is not.
            directory = os.open(self.state, os.O_RDONLY)
            try:
                link.connect(f"/proc/self/fd/{directory}/control")
            finally:
                os.close(directory)
            link.sendall(json.dumps(request).encode() + b"\n")
            with link.makefile("rb") as answers:
                answer: dict[str, Any] = json.loads(answers.readline())
        return answer

    def waiting_messages(self) -> int:
        """How many messages are in the queue."""
        return int(self.control({"do": "counts"})["ok"]["messages"])

    def kill(self) -> None:
        """As a crash does."""
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(START_TIME)

    def stop(self) -> int:
        """As an operator does; the exit code."""
        self.process.send_signal(signal.SIGTERM)
        return self.process.wait(START_TIME)


def start(configuration: Path, state: Path, *, log: Path, prefix: Sequence[str] = ()) -> Served:
    """Start a server and wait until it says that it is ready."""
    with log.open("ab") as errors:
        process = subprocess.Popen(
            [*prefix, PROGRAM, "serve", "-c", str(configuration)], stdout=subprocess.PIPE, stderr=errors
        )
    assert process.stdout is not None
    line = b""
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        deadline = time.monotonic() + START_TIME
        while not line.endswith(b"\n"):
            if not selector.select(deadline - time.monotonic()):
                process.kill()
                raise AssertionError(f"the server did not get ready: {log.read_text()}")
            octets = os.read(process.stdout.fileno(), 4096)
            if not octets:
                raise AssertionError(f"the server ended: {log.read_text()}")
            line += octets
    port = int(line.split(b";")[0].split(b",")[0].rpartition(b":")[2])
    return Served(process, port, state)


@contextmanager
def served(configuration: Path, state: Path, *, log: Path, prefix: Sequence[str] = ()) -> Iterator[Served]:
    """A server for the time of the context; stopped cleanly, killed if that fails."""
    server = start(configuration, state, log=log, prefix=prefix)
    try:
        yield server
    finally:
        if server.process.poll() is None:
            try:
                server.stop()
            except subprocess.TimeoutExpired:
                server.kill()


def until_empty(server: Served, *, seconds: float) -> None:
    """Wait until the queue is empty. A foreign process tells of nothing by itself, so this asks, with a deadline."""
    deadline = time.monotonic() + seconds
    while server.waiting_messages():
        if time.monotonic() > deadline:
            raise AssertionError(f"the queue did not empty: {server.control({'do': 'list', 'limit': 5})}")
        server.control({"do": "retry"})
        time.sleep(0.05)
