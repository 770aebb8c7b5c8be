"""Does mail for a healthy destination keep its rate while much other mail waits for dead ones?

    .venv/bin/python -m benchmarks.waiting [--waiting 50000] [--sites 400] [--messages 4000] [--rounds 3]

A real `heloise serve` relays to a sink, once with an empty queue and once with a queue in which `--waiting` messages
that have been tried before wait for `--sites` dead destinations. Half of them refuse connections, half never answer;
one of each kind has a tenth of all that waits. The two take turns. In `retrying` the waiting messages are due over half
an hour, as a queue is that has been running; in `at once` all are due when the server starts, as after a night without
a network.

**ratio** is the rate with the waiting mail over that without, the median of the rounds; **CPU ratio** is the same of
processor time for each delivered message, which other work on the machine disturbs less. Both count whatever the server
does for the dead destinations meanwhile.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import random
import socket
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from statistics import median

from benchmarks.peers_heloise import configured, heloise
from benchmarks.tools import Load, build, sink
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.mail.route import Route
from heloise.mail.sink import Submission
from heloise.mail.trace import Origin
from heloise.net import real_world
from heloise.queue.model import LastWord, Lease, NewMessage, RecipientChange, RecipientState, Settlement
from heloise.queue.sqlite import SqliteStore
from tests.peers.jail import free_port, wait_until
from tests.peers.processes import cpu_seconds

DOMAIN = "example.org"
STEP = 1000
DEADLINE = 300.0  # seconds
HALF_AN_HOUR = 1800.0
CONTENT = b"Subject: waits\r\n\r\n" + b"It is about lunch.\r\n" * 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Dead:
    """`sites` destinations on the loopback network, each with an address of its own; `refusing` and `silent` ports."""

    sites: int
    refusing: int
    silent: int

    def route(self, number: int) -> Route:
        """Where message `number` goes: a tenth to the first site of each kind, the rest to all in turn."""
        site = number % 2 if number % 10 < 2 else number % self.sites
        port = self.refusing if site % 2 else self.silent
        return Route.parse(f"smtp:127.1.{site // 250}.{site % 250 + 1}:{port}")


@contextlib.contextmanager
def dead_sites(sites: int) -> Iterator[Dead]:
    """Connections to `silent` are never answered: the line of those who wait to be accepted is full."""
    with socket.create_server(("0.0.0.0", 0), backlog=0) as silent, contextlib.ExitStack() as stack:
        port = silent.getsockname()[1]
        for _ in range(8):
            knocking = stack.enter_context(socket.socket())
            knocking.setblocking(False)
            knocking.connect_ex(("127.0.0.1", port))
        yield Dead(sites=sites, refusing=free_port(), silent=port)


def waiting_message(number: int, route: Route, accepted: float) -> NewMessage:
    """One message from nobody to one recipient, so that its end makes no report."""
    submission = Submission(
        message_id=MessageId(f"W{number:09}"),
        envelope=Envelope.parse(f"<>\r\n<user{number}@dead{number % 1000}.test>".encode()),
        routes=(route,),
        origin=Origin(
            hello_name="client.test", peer_address="127.0.0.1", protocol="ESMTP", session="w", received_at=accepted
        ),
    )
    return NewMessage(submission=submission, facts=ContentFacts(size=len(CONTENT), eight_bit=False), octets=CONTENT)


async def fill(directory: Path, dead: Dead, count: int, spread: float) -> None:
    """A queue with `count` messages that were tried three times, and are due again over the next `spread` seconds."""
    world = real_world()
    store = SqliteStore(str(directory), world)
    await store.open()
    try:
        now = time.time()
        chance = random.Random(1)
        for first in range(0, count, STEP):
            numbers = range(first, min(first + STEP, count))
            await store.insert_many([waiting_message(each, dead.route(each), now - HALF_AN_HOUR) for each in numbers])
            leases = await store.lease(now=now, until=now + HALF_AN_HOUR, limit=STEP)
            await asyncio.gather(*(store.settle(_delayed(each, now + spread * chance.random())) for each in leases))
    finally:
        await store.close()
        await world.blocking.close()


def _delayed(lease: Lease, due: float) -> Settlement:
    word = LastWord(at=lease.message.accepted_at, reply="421 4.4.1 Connection refused", cause="link.refused")
    changes = tuple(
        RecipientChange(recipient_id=each.id, state=RecipientState.WAITING, due=due, attempts=3, last_word=word)
        for each in lease.message.recipients
    )
    return Settlement(message_id=lease.message.message_id, changes=changes)


@dataclass(frozen=True, slots=True, kw_only=True)
class Measured:
    """One run: messages a second from the first connection to the last arrival, CPU in milliseconds for each."""

    per_second: float
    cpu_ms: float
    left: int


def measure(messages: int, waiting: int, sites: int, spread: float) -> Measured:
    """A fresh server, with so much waiting."""
    with (
        sink() as target,
        dead_sites(sites) as dead,
        tempfile.TemporaryDirectory(prefix="benchmark-waiting-", ignore_cleanup_errors=True) as name,
    ):
        directory, port = Path(name), free_port()
        configuration = configured(directory, port=port, domain=DOMAIN, next_hop=target.port)
        if waiting:
            (directory / "state").mkdir(mode=0o700)
            asyncio.run(fill(directory / "state" / "queue", dead, waiting, spread))
        with heloise(configuration, port) as server:
            # Without a warm-up: how soon the first message gets through is part of the question.
            before, began = cpu_seconds(server.pid), time.monotonic()
            load = Load(sessions=20, messages=messages, size=4096, domain=DOMAIN, timeout=240)
            report = load.offer(port)
            accepted = report["accepted"]
            wait_until(lambda: target.distinct() >= accepted, "the mail in the sink", DEADLINE, poll=0.002)
            elapsed, cpu = time.monotonic() - began, cpu_seconds(server.pid) - before
            assert accepted == messages, f"only {accepted} were accepted: {report['failures']}\n{server.log()[-2000:]}"
            assert target.messages() == target.distinct(), "some arrived twice"
            return Measured(per_second=messages / elapsed, cpu_ms=cpu * 1000 / messages, left=server.queued() or 0)


def main() -> None:
    """Read the arguments, measure, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--waiting", type=int, default=50_000, help="messages for dead destinations")
    parser.add_argument("--sites", type=int, default=400, help="dead destinations")
    parser.add_argument("--messages", type=int, default=4000, help="messages to the healthy one, in each run")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    build()
    print(f"{'':17} {'msg/s empty':>12} {'msg/s full':>12} {'ratio':>7} {'CPU ms empty':>13} {'full':>7} {'ratio':>7}")
    for name, spread in (("retrying", HALF_AN_HOUR), ("at once", 0.0)):
        pairs = []
        for _ in range(options.rounds):
            empty = measure(options.messages, 0, options.sites, spread)
            full = measure(options.messages, options.waiting, options.sites, spread)
            assert full.left >= options.waiting, f"only {full.left} of {options.waiting} are still in the queue"
            pairs.append((empty, full))
            _show(name, [pairs[-1]])
        _show(f"{name}, median" if options.rounds > 1 else name, pairs)


def _show(name: str, pairs: list[tuple[Measured, Measured]]) -> None:
    figures = [
        (
            empty.per_second,
            full.per_second,
            full.per_second / empty.per_second,
            empty.cpu_ms,
            full.cpu_ms,
            full.cpu_ms / empty.cpu_ms,
        )
        for empty, full in pairs
    ]
    a, b, ratio, c, d, cpu_ratio = (median(column) for column in zip(*figures, strict=True))
    print(f"{name:17} {a:12.0f} {b:12.0f} {ratio:7.2f} {c:13.2f} {d:7.2f} {cpu_ratio:7.2f}", flush=True)


if __name__ == "__main__":
    main()
