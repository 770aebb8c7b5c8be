"""kill -9 under load: what got 250 is delivered after a restart, what was refused is not. RFC 5321 §4.2.5, §6.1."""

import asyncio
import random
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.link.converse import Conversation
from heloise.link.dial import dial
from heloise.mail.content import MemoryContent
from heloise.mail.envelope import Envelope
from heloise.net import real_world
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.smtp.transaction import ClientOptions
from heloise.world import Endpoint, World
from tests.serving import Served, start, until_empty

CLIENTS = 8
CONFIGURATION = """\
hostname = "mx.test"
state = "state"
processes = {processes}
[[listener]]
address = "127.0.0.1:0"
[local]
domains = ["here.test"]
[[user]]
name = "alice"
[[route]]
domains = ["there.test"]
to = "smtp:127.0.0.1:{sink}"
[limits]
minimum_free = 0
"""


@dataclass(slots=True)
class Tally:
    """What the clients were told, by the number in the subject."""

    accepted: set[int] = field(default_factory=set)
    refused: set[int] = field(default_factory=set)
    next: int = 0


async def send_until_lost(world: World, port: int, tally: Tally, chance: random.Random, enough: asyncio.Event) -> None:
    """One client after the other, each until its connection breaks."""
    registry = discover()
    options = ClientOptions(hello_name="client.test")
    while not enough.is_set():
        dialled = await dial(world, Endpoint("127.0.0.1", port), options, registry)
        if not isinstance(dialled, Conversation):
            return
        while dialled.usable and not enough.is_set():
            await send_one(dialled, tally, chance)
        await dialled.quit()


async def send_one(conversation: Conversation, tally: Tally, chance: random.Random) -> None:
    number = tally.next
    tally.next += 1
    to = chance.choice([b"<alice@here.test>", b"<bob@there.test>", b"<nobody@here.test>"])
    octets = b"Subject: %d\r\n\r\n" % number + b"x" * chance.choice([10, 1000, 100_000]) + b"\r\n"
    envelope = Envelope.parse(b"<sender@client.test>\r\n" + to + b"\r\n")
    (answer,) = await conversation.deliver(envelope, MemoryContent(octets), content_facts(octets))
    if answer.is_taken:
        tally.accepted.add(number)
    elif answer.said_by_peer:
        tally.refused.add(number)


async def one_life(world: World, server: Served, tally: Tally, chance: random.Random) -> None:
    """Load until so many are accepted, then kill in the middle of it."""
    enough = asyncio.Event()
    clients = [asyncio.create_task(send_until_lost(world, server.port, tally, chance, enough)) for _ in range(CLIENTS)]
    goal = len(tally.accepted) + chance.randrange(1, 40)
    while len(tally.accepted) < goal:
        await asyncio.wait(clients, timeout=0.002)
    server.process.kill()
    await asyncio.to_thread(server.process.wait)
    enough.set()
    await asyncio.gather(*clients)


def numbers_in(octets: bytes) -> int:
    """The number in the subject."""
    return int(octets.partition(b"Subject: ")[2].partition(b"\r\n")[0])


@pytest.mark.slow
@pytest.mark.parametrize(("processes", "kills"), [(1, 50), (2, 20)])
def test_what_got_250_is_delivered_after_many_kills(tmp_path: Path, processes: int, kills: int) -> None:
    asyncio.run(many_kills(tmp_path, processes, kills))


async def many_kills(directory: Path, processes: int, kills: int) -> None:
    world, tally, chance = real_world(), Tally(), random.Random(25)
    configuration, log, state = directory / "heloise.toml", directory / "log", directory / "state"
    quiet = Journal(lambda level, event, fields: None)
    sink_options = CatchOptions(endpoint=Endpoint("127.0.0.1", 0))
    async with catching(world, sink_options, quiet, lambda session_id, admission: None) as sink:
        configuration.write_text(CONFIGURATION.format(sink=sink.endpoint.port, processes=processes))
        for _ in range(kills):
            server = await asyncio.to_thread(start, configuration, state, log=log)
            await one_life(world, server, tally, chance)
        server = await asyncio.to_thread(start, configuration, state, log=log)
        await asyncio.to_thread(until_empty, server, seconds=120)
        assert await asyncio.to_thread(server.stop) == 0
        check(tally, sink, state, kills)
    await world.blocking.close()


def check(tally: Tally, sink: Catching, state: Path, kills: int) -> None:
    """Everything that was accepted arrived, nothing that was refused did."""
    mailbox = state / "mail" / "alice" / "Maildir" / "new"
    arrived = [numbers_in(path.read_bytes()) for path in mailbox.iterdir()]
    arrived += [numbers_in(message.octets) for message in sink.inbox.messages]
    print(
        f"{kills} kills: {tally.next} sent, {len(tally.accepted)} got 250, {len(tally.refused)} were refused, "
        f"{len(arrived)} arrived, {len(arrived) - len(set(arrived))} twice"
    )
    assert len(tally.accepted) >= kills
    assert tally.refused
    assert tally.accepted <= set(arrived)
    assert not tally.refused & set(arrived)
    assert not [left for spool in state.glob("queue*/spool") for left in spool.iterdir()]
