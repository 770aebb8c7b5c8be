"""How heloise is started for the benchmarks: the one file that knows its configuration keys and its command line."""

from __future__ import annotations

import contextlib
import json
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from benchmarks.server import Demand, Running, serving
from tests.peers.jail import PeerError, free_port

_CONFIGURATION = """\
hostname = "heloise.test"
state = "state"
processes = {processes}

[[listener]]
address = "127.0.0.1:{port}"
max_connections = 30000

[[route]]
domains = ["{domain}"]
to = "smtp:127.0.0.1:{next_hop}"
on_request = {on_request}

# One machine plays all clients.
[limits]
connections = 30000
connections_per_client = 30000
message_size = "{message_size} MiB"

[retry]
intervals = ["1h"]
"""

# What is accepted for it waits in the queue until it is asked for, as Postfix has it with a hold.
_NOWHERE = 9
_INTERPRETED = str(Path(__file__).resolve().parents[1] / ".venv" / "bin" / "heloise")


class Heloise:
    """heloise as installed in the environment that runs the benchmark, which may be one with compiled rooms; or
    `interpreted`, as `./heloise` runs it from a checkout. `processes` None for "auto", the default."""

    durable = True
    most_sessions = 10_000

    def __init__(self, processes: int | None = None, *, interpreted: bool = False) -> None:
        self.processes = processes
        self._program = _INTERPRETED if interpreted else program()
        self.name = "heloise" if processes is None else f"heloise, processes = {processes}"
        if interpreted:
            self.name += ", interpreted"

    @contextlib.contextmanager
    def accepting(self, demand: Demand) -> Iterator[Running]:
        with _directory() as directory:
            configuration = self.configured(directory, demand)
            with heloise(configuration, command=self._program) as running:
                yield running

    @contextlib.contextmanager
    def relaying(self, demand: Demand, sink: int) -> Iterator[Running]:
        with _directory() as directory:
            configuration = self.configured(directory, demand, next_hop=sink)
            with heloise(configuration, command=self._program) as running:
                yield running

    def configured(self, directory: Path, demand: Demand, *, next_hop: int = _NOWHERE) -> Path:
        """A configuration in `directory`, with its state beside it. Without a next hop mail is kept."""
        return configured(
            directory,
            port=free_port(),
            domain=demand.domain,
            next_hop=next_hop,
            message_size=demand.message_size,
            processes=self.processes,
        )


def _directory() -> contextlib.AbstractContextManager[Path]:
    return _as_path(tempfile.TemporaryDirectory(prefix="benchmark-heloise-", ignore_cleanup_errors=True))


@contextlib.contextmanager
def _as_path(directory: tempfile.TemporaryDirectory[str]) -> Iterator[Path]:
    with directory as name:
        yield Path(name)


def configured(
    directory: Path,
    *,
    port: int,
    domain: str,
    next_hop: int,
    message_size: int = 50 << 20,
    processes: int | None = None,
) -> Path:
    """A configuration in `directory`, with its state beside it."""
    configuration = directory / "heloise.toml"
    text = _CONFIGURATION.format(
        port=port,
        domain=domain,
        next_hop=next_hop,
        on_request=str(next_hop == _NOWHERE).lower(),
        message_size=message_size >> 20,
        processes='"auto"' if processes is None else processes,
    )
    configuration.write_text(text)
    return configuration


def heloise(
    configuration: Path, port: int | None = None, *, command: str | None = None
) -> contextlib.AbstractContextManager[Running]:
    """The server of this configuration, running."""
    if port is None:
        port = int(configuration.read_text().partition('address = "127.0.0.1:')[2].partition('"')[0])
    control = configuration.parent / "state" / "control"
    return serving(
        [command or program(), "serve", "-c", str(configuration)],
        port,
        lambda: int(ask(control, do="counts")["messages"]),
    )


def program() -> str:
    """The command `heloise`."""
    return str(Path(sys.executable).with_name("heloise"))


def program_version() -> str:
    """Such as `0.1.0, compiled`."""
    told = subprocess.run([program(), "version"], capture_output=True, text=True, check=True, timeout=30)
    return told.stdout.strip().removeprefix("heloise ")


def ask(control: Path, **request: Any) -> dict[str, Any]:
    """Ask a running server over its control socket: the database is live. Returns what it answers."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(120)
        link.connect(str(control))
        link.sendall(json.dumps(request).encode() + b"\n")
        with link.makefile("rb") as answers:
            answer: dict[str, Any] = json.loads(answers.readline() or "{}")
    if "ok" not in answer:
        raise PeerError(f"heloise does not answer {request}: {answer}")
    result: dict[str, Any] = answer["ok"]
    return result
