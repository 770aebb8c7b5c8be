"""What does a full queue cost? How fast is mail accepted, the first page listed, the server started?

heloise only: the queues are filled through its own store, which takes a million messages in a minute or two. Each
queue is filled once and serves all rounds; what the rounds add to it is small.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks.experiments.offering import CPU, DOMAIN, P99, RATE, demand, figures, load, messages_for, warm_up
from benchmarks.peers_heloise import Heloise, ask, heloise
from benchmarks.shape import Cell, Experiment, Figure, Sample
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope
from heloise.mail.ids import new_message_id
from heloise.mail.route import Route
from heloise.mail.sink import Submission
from heloise.mail.trace import Origin
from heloise.net import real_world
from heloise.queue.model import NewMessage
from heloise.queue.sqlite import SqliteStore
from tests.peers.jail import wait_until
from tests.peers.processes import cpu_seconds, pss_bytes

_BATCH = 2000
_CONTENT = b"Subject: waiting\r\n\r\n" + (b"x" * 76 + b"\r\n") * 12
_SITES = 1000
_PAGE = 100

_LIST = Figure(key="list_ms", heading="first page ms", digits=1)
_START = Figure(key="start_ms", heading="start ms", digits=0)
_MEMORY = Figure(key="memory_mb", heading="MB at start", digits=0)


class Backlog(Experiment[Heloise]):
    """Queues with up to a million messages that wait for their time."""

    name = "backlog"
    title = "With a backlog"
    text = (
        "The queue holds so many messages of 1 KB for 1,000 domains, all due later. Measured are the time from the "
        "start of the program to its greeting, memory then, the first page of `heloise queue list` (as the server "
        "answers it, the median of five), and acceptance of 1 KB messages over 20 sessions."
    )
    figures = (RATE, _START, _LIST, _MEMORY, CPU, P99)

    def __init__(self) -> None:
        self._filled: dict[tuple[str, int], Path] = {}

    def subjects(self) -> Sequence[Heloise]:
        return [Heloise(), Heloise(processes=1)]

    def cells(self) -> Sequence[Cell]:
        return [
            Cell(
                name=f"{waiting:,} messages waiting",
                settings={"size": 1024, "sessions": 20, "waiting": waiting},
                quick=waiting in (0, 10_000),
            )
            for waiting in (0, 10_000, 100_000, 1_000_000)
        ]

    def measure(self, subject: Heloise, cell: Cell, seconds: float) -> Sample:
        directory = self._queue(subject, cell["waiting"])
        configuration = subject.configured(directory, demand(cell, DOMAIN))
        began = time.monotonic()
        with heloise(configuration) as server:
            started = time.monotonic() - began
            control = directory / "state" / "control"
            wait_until(control.exists, "the control socket", 20)
            memory = pss_bytes(server.pid)
            before_load = server.queued() or 0
            pages = sorted(_list_time(control, min(before_load, _PAGE)) for _ in range(5))
            warm = warm_up(server, cell, DOMAIN)
            offered = load(cell, DOMAIN, messages_for(cell, warm["per_second"], seconds))
            before = cpu_seconds(server.pid)
            report = offered.offer(server.port)
            cpu = cpu_seconds(server.pid) - before
            return Sample(
                figures={
                    **figures(report, cpu),
                    _START.key: started * 1000,
                    _LIST.key: pages[2] * 1000,
                    _MEMORY.key: memory / (1 << 20),
                },
                acknowledged=warm["accepted"] + report["accepted"],
                kept=(server.queued() or 0) - before_load,
                failures=report["failures"],
            )

    def close(self) -> None:
        """Remove the queues."""
        for directory in self._filled.values():
            shutil.rmtree(directory, ignore_errors=True)
        self._filled.clear()

    def _queue(self, subject: Heloise, waiting: int) -> Path:
        key = (subject.name, waiting)
        if key not in self._filled:
            self.close()  # one at a time: a million messages take some gigabytes
            directory = self._filled[key] = Path(tempfile.mkdtemp(prefix="benchmark-backlog-"))
            (directory / "state").mkdir(mode=0o700)
            shards = subject.processes or len(os.sched_getaffinity(0))
            for index in range(shards if waiting else 0):
                # The queue of each process is its own, with an equal part of what waits.
                name = "queue" if index == 0 else f"queue-{index}"
                asyncio.run(_fill(directory / "state" / name, waiting // shards))
        return self._filled[key]


def _list_time(control: Path, expected: int) -> float:
    began = time.monotonic()
    messages = ask(control, do="list", limit=_PAGE)["messages"]
    elapsed = time.monotonic() - began
    if len(messages) != expected:
        raise RuntimeError(f"a page of {len(messages)} messages, {expected} were due")
    return elapsed


async def _fill(directory: Path, count: int) -> None:
    """Messages that wait until their site asks for them, so that none is attempted."""
    world = real_world()
    store = SqliteStore(str(directory), world)
    await store.open()
    try:
        now = time.time()
        for first in range(0, count, _BATCH):
            await store.insert_many([_message(each, now) for each in range(first, min(first + _BATCH, count))])
    finally:
        await store.close()
        await world.blocking.close()


def _message(number: int, now: float) -> NewMessage:
    envelope = Envelope.parse(f"<sender@client.test>\r\n<user{number}@site{number % _SITES}.test>".encode())
    submission = Submission(
        message_id=new_message_id(now - 3600 + number / 1000, os.urandom(4)),
        envelope=envelope,
        routes=(Route.parse("smtp:127.0.0.1:9?on-request"),),
        origin=Origin(
            hello_name="client.test", peer_address="127.0.0.1", protocol="ESMTP", session="w", received_at=now
        ),
    )
    return NewMessage(submission=submission, facts=ContentFacts(size=len(_CONTENT), eight_bit=False), octets=_CONTENT)
