"""`heloise send`: the letter, the errand, what is printed, and the exit code."""

import json
from collections.abc import Awaitable, Callable
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.app.send import Errand, Letter, write
from heloise.cli.main import main
from heloise.cli.sending import run
from heloise.cli.terminal import ExitCode
from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.path import ForwardPath, ReversePath
from heloise.smtp.limits import SessionLimits
from heloise.smtp.transaction import ClientOptions
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import Endpoint, World

SERVER = Endpoint("192.0.2.1", 25)
LETTER = Letter(sender="a@b.test", recipients=("c@d.test",), subject="Hello", body="It works.\n")


def errand(message: bytes | Letter = LETTER, *, to: str = "c@d.test", count: int = 1) -> Errand:
    return Errand(
        endpoint=SERVER,
        options=ClientOptions(hello_name="client.test"),
        envelope=Envelope(
            reverse_path=ReversePath.parse(b"<a@b.test>"),
            recipients=(Recipient(ForwardPath.parse(f"<{to}>".encode())),),
        ),
        message=message,
        count=count,
    )


def with_dev_server(work: Callable[[World, Catching], Awaitable[None]], limits: SessionLimits | None = None) -> None:
    """Run `work` beside a development server at 192.0.2.1, in a simulated world."""

    async def scenario(simulation: SimulatedWorld) -> None:
        server, client = simulation.host("mx.test", "192.0.2.1"), simulation.host("client.test", "192.0.2.2")
        options = CatchOptions(endpoint=SERVER, limits=limits or SessionLimits())
        journal = Journal(lambda level, event, fields: None)
        async with catching(server.world, options, journal, lambda session_id, admission: None) as running:
            await work(client.world, running)

    run_simulated(scenario)


def test_a_message_is_sent_and_its_dialogue_shown(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(world: World, running: Catching) -> None:
        assert await run(errand(), world=world) is ExitCode.OK
        (caught,) = running.inbox.messages
        assert b"Subject: Hello\r\n" in caught.octets

    with_dev_server(work)
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "-- connected to 192.0.2.1:25"
    assert "C: RCPT TO:<c@d.test>" in lines
    assert lines[-1].startswith("  ✓ <c@d.test> accepted  250 2.0.0 ")


def test_a_refused_message_ends_with_1_and_an_explanation(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(world: World, running: Catching) -> None:
        assert await run(errand(b"x" * 5000), world=world) is ExitCode.REFUSED
        assert not running.inbox.messages

    with_dev_server(work, SessionLimits(message_size=1000))
    text = capsys.readouterr().out
    assert "✗ <c@d.test> not accepted  552 5.3.4" in text
    assert "delivery.too-big · RFC 1870 §6.1" in text


def test_a_server_that_is_not_there_ends_with_3(capsys: pytest.CaptureFixture[str]) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        simulation.host("mx.test", "192.0.2.1")
        client = simulation.host("client.test", "192.0.2.2")
        assert await run(errand(), world=client.world) is ExitCode.TROUBLE

    run_simulated(scenario)
    text = capsys.readouterr().out
    assert "✗ no message was sent  421 4.4.1" in text
    assert "link.refused" in text


def test_many_messages_are_counted_over_one_connection(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(world: World, running: Catching) -> None:
        assert await run(errand(count=20), quiet=True, world=world) is ExitCode.OK
        assert len({caught.origin.session for caught in running.inbox.messages}) == 1
        ids = {message_from_bytes(caught.octets)["Message-ID"] for caught in running.inbox.messages}
        assert len(ids) == 20

    with_dev_server(work)
    text = capsys.readouterr().out
    assert text.startswith("20 of 20 messages accepted in ")
    assert "     20 × 250 2.0.0\n" in text


def test_json_has_recipients_and_transcript(capsys: pytest.CaptureFixture[str]) -> None:
    async def work(world: World, running: Catching) -> None:
        assert await run(errand(), as_json=True, world=world) is ExitCode.OK

    with_dev_server(work)
    whole = json.loads(capsys.readouterr().out)
    (recipient,) = whole["messages"][0]["recipients"]
    assert recipient["accepted"] is True
    assert recipient["code"] == 250
    assert whole["transcript"][1]["text"].startswith("220 ")


def read(octets: bytes) -> EmailMessage:
    message = message_from_bytes(octets, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return message


def written(letter: Letter) -> bytes:
    return write(letter, now=1_700_000_000, unique="01A", domain="client.test")


def test_a_letter_has_date_and_message_id_and_crlf() -> None:
    octets = written(LETTER)
    message = read(octets)
    assert message["Message-ID"] == "<01A@client.test>"
    assert message["Date"].datetime.timestamp() == 1_700_000_000
    assert octets.replace(b"\r\n", b"").count(b"\n") == 0
    assert message.get_content() == "It works.\r\n"


def test_headers_stand_in_place_of_ours() -> None:
    headers = (("Subject", "y"), ("X-Test", "1"))
    message = read(written(Letter(sender="a@b.test", recipients=("c@d.test",), subject="x", body="", headers=headers)))
    assert message.get_all("Subject") == ["y"]
    assert message["X-Test"] == "1"


def test_files_are_attached_with_their_type(tmp_path: Path) -> None:
    path = tmp_path / "notes.pdf"
    path.write_bytes(b"%PDF\x00\xff")
    letter = Letter(sender="a@b.test", recipients=("c@d.test",), subject="x", body="see", attachments=(path,))
    (attachment,) = read(written(letter)).iter_attachments()
    assert attachment.get_content_type() == "application/pdf"
    assert attachment.get_filename() == "notes.pdf"
    assert attachment.get_content() == b"%PDF\x00\xff"


def test_letters_outside_ascii_are_written_for_everybody() -> None:
    octets = written(Letter(sender="a@b.test", recipients=("c@d.test",), subject="Grüße", body="Süß\n"))
    assert octets.isascii()
    assert read(octets)["Subject"] == "Grüße"


def send(*arguments: str, stdin: str = "") -> Result:
    return CliRunner().invoke(main, ["send", *arguments], input=stdin)


NOWHERE = ("--server", "unix:/nonexistent/socket", "--from", "a@b.test", "--to", "c@d.test")


def test_no_server_at_the_command_line_ends_with_3() -> None:
    result = send(*NOWHERE, "--quiet", stdin="piped in")
    assert result.exit_code == 3
    assert "no message was sent" in result.stdout


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--to", "nobody"), '"nobody" is not an address: no @ after the local part'),
        (("--server", "host:port"), "a port is a number from 0 to 65535"),
        (("--header", "no colon"), 'is not a header; write it like "X-Test: yes"'),
        (("--hello", "not a name"), "not a domain: 'not a name'"),
        (("--notify", "A B"), "not a parameter value"),
        (("--file", "-", "--body", "x"), "--file brings a finished message"),
        (("--count", "0"), "0 is not in the range x>=1"),
    ],
)
def test_wrong_arguments_end_with_2_and_a_sentence(arguments: tuple[str, ...], words: str) -> None:
    result = send(*NOWHERE, *arguments)
    assert result.exit_code == 2
    assert words in " ".join(result.stderr.split())
