"""The attacks in full: `python -m tests.attacks [--connections 20000] [--seconds 10] [NAME...]`.

Tells for each attack what was answered, how much memory it cost, and how many messages a second an honest client got
taken before it and beside it. Ends by itself; leaves nothing behind.
"""

import argparse
import asyncio
import resource
import tempfile
from collections import Counter
from pathlib import Path

from tests.attacks.attackers import ATTACKS
from tests.attacks.target import attack, honest_messages, memory_of, target
from tests.serving import Served

SIZES = {"slow senders": 2000, "endless lines": 400, "endless recipients": 20_000, "memory bombs": 400, "guesses": 500}


def main() -> None:
    """Run the named attacks, or all."""
    parser = argparse.ArgumentParser(prog="python -m tests.attacks", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(ATTACKS)}")
    parser.add_argument("--connections", type=int, default=20_000)
    parser.add_argument("--seconds", type=float, default=10.0, help="how long the honest client is measured alone")
    arguments = parser.parse_args()
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    connections = min(arguments.connections, hard - 1000)
    for name in arguments.names or list(ATTACKS):
        count = connections if name == "connections" else SIZES.get(name, 100)
        with tempfile.TemporaryDirectory() as directory, target(Path(directory), connections=4000) as server:
            asyncio.run(_measured(server, name, count, arguments.seconds))


async def _measured(server: Served, name: str, count: int, seconds: float) -> None:
    alone = await asyncio.to_thread(honest_messages, server.port, seconds=seconds) / seconds
    quiet = memory_of(server.process.pid)
    beside = asyncio.ensure_future(_beside(server.port))
    await asyncio.sleep(0)
    outcome = await attack(server, name, count)
    _STOP.set()
    rates = await beside
    rate = sum(rates) / len(rates) if rates else alone
    print(f"{name}, {count}: {_told(outcome.codes)} in {outcome.seconds:.1f} s")
    print(f"    memory {quiet >> 20} MB before, {outcome.grown >> 20} MB more at most")
    print(f"    honest client {alone:.0f} messages/s alone, {rate:.0f} beside it ({rate / alone:.0%})", flush=True)


_STOP = asyncio.Event()


async def _beside(port: int) -> list[float]:
    """Messages a second of an honest client, as long as the attack goes on."""
    rates: list[float] = []
    _STOP.clear()
    while not _STOP.is_set():
        rates.append(await asyncio.to_thread(honest_messages, port, seconds=1.0, address="127.200.1.1"))
    return rates


def _told(codes: Counter[str]) -> str:
    return ", ".join(f"{count} × {code}" for code, count in codes.most_common())


if __name__ == "__main__":
    main()
