"""`heloise lab`: what is said, and what is shown of it."""

import codecs
import os
import pty
import select
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from heloise.cli.main import main
from heloise.testing.certificate import TestCertificate, make_certificate
from heloise.testing.mail_server import LoopThread, MailServer, ThreadedMailServer

SCRIPT = (
    "EHLO c.test",
    "MAIL FROM:<a@b.test>",
    "DATA",
    "RCPT TO:<450.rcpt@c.test>",
    "RCPT TO:<you@c.test>",
    "DATA",
    "Subject: x",
    "",
    "..dots",
    ".",
    "QUIT",
)
PATIENCE = 60.0  # seconds; a deadline, not a wait


@pytest.fixture(autouse=True)
def _state_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "100")


def lab(*lines: str, options: tuple[str, ...] = (), code: int = 0) -> str:
    result = CliRunner().invoke(main, ["lab", *options], input="".join(f"{line}\n" for line in lines))
    assert result.exit_code == code, result.output
    return result.stdout


def test_a_script_is_said_and_each_reply_explained() -> None:
    text = lab(*SCRIPT)
    assert "C: MAIL FROM:<a@b.test>\nS: 250 2.1.0 Sender ok\n" in text
    assert "   │ mail.accepted · RFC 5321 §4.1.1.2\n" in text
    assert "   │ sequence.rcpt-first · RFC 5321 §4.1.1.4\n" in text
    assert "\x1b" not in text


def test_the_state_is_told_when_it_has_changed() -> None:
    text = lab(*SCRIPT)
    told = [line.rpartition(": ")[2] for line in text.splitlines() if line.startswith("-- the session is now")]
    assert told == ["greeted", "ready", "mail", "no recipient", "recipients", "text", "ready", "closed"]


def test_the_cause_is_that_of_the_engine_with_what_it_looked_at() -> None:
    text = lab(*SCRIPT)
    assert "   │ fault.rule · RFC 5321 §4.2.1\n" in text
    assert "   │ fault = 450.rcpt@c.test, recipient = 450.rcpt@c.test, attempt = 1\n" in text


def test_the_dialogue_goes_on_under_tls() -> None:
    text = lab("EHLO c.test", "STARTTLS", "EHLO c.test", "STARTTLS", "QUIT")
    assert "-- TLSv1.3" in text
    assert "-- the session is now: greeted\nC: EHLO c.test\n" in text
    assert "S: 503 5.5.1" in text
    assert "tls.already" in text


def test_a_chunk_is_filled_by_the_lines_that_follow() -> None:
    text = lab("EHLO c.test", "MAIL FROM:<>", "RCPT TO:<you@c.test>", "BDAT 7 LAST", "words", "QUIT")
    assert "C: BDAT 7 LAST\nC: words\nS: 250 2.0.0" in text


def test_an_explanation_can_be_asked_for() -> None:
    text = lab("? 5.7.1", "? nonsense", "FOO", "?")
    assert "5.7.1  Delivery not authorized, message refused\n" in text
    assert '-- nothing is known as "nonsense"\n' in text
    assert "command.unknown  a cause, as it stands in logs and transcripts\n" in text


def test_octets_can_be_sent_as_they_are() -> None:
    text = lab(r":raw NOOP\r\nNOOP\r\n", r":raw FOO\nBAR\r\n", "QUIT")
    assert text.count("noop.done") == 2
    assert "line.ending" in text


def test_our_own_server_fails_when_told_to() -> None:
    text = lab(":fault 451 once at mail", "EHLO c.test", "MAIL FROM:<>", "MAIL FROM:<>", "QUIT")
    assert "S: 451 " in text
    assert "S: 250 2.1.0" in text


def test_a_phrase_that_is_none_is_told() -> None:
    assert "-- :fault: " in lab(":fault nonsense", "QUIT")


def test_a_sample_message_is_said() -> None:
    assert " taken\n" in lab(":sample", "QUIT")
    assert " taken\n" in lab(":sample", "QUIT", options=("--lmtp",))


def test_another_session_can_follow() -> None:
    text = lab("QUIT", ":again", "QUIT")
    assert text.count("S: 220 ") == 2
    assert text.count("S: 221 ") == 2


def test_what_is_left_when_the_session_has_ended_is_not_said_in_silence() -> None:
    text = lab("QUIT", "NOOP", code=3)
    assert "-- the session is over; what is left is not said\n" in text


def test_the_dialogue_is_saved_without_its_secrets(tmp_path: Path) -> None:
    saved = tmp_path / "dialogue.txt"
    text = lab("EHLO c.test", "AUTH PLAIN AG1lAHNlY3JldA==", f":save {saved}", "QUIT")
    assert "S: 235 " in text
    kept = saved.read_text(encoding="utf-8")
    assert "C: AUTH PLAIN ****\n" in kept
    assert "AG1l" not in kept + text
    assert "auth.accepted" in kept


def test_a_wrong_command_of_the_lab_is_told() -> None:
    assert "-- there is no :nonsense; :help lists what there is\n" in lab(":nonsense")


def test_brief_explains_only_what_is_more_than_a_plain_yes() -> None:
    text = lab("NOOP", "FOO", "QUIT", options=("--brief",))
    assert "noop.done" not in text
    assert "command.unknown" in text


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> TestCertificate:
    return make_certificate(tmp_path_factory.mktemp("certificate"))


@pytest.fixture
def other(certificate: TestCertificate) -> Iterator[ThreadedMailServer]:
    """A server over the network, of which the lab has nothing but its words."""
    thread = LoopThread()
    server = ThreadedMailServer(MailServer(certificate=certificate), thread)
    server.start()
    yield server
    server.stop()
    thread.close()


def test_with_another_server_replies_are_explained_by_their_codes_and_the_state_follows(
    other: ThreadedMailServer,
) -> None:
    text = lab("EHLO c.test", "STARTTLS", "EHLO c.test", "DATA", *SCRIPT[1:], options=(f"127.0.0.1:{other.port}",))
    other.expect(to="you@c.test", subject="x")
    assert "mail.accepted" not in text  # nobody but that server knows its causes
    assert "   │ 503 · Bad sequence of commands · RFC 5321 §4.1.4\n" in text
    assert "   │ 5.5.1 · Invalid command · RFC 3463 §3.6\n" in text
    told = [line.rpartition(": ")[2] for line in text.splitlines() if line.startswith("-- the session is now")]
    assert told[:4] == ["greeted", "ready", "greeted", "ready"]
    assert told[4:] == ["mail", "no recipient", "recipients", "text", "ready", "closed"]


def test_a_certificate_is_verified_when_that_is_asked_for(
    other: ThreadedMailServer, certificate: TestCertificate
) -> None:
    server = f"localhost:{other.tls_port}"
    assert "-- TLSv1.3" in lab("QUIT", options=("--tls", "--verify", "--ca-file", str(certificate.ca), server))
    result = CliRunner().invoke(main, ["lab", "--tls", "--verify", server], input="")
    assert result.exit_code == 3


def test_nobody_there_is_trouble() -> None:
    result = CliRunner().invoke(main, ["lab", "127.0.0.1:1"], input="")
    assert result.exit_code == 3
    assert result.stderr.startswith("No session: ")


class Terminal:
    """The program at a terminal of its own."""

    def __init__(self, *arguments: str) -> None:
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            os.environ["TERM"] = "xterm-256color"
            os.execv(sys.executable, [sys.executable, "-m", "heloise", "lab", *arguments])
        self.shown = ""
        self._decode = codecs.getincrementaldecoder("utf-8")().decode

    def type(self, text: str) -> None:
        os.write(self._descriptor, text.encode())

    def wait_for(self, words: str) -> str:
        """What is shown up to these words; it is looked for behind what was waited for before."""
        deadline = time.monotonic() + PATIENCE
        while words not in self.shown:
            ready, _, _ = select.select([self._descriptor], [], [], max(deadline - time.monotonic(), 0))
            assert ready, f"{words!r} did not come: {self.shown}"
            try:
                octets = os.read(self._descriptor, 65536)
            except OSError:  # Linux: the other side of the terminal is closed
                octets = b""
            assert octets, f"{words!r} did not come: {self.shown}"
            self.shown += self._decode(octets)
        before, _, self.shown = self.shown.partition(words)
        return before

    def exit_code(self) -> int:
        return os.waitstatus_to_exitcode(os.waitpid(self._pid, 0)[1])


@pytest.mark.slow
def test_at_a_terminal_there_is_a_prompt_a_picture_completion_and_the_place_in_the_session() -> None:
    terminal = Terminal()
    terminal.wait_for("connected ─220▶")
    terminal.wait_for(" greeted \x1b[0m")
    terminal.wait_for("EHLO client.example.test")
    terminal.wait_for("C:")
    terminal.type("eh\t\n")
    terminal.wait_for("EHLO client.example.test")
    terminal.wait_for(" ready \x1b[0m")
    terminal.wait_for("MAIL FROM:<me@example.test>")
    terminal.wait_for("C:")
    terminal.type("QUIT\n")
    terminal.wait_for(" closed \x1b[0m")
    terminal.wait_for("C:")
    terminal.type("\x04")
    assert terminal.exit_code() == 0


@pytest.mark.slow
def test_at_a_terminal_ctrl_c_begins_the_line_anew_and_kills_nothing() -> None:
    terminal = Terminal("--brief")
    terminal.wait_for("C:")
    terminal.type("MAI")
    terminal.wait_for("MAI")
    terminal.type("\x03")
    terminal.wait_for("C:")
    terminal.type("NOOP\n")
    terminal.wait_for("250 2.0.0")
    terminal.wait_for("C:")
    terminal.type(":quit\n")
    assert terminal.exit_code() == 0


CONFIGURATION = """\
hostname = "mx.example.test"
state = "state"
[[listener]]
address = "127.0.0.1:2525"
[[listener]]
address = "unix:lmtp"
protocol = "lmtp"
[local]
domains = ["example.test"]
[[user]]
name = "alice"
[relay]
networks = ["203.0.113.0/24"]
"""


@pytest.fixture
def configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    (tmp_path / "heloise.toml").write_text(CONFIGURATION, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return "heloise.toml"


def line_of(text: str) -> int:
    """Where it stands in the configuration."""
    return CONFIGURATION.splitlines().index(text) + 1


def test_with_a_configuration_the_line_that_decides_is_told(configuration: str) -> None:
    lines = ("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<alice@example.test>", "RCPT TO:<no@example.test>")
    text = lab(
        *lines,
        "RCPT TO:<x@away.test>",
        "DATA",
        "hi",
        ".",
        "QUIT",
        options=("-c", configuration, "--client", "192.0.2.9"),
    )
    assert "│ recipient.accepted · RFC 5321 §4.1.1.3" in text
    assert f" · heloise.toml:{line_of('[[user]]')}\n" in text
    assert "S: 550 5.7.1 Relaying to <x@away.test> denied\n" in text
    unknown = line_of('domains = ["example.test"]')
    assert f"recipient.unknown · RFC 5321 §4.2.3 · heloise.toml:{unknown}\n" in text
    assert " taken\n" in text


def test_who_may_relay_is_who_comes_from_there_and_nothing_is_kept(configuration: str, tmp_path: Path) -> None:
    lines = ("EHLO c.test", "MAIL FROM:<a@b.test>", "RCPT TO:<x@away.test>", "DATA", "hi", ".", "QUIT")
    text = lab(*lines, options=("-c", configuration, "--client", "203.0.113.5"))
    assert "denied" not in text
    assert " taken\n" in text
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize(
    "options",
    [
        ("--port", "77"),
        ("--client", "nonsense"),
        ("127.0.0.1:25",),
    ],
)
def test_what_does_not_go_with_a_configuration_is_told(configuration: str, options: tuple[str, ...]) -> None:
    result = CliRunner().invoke(main, ["lab", "-c", configuration, *options], input="")
    assert result.exit_code == 2
    assert "Error: " in result.stderr


def test_a_client_without_a_configuration_is_a_mistake() -> None:
    assert CliRunner().invoke(main, ["lab", "--client", "192.0.2.1"], input="").exit_code == 2


def test_faults_are_for_the_server_without_a_configuration(configuration: str) -> None:
    assert "-- :fault: only" in lab(":fault 451 once", "QUIT", options=("-c", configuration))
