"""How heloise is started for the benchmarks: the one file that knows its configuration keys and its command line."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.server import Running, serving
from tests.peers.jail import free_port

_COMMON = """\
hostname = "heloise.test"
state_directory = "{state}"

[[listeners]]
address = "127.0.0.1:{port}"
"""

# Accept everything for the domain and leave it in the queue.
_HOLD = """
[[routes]]
domain = "{domain}"
action = "hold"
"""

_RELAY = """
[[routes]]
domain = "{domain}"
action = "relay"
next_hop = "127.0.0.1:{sink}"
"""


class Heloise:
    """heloise as installed in the environment that runs the benchmark."""

    name = "heloise"
    durable = True
    relays = True

    def accepting(self, domain: str) -> contextlib.AbstractContextManager[Running]:
        return self._serving(_HOLD.format(domain=domain))

    def relaying(self, domain: str, sink: int) -> contextlib.AbstractContextManager[Running]:
        return self._serving(_RELAY.format(domain=domain, sink=sink))

    @contextlib.contextmanager
    def _serving(self, routes: str) -> Iterator[Running]:
        with tempfile.TemporaryDirectory(prefix="benchmark-heloise-") as directory:
            configuration, state, port = Path(directory) / "heloise.toml", Path(directory) / "state", free_port()
            state.mkdir()
            configuration.write_text(_COMMON.format(state=state, port=port) + routes)
            with serving([_program(), "serve", "-c", str(configuration)], port, lambda: _queued(configuration)) as it:
                yield it


def _program() -> str:
    return str(Path(sys.executable).with_name("heloise"))


def _queued(configuration: Path) -> int:
    """The number of messages in its queue, asked of its own command: the database is live."""
    listing = subprocess.run(
        [_program(), "queue", "list", "--json", "-c", str(configuration)],
        stdout=subprocess.PIPE,
        timeout=120,
        check=True,
    ).stdout
    return len(json.loads(listing))
