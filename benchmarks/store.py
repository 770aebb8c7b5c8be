"""How fast the embedded store is, without any SMTP around it.

    .venv/bin/python benchmarks/store.py [--seconds 2] [--size 4096] [--directory PATH] [--profile]

`insert` is what a message costs until 250 may be said; `cycle` is a whole life: insert, lease, settle as delivered;
`handed over` is the same without the lease, as when a deliverer works in the same process. The directory decides much:
on a memory file system a sync costs nothing. CPU is that of all threads of this process, per message.
"""

import argparse
import asyncio
import cProfile
import os
import pstats
import shutil
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from itertools import count

from heloise.mail.ids import MessageId
from heloise.net import real_world
from heloise.queue.model import NewMessage, RecipientState
from heloise.queue.sqlite import SqliteStore
from heloise.testing.queue_contract import LATER, NOW, new_message, settlement

LEASE = 100  # recipients at once
BACKLOG = 2000  # messages that wait while the whole cycle is measured


@dataclass(frozen=True, slots=True)
class Result:
    """`messages` went through in `seconds`, and took `cpu` seconds of processors."""

    name: str
    producers: int
    messages: int
    seconds: float
    cpu: float

    def __str__(self) -> str:
        rate, cost = self.messages / self.seconds, self.cpu / self.messages * 1e6
        return f"{self.name:12} {self.producers:9} {rate:12,.0f} {cost:12.1f}"


class Messages:
    """As many as are wanted, each with an id of its own."""

    def __init__(self, size: int) -> None:
        self._pattern = replace(new_message("pattern"), octets=b"x" * size)
        self._numbers = count()

    def next(self) -> NewMessage:
        """One more."""
        message_id = MessageId(f"{next(self._numbers):012}")
        return replace(self._pattern, submission=replace(self._pattern.submission, message_id=message_id))


Work = Callable[[SqliteStore, Messages], Awaitable[int]]


async def insert(store: SqliteStore, messages: Messages) -> int:
    """Take one message."""
    await store.insert(messages.next())
    return 1


async def hand_over(store: SqliteStore, messages: Messages) -> int:
    """Take one message as leased, and settle it."""
    queued = await store.insert(messages.next(), leased_until=LATER)
    await store.settle(settlement(queued, RecipientState.DELIVERED))
    return 1


async def cycle(store: SqliteStore, messages: Messages) -> int:
    """Take some messages, lease as many, settle each."""
    await asyncio.gather(*(store.insert(messages.next()) for _ in range(LEASE)))
    leases = await store.lease(now=NOW, until=LATER, limit=LEASE)
    await asyncio.gather(*(store.settle(settlement(lease.message, RecipientState.DELIVERED)) for lease in leases))
    return len(leases)


async def measure(name: str, work: Work, producers: int, seconds: float, messages: Messages, directory: str) -> Result:
    """Let so many producers repeat `work` for so many seconds, on a new store."""
    path = tempfile.mkdtemp(prefix="store-", dir=directory)
    store = SqliteStore(path, real_world())
    await store.open()
    try:
        if work is cycle:
            await store.insert_many([messages.next() for _ in range(BACKLOG)])
        start, processors = time.perf_counter(), time.process_time()

        async def produce() -> int:
            done = 0
            while time.perf_counter() < start + seconds:
                done += await work(store, messages)
            return done

        done = sum(await asyncio.gather(*(produce() for _ in range(producers))))
        return Result(name, producers, done, time.perf_counter() - start, time.process_time() - processors)
    finally:
        await store.close()
        shutil.rmtree(path)


async def run(options: argparse.Namespace) -> None:
    """Print the table, a line as soon as it is known."""
    print(f"{'':12} {'producers':>9} {'messages/s':>12} {'CPU us each':>12}")
    plan: tuple[tuple[str, Work, int], ...] = (
        *(("insert", insert, producers) for producers in (1, 20, 100)),
        *(("handed over", hand_over, producers) for producers in (1, 20, 100)),
        ("cycle", cycle, 1),
    )
    messages = Messages(options.size)
    for name, work, producers in plan:
        print(await measure(name, work, producers, options.seconds, messages, options.directory), flush=True)


def main() -> None:
    """Read the arguments and run."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=2.0, help="for each line of the table")
    parser.add_argument("--size", type=int, default=4096, help="octets of a message")
    parser.add_argument("--directory", default=os.getcwd(), help="where the stores are made, and removed again")
    parser.add_argument("--profile", action="store_true", help="show where the event loop's thread spends its time")
    options = parser.parse_args()
    if not options.profile:
        asyncio.run(run(options))
        return
    profile = cProfile.Profile()
    profile.runcall(asyncio.run, run(options))
    pstats.Stats(profile).sort_stats("tottime").print_stats(25)


if __name__ == "__main__":
    main()
