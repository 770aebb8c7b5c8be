"""How heloise is started for the benchmarks: the one file that knows its configuration keys and its command line."""

from __future__ import annotations

import contextlib
import json
import socket
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.server import Running, serving
from tests.peers.jail import PeerError, free_port

_CONFIGURATION = """\
hostname = "heloise.test"
state = "state"

[[listener]]
address = "127.0.0.1:{port}"

[[route]]
domains = ["{domain}"]
to = "smtp:127.0.0.1:{next_hop}"
on_request = {on_request}

# One machine plays all clients.
[limits]
connections_per_client = 1000

[retry]
intervals = ["1h"]
"""

# What is accepted for it waits in the queue until it is asked for, as Postfix has it with a hold.
_NOWHERE = 9


class Heloise:
    """heloise as installed in the environment that runs the benchmark."""

    name = "heloise"
    durable = True
    relays = True

    def accepting(self, domain: str) -> contextlib.AbstractContextManager[Running]:
        return self._serving(domain, _NOWHERE)

    def relaying(self, domain: str, sink: int) -> contextlib.AbstractContextManager[Running]:
        return self._serving(domain, sink)

    @contextlib.contextmanager
    def _serving(self, domain: str, next_hop: int) -> Iterator[Running]:
        with tempfile.TemporaryDirectory(prefix="benchmark-heloise-", ignore_cleanup_errors=True) as directory:
            port = free_port()
            configuration = configured(Path(directory), port=port, domain=domain, next_hop=next_hop)
            with heloise(configuration, port) as running:
                yield running


def configured(directory: Path, *, port: int, domain: str, next_hop: int) -> Path:
    """A configuration in `directory`, with its state beside it."""
    configuration = directory / "heloise.toml"
    on_request = str(next_hop == _NOWHERE).lower()
    text = _CONFIGURATION.format(port=port, domain=domain, next_hop=next_hop, on_request=on_request)
    configuration.write_text(text)
    return configuration


@contextlib.contextmanager
def heloise(configuration: Path, port: int) -> Iterator[Running]:
    """The server of this configuration, running."""
    control = str(configuration.parent / "state" / "control")
    with serving([_program(), "serve", "-c", str(configuration)], port, lambda: _queued(control)) as running:
        yield running


def _program() -> str:
    return str(Path(sys.executable).with_name("heloise"))


def _queued(control: str) -> int:
    """The number of messages in its queue, asked over its control socket: the database is live."""
    with socket.socket(socket.AF_UNIX) as link:
        link.settimeout(120)
        link.connect(control)
        link.sendall(json.dumps({"do": "counts"}).encode() + b"\n")
        with link.makefile("rb") as answers:
            answer = json.loads(answers.readline() or "{}")
    if "ok" not in answer:
        raise PeerError(f"heloise does not count its queue: {answer}")
    return int(answer["ok"]["messages"])
