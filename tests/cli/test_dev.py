"""`heloise dev`: what is printed of sessions and of caught mail."""

import json
from collections.abc import Awaitable, Callable

import pytest

from heloise.app.dev.server import CatchOptions
from heloise.cli.developing import Showing, develop
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import Endpoint, World

SERVER = Endpoint("192.0.2.1", 1025)
DIALOGUE = (
    b"EHLO client.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nDATA\r\n",
    b"Subject: Hello\r\n\r\nSecret words\r\n.\r\nFOO\r\nQUIT\r\n",
)


async def talk(world: World) -> None:
    """One session with a message and a mistake in it."""
    stream = await world.network.connect(SERVER, timeout=10)
    await stream.receive()
    for octets in DIALOGUE:
        stream.send(octets)
        await stream.receive()
    while await stream.receive():
        pass
    stream.close()


def run_dev(showing: Showing, work: Callable[[World], Awaitable[None]] = talk) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        server, client = simulation.host("mx.test", "192.0.2.1"), simulation.host("client.test", "192.0.2.2")
        await develop(
            CatchOptions(endpoint=SERVER), showing=showing, world=server.world, until=lambda: work(client.world)
        )

    run_simulated(scenario)


def test_sessions_are_shown_as_dialogues_and_mail_by_its_subject(capsys: pytest.CaptureFixture[str]) -> None:
    run_dev(Showing())
    text = capsys.readouterr().out
    assert text.startswith("heloise dev takes all mail on 192.0.2.1:1025 (SMTP) and sends nothing anywhere.")
    assert " from 192.0.2.2\n" in text
    assert "C: RCPT TO:<c@d.test>\n" in text
    assert "   ✉ Hello  " in text
    assert "   │ command.unknown · RFC 5321 §4.2.4\n" in text
    assert text.endswith("\nStopped. 1 message had been caught.\n")
    assert "Secret words" not in text


def test_the_text_of_messages_is_shown_when_asked_for(capsys: pytest.CaptureFixture[str]) -> None:
    run_dev(Showing(body=True))
    assert "     Secret words\n" in capsys.readouterr().out


def test_json_lines_are_for_programs(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    run_dev(Showing(as_json=True))
    events = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    (accepted,) = [event for event in events if event["event"] == "message.accepted"]
    assert accepted["recipients"] == ["<c@d.test>"]


def test_the_first_command_shown_works_as_it_is(capsys: pytest.CaptureFixture[str]) -> None:
    async def nothing(world: World) -> None:
        pass

    run_dev(Showing(), nothing)
    text = capsys.readouterr().out
    assert "  heloise send --server 192.0.2.1:1025 --from me@example.test --to you@example.test\n" in text


def test_it_is_shown_how_to_make_it_fail(capsys: pytest.CaptureFixture[str]) -> None:
    async def fail(world: World) -> None:
        stream = await world.network.connect(SERVER, timeout=10)
        await stream.receive()
        for octets in (b"EHLO c.test\r\n", b"MAIL FROM:<>\r\n", b"RCPT TO:<450.rcpt@example.test>\r\n", b"QUIT\r\n"):
            stream.send(octets)
            await stream.receive()
        stream.close()

    run_dev(Showing(), fail)
    text = capsys.readouterr().out
    assert "  <450.rcpt@example.test>         always refused for now\n" in text
    assert "   │ fault.rule · RFC 5321 §4.2.1\n" in text
    assert "fault = 450.rcpt@example.test" in text


def test_what_clients_did_against_the_rules_is_told_at_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    run_dev(Showing(lint=True))
    text = capsys.readouterr().out
    assert "\n5 violations of the rules by clients.\n" in text
    assert "   lint.date · RFC 5322 §3.6 · command 4\n" in text
    assert "   command.unknown · RFC 5321 §4.2.4 · command 5\n" in text
    assert "     'FOO'\n" in text


def test_violations_are_json_lines_for_programs(capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    run_dev(Showing(lint=True, as_json=True))
    events = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    found = [event["id"] for event in events if event["event"] == "client.violation"]
    assert found == ["lint.pipelining", "lint.date", "lint.from", "lint.message-id", "command.unknown"]
