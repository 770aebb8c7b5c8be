"""`heloise trace`: what an operator reads of a message, without a server and with one."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heloise.app.operator.control import remote_control, serve_control
from heloise.app.operator.control_desk import ControlDesk, ControlError
from heloise.cli.main import main
from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.content import CHUNK, ContentFacts
from heloise.mail.ids import new_message_id
from heloise.mail.path import ForwardPath
from heloise.net import SystemClock, real_world
from heloise.passport.archive import Archive
from heloise.passport.entries import Accepted, Answered, Commanded, Ended, Opened
from heloise.queue.memory import MemoryStore
from heloise.queue.model import NewMessage
from heloise.smtp import replies
from heloise.smtp.command import Rcpt
from heloise.smtp.events import RecipientProposed
from heloise.testing.queue_contract import new_message

CONFIGURATION = """\
hostname = "mail.example.test"
state = "state"
[[listener]]
address = "127.0.0.1:0"
"""
NOW = 1.7e9
SESSION, MESSAGE = new_message_id(NOW, b"abcd"), new_message_id(NOW + 1, b"abcd")


@pytest.fixture
def file(tmp_path: Path) -> str:
    """A configuration with the passport of one message that an operator removed, and of its session."""

    async def fill() -> None:
        world = real_world()
        submission = new_message(MESSAGE, "bob@example.org").submission
        path = ForwardPath.parse(b"<nobody@mail.example.test>")
        proposal = RecipientProposed(Rcpt(forward_path=path), submission.envelope.reverse_path)
        cause = causes.RECIPIENT_UNKNOWN.because(Rule("heloise.toml", 7), recipient=path)
        archive = Archive(str(tmp_path / "state" / "passport"), world.files)
        archive.write(
            [
                Opened(SESSION, NOW, "192.0.2.7"),
                Answered(SESSION, NOW + 0.5, proposal, replies.name_unknown(str(path), cause)),
                Accepted(MESSAGE, NOW + 1, SESSION, submission, ContentFacts(size=2048)),
                Ended(SESSION, NOW + 2, lost=True),
                Commanded(MESSAGE, NOW + 3723, "remove", ("<bob@example.org>",)),
            ],
            NOW,
        )
        archive.close()
        await world.blocking.close()

    path = tmp_path / "heloise.toml"
    path.write_text(CONFIGURATION)
    asyncio.run(fill())
    return str(path)


def trace(file: str, *arguments: str) -> Result:
    return CliRunner().invoke(main, ["trace", "-c", file, *arguments])


def test_a_message_is_told_from_its_session_to_its_end(file: str) -> None:
    result = trace(file, MESSAGE.lower())
    assert result.exit_code == 0
    lines = result.stdout.splitlines()
    assert lines[0] == f"{MESSAGE}  from <alice@example.com>, 2 KiB, 2023-11-14 22:13:20 UTC"
    assert lines[1] == "  <bob@example.org>  removed"
    text = result.stdout
    assert "0.000s  connected   from 192.0.2.7" in text
    assert "550 5.1.1 <nobody@mail.example.test> is unknown here" in text
    assert "recipient.unknown: There is no such mailbox" in text
    assert "[heloise.toml:7]" in " ".join(text.split())
    assert "1h2m3s  operator    <bob@example.org> removed, without a report" in text
    assert not any(line.endswith(" ") for line in lines)


def test_a_session_is_shown_by_its_id_and_by_that_of_a_message(file: str) -> None:
    first = trace(file, "--session", SESSION)
    assert first.stdout.startswith(f"session {SESSION}, ")
    assert f"message     {MESSAGE} was accepted" in first.stdout
    assert "ended       without QUIT" in first.stdout
    assert trace(file, "--session", MESSAGE).stdout == first.stdout


def test_a_message_is_found_by_address(file: str) -> None:
    (found,) = json.loads(trace(file, "--recipient", "BOB@example.org", "--json").stdout)
    assert found["id"] == MESSAGE
    refused = trace(file, "--recipient", "nobody@mail.example.test").stdout
    assert SESSION in refused
    assert "refused" in refused
    assert MESSAGE in trace(file, "--sender", "alice@example.com").stdout


def test_json_has_every_event(file: str) -> None:
    timeline = json.loads(trace(file, MESSAGE, "--json").stdout)
    assert [event["event"] for event in timeline["events"]] == ["opened", "answered", "accepted", "commanded"]


def test_what_is_not_known_ends_with_1(file: str) -> None:
    result = trace(file, "01A")
    assert result.exit_code == 1
    assert result.stderr == "Nothing is known of 01A: it was never here, or it is too long ago.\n"
    assert trace(file, "--sender", "x@y.test").exit_code == 1


def test_one_thing_is_asked_at_a_time(file: str) -> None:
    assert "Say which: a message id, --session, or addresses." in trace(file).stderr
    assert trace(file, MESSAGE, "--sender", "a@b.test").exit_code == 2


def test_where_no_passports_are_kept_that_is_said(file: str) -> None:
    Path(file).write_text(CONFIGURATION + "[passport]\noff = true\n")
    result = trace(file, MESSAGE)
    assert result.exit_code == 3
    assert result.stderr == "Not done: no passports are kept: [passport] off = true\n"


def test_a_large_content_crosses_the_control_socket_in_pieces(tmp_path: Path) -> None:
    octets = bytes(range(256)) * (CHUNK // 64)

    async def run() -> list[bytes]:
        world, store = real_world(), MemoryStore()
        new = new_message("A")
        await store.insert(NewMessage(submission=new.submission, facts=ContentFacts(size=len(octets)), octets=octets))
        path = str(tmp_path / "control")
        listening = await serve_control(world.network, path, ControlDesk(store, SystemClock()))
        async with remote_control(world.network, path) as control:
            pieces = [piece async for piece in control.pieces("A")]
            assert (await control.counts())["messages"] == 1, "and the next question is answered"
            with pytest.raises(ControlError, match="no message B"):
                await _exhaust(control.pieces("B"))
            assert (await control.counts())["messages"] == 1
        await listening.close()
        await world.blocking.close()
        return pieces

    pieces = asyncio.run(run())
    assert len(pieces) == 4
    assert b"".join(pieces) == octets


async def _exhaust(pieces: AsyncIterator[bytes]) -> None:
    async for _ in pieces:
        pass
