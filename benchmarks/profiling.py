"""Where heloise's time goes under load: samples of a running server, by room and by function.

py-spy samples all threads from outside, so what is measured is not slowed down. Needs `scripts/install-peers profiler`.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.peers_heloise import Heloise
from benchmarks.server import Demand, Running
from benchmarks.tools import LOAD_GENERATOR, build, sink

_PROFILER = Path(__file__).resolve().parents[1] / ".peers" / "profiler" / "venv" / "bin" / "py-spy"
_DOMAIN = "bench.test"
_RATE = 250  # samples a second


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sessions", type=int, default=100)
    parser.add_argument("--size", type=int, default=1024)
    parser.add_argument("--seconds", type=float, default=8.0)
    parser.add_argument("--relay", action="store_true", help="pass the mail on to a sink instead of keeping it")
    parser.add_argument("--most", type=int, default=25, help="functions to show")
    options = parser.parse_args()
    if not _PROFILER.exists():
        parser.error("the profiler is not there; scripts/install-peers profiler")
    build()
    with _serving(relay=options.relay) as server, tempfile.TemporaryDirectory() as directory:
        load = _load(server.port, options)
        stacks = Path(directory) / "stacks"
        subprocess.run(
            [_PROFILER, "record", "--format", "raw", "--rate", str(_RATE), "--duration", str(round(options.seconds)),
             "--pid", str(server.pid), "--output", str(stacks)],
            check=True, timeout=options.seconds + 60, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        load.terminate()
        load.wait(30)
        print(report(stacks.read_text(), most=options.most))
    return 0


@contextmanager
def _serving(*, relay: bool) -> Iterator[Running]:
    heloise, demand = Heloise(processes=1), Demand(domain=_DOMAIN)
    if not relay:
        with heloise.accepting(demand) as server:
            yield server
        return
    with sink() as target, heloise.relaying(demand, target.port) as server:
        yield server


def _load(port: int, options: argparse.Namespace) -> subprocess.Popen[bytes]:
    arguments = {
        "--port": port, "--sessions": options.sessions, "--messages": 10_000_000, "--size": options.size,
        "--domain": _DOMAIN, "--timeout": round(options.seconds) + 5,
    }  # fmt: skip
    words = [word for name, value in arguments.items() for word in (name, str(value))]
    return subprocess.Popen([LOAD_GENERATOR, *words], stdout=subprocess.DEVNULL)


def report(stacks: str, *, most: int) -> str:
    """Shares of the samples: by the innermost room of heloise on the stack, and by the innermost function."""
    rooms: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    for line in stacks.splitlines():
        frames, _, count = line.rpartition(" ")
        stack = frames.split(";")
        if stack[-1].startswith("_worker (concurrent"):
            continue  # a thread that waits for work
        rooms[next((room for frame in reversed(stack) if (room := _room(frame))), "Python")] += int(count)
        functions[stack[-1] if stack else "?"] += int(count)
    total = sum(rooms.values()) or 1
    lines = [f"{total} samples", "", "by room:"]
    lines += [f"  {count / total:6.1%}  {room}" for room, count in rooms.most_common()]
    lines += ["", "by function:"]
    lines += [f"  {count / total:6.1%}  {name}" for name, count in functions.most_common(most)]
    return "\n".join(lines)


def _room(frame: str) -> str | None:
    """`insert (heloise/queue/statements.py:45)` → `queue`."""
    _, _, place = frame.partition("(")
    parts = place.split("heloise/")
    room = parts[-1].split("/")[0] if len(parts) > 1 and "/" in parts[-1] else None
    return "event loop" if room == "cli" else room  # the command line only runs the loop
