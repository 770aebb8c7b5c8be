"""The programs in C, built on demand, and the count of syncs by strace."""

from __future__ import annotations

import contextlib
import fcntl
import json
import re
import shutil
import signal
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.peers.jail import wait_until
from tests.peers.processes import tree

_LOAD = Path(__file__).with_name("load")
LOAD_GENERATOR = str(_LOAD / "build/smtpload")


def build() -> None:
    """Compile them if their sources are newer; one process at a time, for tests run in parallel."""
    (_LOAD / "build").mkdir(exist_ok=True)
    with (_LOAD / "build/lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        subprocess.run(["make", "-s", "-C", str(_LOAD)], check=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What one run of smtpload sends."""

    sessions: int
    messages: int
    size: int
    domain: str
    recipients: int = 1000
    per_connection: int = 0
    pipelining: bool = False
    deep: bool = False
    """Pipelining, and the commands of the next message behind the final dot of the last one. RFC 2920 §3.1."""
    first: int = 0
    rate: int = 0
    """Messages a second that are due, in an open loop; 0 for as many as the server takes."""
    timeout: int = 60

    def offer(self, port: int) -> dict[str, Any]:
        """Run it against `port`; the report of smtpload."""
        done = subprocess.run(
            [
                LOAD_GENERATOR,
                *("--port", str(port), "--sessions", str(self.sessions), "--messages", str(self.messages)),
                *("--size", str(self.size), "--domain", self.domain, "--recipients", str(self.recipients)),
                *("--per-connection", str(self.per_connection), "--first", str(self.first)),
                *("--timeout", str(self.timeout), *(["--pipelining"] if self.pipelining else [])),
                *(["--deep"] if self.deep else []),
                *(["--rate", str(self.rate)] if self.rate else []),
            ],
            stdout=subprocess.PIPE,
            timeout=self.timeout + 30,
            check=False,
        )
        report: dict[str, Any] = json.loads(done.stdout)
        return report


class Sink:
    """A running smtpsink, whose count can be read while it works."""

    def __init__(self, port: int, count: Path) -> None:
        self.port = port
        self._count = count

    def distinct(self) -> int:
        """Messages that arrived, each counted once."""
        return int(struct.unpack("<4Q", self._count.read_bytes())[1])

    def messages(self) -> int:
        """Messages that arrived, duplicates included."""
        return int(struct.unpack("<4Q", self._count.read_bytes())[0])

    def connections(self) -> int:
        """Connections that were made."""
        return int(struct.unpack("<4Q", self._count.read_bytes())[3])


@contextlib.contextmanager
def sink(timeout: int = 600) -> Iterator[Sink]:
    with tempfile.TemporaryDirectory(prefix="benchmark-sink-") as directory:
        count = Path(directory) / "count"
        process = subprocess.Popen(
            [str(_LOAD / "build/smtpsink"), "--count-file", str(count), "--timeout", str(timeout)],
            stdout=subprocess.PIPE,
        )
        with process:
            try:
                assert process.stdout is not None
                yield Sink(json.loads(process.stdout.readline())["port"], count)
            finally:
                process.terminate()


@contextlib.contextmanager
def holding(port: int, sessions: int, timeout: int = 300) -> Iterator[None]:
    """So many sessions at `port` that have said EHLO, during the block. Raises RuntimeError: one was refused."""
    with subprocess.Popen(
        [str(_LOAD / "build/smtphold"), "--port", str(port), "--sessions", str(sessions), "--timeout", str(timeout)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        if not process.stdout.readline():
            raise RuntimeError(process.stderr.read().decode(errors="replace").strip())
        try:
            yield
        finally:
            process.stdin.close()


# A call that another process interrupted is written in two parts; the second ("<... fsync resumed>") has no bracket.
_SYNC = re.compile(rb"\b(?:fsync|fdatasync|sync_file_range|msync|syncfs|sync)\(")


@contextlib.contextmanager
def counting_syncs(pid: int) -> Iterator[list[int]]:
    """The number of calls that force data to the disk, by the whole tree below `pid`, appended at the end of the block.

    Writes to a file opened with O_SYNC or O_DSYNC do not show here. Nothing is appended where strace is missing.
    """
    result: list[int] = []
    if not shutil.which("strace"):
        yield result
        return
    with tracing(pid, "-e", "trace=fsync,fdatasync,sync_file_range,msync,syncfs,sync") as trace:
        yield result
    result.append(len(_SYNC.findall(trace[0])))


@contextlib.contextmanager
def tracing(pid: int, *options: str) -> Iterator[list[bytes]]:
    """The system calls of the whole tree below `pid`, as strace writes them, appended at the end of the block."""
    result: list[bytes] = []
    with tempfile.TemporaryDirectory(prefix="benchmark-strace-") as directory:
        trace, messages = Path(directory) / "trace", Path(directory) / "messages"
        processes = sorted(tree(pid))
        with messages.open("wb") as stderr:
            process = subprocess.Popen(
                [
                    *("strace", "-f", "-e", "signal=none", *options),
                    *("-o", str(trace), *(f"--attach={process}" for process in processes)),
                ],
                stdin=subprocess.DEVNULL,
                stderr=stderr,
            )
        try:
            # One line for each process: that it is attached, or that it has ended meanwhile.
            wait_until(
                lambda: messages.read_bytes().count(b"\n") >= len(processes) or process.poll() is not None,
                "strace to attach to the server",
                20,
            )
            yield result
        finally:
            process.send_signal(signal.SIGINT)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        result.append(trace.read_bytes())
