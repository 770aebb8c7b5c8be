"""The attacks in full: `python -m tests.attacks [--connections 20000] [--seconds 3] [--rounds 3] [NAME...]`.

Tells for each attack what was answered, how much memory it cost, how much of a processor the server took, and how many
messages a second an honest client got taken, beside the attack and alone. Both are measured in turn, several times,
since a machine is never quiet; attackers and honest client are processes of their own. In life attackers have machines
of their own, so what is measured is what they cost the server and not what they cost the machine: they yield the
processor to the others (nice), and while the honest client is alone somebody computes for nothing in their place. Ends
by itself; leaves nothing behind.
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
from pathlib import Path

from tests.attacks.attackers import ATTACKS
from tests.attacks.target import honest_messages, memory_of, processor_time_of, target
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
_NICE = 10


def main() -> None:
    """Run the named attacks, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ATTACKS)}")
    parser.add_argument("--connections", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=3.0, help="how long each measurement takes")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--attack", type=int, metavar="PORT", help=argparse.SUPPRESS)
    parser.add_argument("--idle", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--honest", type=int, metavar="PORT", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = min(arguments.connections, hard - 1000)
    if arguments.honest:
        print(honest_messages(arguments.honest, seconds=arguments.seconds))
        return
    for name in arguments.names or list(ATTACKS):
        count = connections if name == "connections" else SIZES.get(name, 100)
        if arguments.idle:
            os.nice(_NICE)
            end = time.monotonic() + arguments.seconds
            while time.monotonic() < end:
                pass
            return
        if arguments.attack:
            os.nice(_NICE)
            asyncio.run(_attack(name, arguments.attack, count, arguments.seconds))
            return
        with tempfile.TemporaryDirectory() as directory, target(Path(directory), connections=4000) as server:
            _measure(server, name, count, arguments)


async def _attack(name: str, port: int, count: int, seconds: float) -> None:
    """Again and again, until the time is over."""
    codes, end = Counter[str](), time.monotonic() + seconds
    try:
        async with asyncio.timeout(seconds):
            while time.monotonic() < end:
                await ATTACKS[name](port, count, codes)
    except TimeoutError:
        pass
    print(json.dumps(codes))


def _measure(server: Served, name: str, count: int, arguments: argparse.Namespace) -> None:
    seconds, process = arguments.seconds, server.process.pid
    quiet = most = memory_of(process)
    alone: list[float] = []
    beside: list[float] = []
    codes, busy = Counter[str](), 0.0
    for _ in range(arguments.rounds):
        idling = _start(name, "--idle", "--seconds", str(seconds + 1))
        time.sleep(0.5)
        alone.append(_honest(server.port, seconds))
        idling.communicate()
        attacking = _start(name, "--attack", str(server.port), "--seconds", str(seconds + 2))
        time.sleep(1.0)  # it has begun then
        used, since = processor_time_of(process), time.monotonic()
        beside.append(_honest(server.port, seconds))
        busy += (processor_time_of(process) - used) / (time.monotonic() - since)
        most = max(most, memory_of(process))
        codes += Counter(json.loads(attacking.communicate()[0]))
        print(f"    {name}: {alone[-1]:.0f} alone, {beside[-1]:.0f} beside", flush=True)
    ratio = statistics.median(b / a for b, a in zip(beside, alone, strict=True))
    print(f"{name}, {count}: {', '.join(f'{number} × {code}' for code, number in codes.most_common())}")
    print(
        f"    memory {quiet >> 20} MB before, {(most - quiet) >> 20} MB more; processor {busy / arguments.rounds:.0%}"
    )
    told = ", ".join(f"{a:.0f}/{b:.0f}" for a, b in zip(alone, beside, strict=True))
    print(f"    honest client, messages a second alone/beside: {told}: {ratio:.0%}", flush=True)


def _start(*arguments: str) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-m", "tests.attacks", *arguments], stdout=subprocess.PIPE, text=True)


def _honest(port: int, seconds: float) -> float:
    return int(_start("--honest", str(port), "--seconds", str(seconds)).communicate()[0]) / seconds


if __name__ == "__main__":
    main()
