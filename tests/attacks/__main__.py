"""The attacks in full: `python -m tests.attacks [--only NAME,NAME] [--connections 20000] [--seconds 2] [--rounds 3]`.

Tells for each attack what was answered, how much memory it cost, how much of a processor the server took, and how many
messages a second an honest client got taken, beside the attack and alone. Both are measured in turn, several times,
since a machine is never quiet; attackers and honest client are processes of their own. In life attackers have machines
of their own, so what is measured is what they cost the server and not what they cost the machine: they yield the
processor to the others (nice), and while the honest client is alone somebody computes for nothing in their place. Ends
by itself, within the minutes that `--within` says, with one table; leaves nothing behind.

The bar: an honest client keeps half of its rate, and no attack costs more memory than `BUDGET`.
"""

import argparse
import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tests.attacks.attackers import ATTACKS
from tests.attacks.target import BUDGET, honest_messages, memory_of, processor_time_of, target
from tests.serving import Served

SIZES = {
    "slow senders": 2000,
    "endless lines": 400,
    "endless recipients": 20_000,
    "memory bombs": 400,
    "guesses": 500,
    "floods": 200,
    "chatter": 500,
    "tiny chunks": 200,
    "handshakes": 1000,
    "many guesses": 500,
}
BAR = 0.5  # of its rate alone, that an honest client keeps
_NICE = 10
_WARMING = 1.0  # seconds after which an attack has begun
_PATIENCE = 60.0  # seconds beyond its time for one process; a deadline, not a wait


@dataclass(slots=True, kw_only=True)
class Measured:
    """What one attack has come to: messages a second in each round, the replies, octets, and processors."""

    name: str
    count: int
    quiet: int
    most: int
    alone: list[float] = field(default_factory=list)
    beside: list[float] = field(default_factory=list)
    busy: list[float] = field(default_factory=list)
    codes: Counter[str] = field(default_factory=Counter)

    @property
    def kept(self) -> float:
        """The part of its rate that the honest client keeps."""
        return statistics.median(b / a for b, a in zip(self.beside, self.alone, strict=True))

    @property
    def is_good(self) -> bool:
        return self.kept >= BAR and self.most - self.quiet < BUDGET

    def row(self) -> tuple[str, ...]:
        """As in `_HEAD`."""
        return (
            self.name,
            str(self.count),
            f"{statistics.median(self.alone):.0f}",
            f"{statistics.median(self.beside):.0f}",
            f"{self.kept:.0%}",
            " ".join(f"{b / a:.0%}" for b, a in zip(self.beside, self.alone, strict=True)),
            f"+{(self.most - self.quiet) >> 20} MB",
            f"{statistics.mean(self.busy):.0%}",
            " ".join(f"{code}×{number}" for code, number in self.codes.most_common(4)),
            "" if self.is_good else "below the bar",
        )


_HEAD = ("attack", "by", "alone/s", "beside/s", "kept", "in each round", "memory", "server", "replies", "")


def main() -> None:
    """Run the named attacks, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ATTACKS)}")
    parser.add_argument("--only", default="", metavar="NAME,NAME", help="the same, with commas between")
    parser.add_argument("--connections", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long each measurement takes")
    parser.add_argument("--rounds", type=int, default=3, help="at most so many; one at least")
    parser.add_argument(
        "--within", type=float, default=330.0, help="seconds for all of it; later there are less rounds"
    )
    parser.add_argument("--attack", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--idle", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--honest", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = min(arguments.connections, hard - 1000)
    names = [*arguments.names, *filter(None, arguments.only.split(","))] or list(ATTACKS)
    if unknown := set(names) - set(ATTACKS):
        parser.error(f"no such attack: {', '.join(sorted(unknown))}; there are {', '.join(ATTACKS)}")
    counts = {name: connections if name == "connections" else SIZES.get(name, 100) for name in names}
    if arguments.honest:
        print(honest_messages(arguments.honest, seconds=arguments.seconds))
    elif arguments.idle:
        _compute_for_nothing(arguments.seconds)
    elif arguments.attack:
        os.nice(_NICE)
        asyncio.run(_attack(names[0], arguments.attack, counts[names[0]], arguments.seconds))
    else:
        sys.exit(_measure_all(counts, arguments))


def _measure_all(counts: dict[str, int], arguments: argparse.Namespace) -> int:
    """Each in its share of the time that is left. 1 when one of them is below the bar."""
    measured: list[Measured] = []
    end = time.monotonic() + arguments.within
    for name, count in counts.items():
        deadline = time.monotonic() + (end - time.monotonic()) / (len(counts) - len(measured))
        with tempfile.TemporaryDirectory() as directory, target(Path(directory), connections=4000) as server:
            measured.append(_measure(server, name, count, arguments, deadline))
        print(" | ".join(measured[-1].row()), flush=True)
    print()
    _print_table([_HEAD, *(each.row() for each in measured)])
    return 0 if all(each.is_good for each in measured) else 1


def _print_table(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    for row in rows:
        print("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())


def _compute_for_nothing(seconds: float) -> None:
    os.nice(_NICE)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass


async def _attack(name: str, port: int, count: int, seconds: float) -> None:
    """Again and again, until the time is over."""
    codes, end = Counter[str](), time.monotonic() + seconds
    try:
        async with asyncio.timeout(seconds):
            while time.monotonic() < end:
                await ATTACKS[name](port, count, codes)
    except TimeoutError:
        pass
    print(json.dumps(codes), flush=True)
    os._exit(0)  # thousands of connections that nobody has to take leave of


def _measure(server: Served, name: str, count: int, arguments: argparse.Namespace, deadline: float) -> Measured:
    seconds, process = arguments.seconds, server.process.pid
    memory = memory_of(process)
    found = Measured(name=name, count=count, quiet=memory, most=memory)
    for number in range(arguments.rounds):
        begun = time.monotonic()
        idling = _start(name, "--idle", "--seconds", str(seconds + 1))
        time.sleep(_WARMING / 2)
        found.alone.append(_honest(server.port, seconds))
        _finish(idling)
        attacking = _start(name, "--attack", str(server.port), "--seconds", str(seconds + _WARMING + 0.5))
        time.sleep(_WARMING)
        used, since = processor_time_of(process), time.monotonic()
        beside = _start("--honest", str(server.port), "--seconds", str(seconds))
        while beside.poll() is None:
            found.most = max(found.most, memory_of(process))
            time.sleep(0.2)
        found.beside.append(int(_finish(beside)) / seconds)
        found.busy.append((processor_time_of(process) - used) / (time.monotonic() - since))
        found.codes += Counter(json.loads(_finish(attacking)))
        now = time.monotonic()
        if number + 1 < arguments.rounds and now + (now - begun) > deadline:
            break
    return found


def _start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-m", "tests.attacks", *arguments], stdout=subprocess.PIPE, text=True)


def _finish(process: "subprocess.Popen[str]") -> str:
    try:
        return process.communicate(timeout=_PATIENCE)[0]
    finally:
        process.kill()


def _honest(port: int, seconds: float) -> float:
    return int(_finish(_start("--honest", str(port), "--seconds", str(seconds)))) / seconds


if __name__ == "__main__":
    main()
