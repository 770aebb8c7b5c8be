"""How Haraka is started for the benchmarks: its outbound queue keeps or relays, as its documentation has it.

Cluster mode with one process for each processor, which its performance notes recommend. A plugin asks no name
server, lets everybody relay, and either names the next hop or puts off what is accepted, so that it stays in the queue.
(`disabled` in outbound.ini would keep it too, but then Haraka looks at each waiting message once a second.)
"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Iterator
from pathlib import Path

from benchmarks.server import Demand, Running, serving
from tests.peers.jail import free_port
from tests.peers.require import require

_PLUGIN = """\
'use strict'
exports.hook_connect = (next, connection) => { connection.relaying = true; next() }
exports.hook_lookup_rdns = (next) => next(OK, 'client.test')
exports.hook_rcpt = (next) => next(OK)
"""
_RELAY = "exports.hook_get_mx = (next) => next(OK, {{ priority: 0, exchange: '127.0.0.1', port: {port} }})\n"
_KEEP = "exports.hook_send_email = (next) => next(DELAY, 86400)\n"


class Haraka:
    """Haraka with the Node.js that scripts/install-peers brings for it."""

    name = "haraka"
    durable = True
    most_sessions = 10_000

    def accepting(self, demand: Demand) -> contextlib.AbstractContextManager[Running]:
        return self._serving(demand, None)

    def relaying(self, demand: Demand, sink: int) -> contextlib.AbstractContextManager[Running]:
        return self._serving(demand, sink)

    @contextlib.contextmanager
    def _serving(self, demand: Demand, sink: int | None) -> Iterator[Running]:
        modules, port = require("haraka"), free_port()
        [node] = modules.glob("node-linux-*/bin/node")
        with tempfile.TemporaryDirectory(prefix="benchmark-haraka-", ignore_cleanup_errors=True) as name:
            directory = Path(name)
            _write(directory, modules / "Haraka" / "config", port, demand, sink)
            command = [str(node), str(modules / "Haraka" / "bin" / "haraka"), "-c", name]
            queue = directory / "queue"
            with serving(command, port, lambda: _queued(queue)) as running:
                yield running


def _write(directory: Path, defaults: Path, port: int, demand: Demand, sink: int | None) -> None:
    # A file replaces the one that comes with it as a whole.
    connection = (defaults / "connection.ini").read_text().replace("bytes=26214400", f"bytes={demand.message_size}")
    files = {
        "config/smtp.ini": f"listen=127.0.0.1:{port}\nnodes=cpus\n",
        "config/plugins": "bench\n",
        "config/me": "haraka.test\n",
        "config/log.ini": "[main]\nlevel=warn\ntimestamps=false\nformat=default\n",
        "config/connection.ini": connection,
        # It does not send to the machine it runs on unless told otherwise.
        "config/outbound.ini": "local_mx_ok=true\n",
        "plugins/bench.js": _PLUGIN + (_KEEP if sink is None else _RELAY.format(port=sink)),
    }
    for path, text in files.items():
        (directory / path).parent.mkdir(exist_ok=True)
        (directory / path).write_text(text)
    (directory / "queue").mkdir()


def _queued(queue: Path) -> int:
    """A file for each message and next hop; one that is still being written begins with "__tmp__"."""
    return sum(not path.name.startswith((".", "__tmp__")) for path in queue.rglob("*") if path.is_file())
