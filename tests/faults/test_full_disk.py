"""A full disk, really full: 452 with a cause, what was accepted is intact, and when there is room it goes on."""

import asyncio
import os
import shutil
import time
from pathlib import Path

import pytest

from heloise.app.dev.server import CatchOptions, catching
from heloise.app.journal import Journal
from heloise.link.converse import Conversation
from heloise.link.dial import dial
from heloise.mail.content import MemoryContent
from heloise.mail.envelope import Envelope
from heloise.mail.reply import Reply
from heloise.net import real_world
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.smtp.transaction import ClientOptions
from heloise.world import Endpoint, World
from tests.peers import free_port
from tests.serving import Served, start, until_empty

CONFIGURATION = """\
hostname = "mx.test"
state = "disk/state"
[[listener]]
address = "127.0.0.1:0"
[[route]]
domains = ["there.test"]
to = "smtp:127.0.0.1:{sink}"
[limits]
minimum_free = 0
"""
BALLAST = 3 << 20


def require_namespaces() -> None:
    """A disk of our own needs a mount, and a mount that nobody else sees needs root."""
    missing = "a small disk can be made by root only (unshare --mount): run the tests as root"
    if os.geteuid() != 0 or shutil.which("unshare") is None:
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)


def until_logged(log: Path, words: str) -> None:
    """The log is written a moment after the reply; another process tells of nothing by itself."""
    deadline = time.monotonic() + 30
    while words not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.01)


async def send(conversation: Conversation, number: int, size: int) -> Reply:
    """Send message `number`; the final reply."""
    octets = b"Subject: %d\r\n\r\n" % number + b"x" * size + b"\r\n"
    envelope = Envelope.parse(b"<sender@client.test>\r\n<bob@there.test>\r\n")
    (answer,) = await conversation.deliver(envelope, MemoryContent(octets), content_facts(octets))
    return answer.reply


async def connect(world: World, port: int) -> Conversation:
    dialled = await dial(world, Endpoint("127.0.0.1", port), ClientOptions(hello_name="client.test"), discover())
    assert isinstance(dialled, Conversation)
    return dialled


async def fill(conversation: Conversation, size: int, first: int) -> tuple[list[int], Reply]:
    """Send until it is refused: the numbers that got 250, and the refusal."""
    accepted: list[int] = []
    for number in range(first, first + 20_000):
        reply = await send(conversation, number, size)
        if reply.code != 250:
            return accepted, reply
        accepted.append(number)
    raise AssertionError("the disk never got full")


@pytest.mark.slow
@pytest.mark.parametrize("size", [2000, 200_000])
def test_a_full_disk_gives_452_and_keeps_what_was_accepted(tmp_path: Path, size: int) -> None:
    require_namespaces()
    asyncio.run(a_full_disk(tmp_path, size))


async def a_full_disk(directory: Path, size: int) -> None:
    configuration, log = directory / "heloise.toml", directory / "log"
    (directory / "disk").mkdir()
    prefix = ["unshare", "--mount", "sh", "-c", 'mount -t tmpfs -o size=12m tmpfs "$0" && exec "$@"']
    world = real_world()
    quiet = Journal(lambda level, event, fields: None)
    sink_endpoint = Endpoint("127.0.0.1", free_port())  # nobody is there until the disk has been filled
    configuration.write_text(CONFIGURATION.format(sink=sink_endpoint.port))
    server = await asyncio.to_thread(
        start, configuration, directory, log=log, prefix=[*prefix, str(directory / "disk")]
    )
    try:
        disk = Path(f"/proc/{server.process.pid}/root") / str(directory / "disk").lstrip("/")
        for ballast in ("first", "second"):
            (disk / ballast).write_bytes(b"b" * BALLAST)
        conversation = await connect(world, server.port)
        accepted, refusal = await fill(conversation, size, 0)
        assert accepted
        assert (refusal.code, str(refusal.status)) == (452, "4.3.1")
        await asyncio.to_thread(until_logged, log, "cause=storage.full")
        # Still there, still answering, still knowing what it took.
        assert (await send(conversation, 50_000, size)).code == 452
        seen = Served(server.process, server.port, disk / "state")
        assert await asyncio.to_thread(seen.waiting_messages) == len(accepted)
        (disk / "first").unlink()
        more, _ = await fill(conversation, size, 100_000)
        assert more, "with room again it goes on by itself"
        await conversation.quit()
        (disk / "second").unlink()
        caught = CatchOptions(endpoint=sink_endpoint)
        async with catching(world, caught, quiet, lambda session_id, admission: None) as sink:
            await asyncio.to_thread(until_empty, seen, seconds=120)
            arrived = {int(each.octets.partition(b"Subject: ")[2].partition(b"\r")[0]) for each in sink.inbox.messages}
            assert {len(each.octets) > size for each in sink.inbox.messages} == {True}
        assert arrived == {*accepted, *more}
        print(f"{size} octets each: {len(accepted)} until 452, {len(more)} more after room was made, all arrived")
    finally:
        await asyncio.to_thread(server.stop)
        await world.blocking.close()
