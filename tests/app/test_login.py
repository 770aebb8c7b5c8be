"""heloise logs in at heloise: `heloise send` and `heloise.send`, under TLS, with and without the right password."""

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import heloise
from heloise.app.server.mail_server import MailServer
from heloise.cli.main import main
from heloise.reception.users import new_login
from tests.app.test_tls import LETTER, Log, certificates, configuration, delivered, port, serving
from tests.certificates import Authority


def with_users(directory: Path, listeners: tuple[str, ...] = ("starttls",)) -> tuple[str, Authority]:
    """A configuration with a certificate and the user alice, whose password is sesame."""
    authority = Authority(directory)
    (directory / "users").write_text(new_login("alice", "sesame", ("alice@example.test",), b"salt").encode() + "\n")
    text = configuration(directory, certificates(authority.issue("localhost")), listeners)
    return f'{text}[auth]\nusers = "{directory}/users"\n', authority


def send(where: int, *options: str, password: str = "sesame") -> Result:
    arguments = ["send", "--server", f"localhost:{where}", "--from", "alice@example.test", "--to", "alice@example.test"]
    environment = {"HELOISE_PASSWORD": password}
    return CliRunner().invoke(main, [*arguments, "--body", "x", "--user", "alice", *options], env=environment)


@pytest.mark.parametrize("mechanism", ["SCRAM-SHA-256", "PLAIN", "LOGIN"])
def test_heloise_send_logs_in_under_starttls(mechanism: str, tmp_path: Path) -> None:
    text, authority = with_users(tmp_path)

    async def scenario(server: MailServer, log: Log) -> None:
        options = ("--tls", "verify", "--ca-file", authority.ca_file, "--mechanism", mechanism)
        sent = await asyncio.to_thread(send, port(server), *options)
        assert sent.exit_code == 0, sent.output
        assert "235 2.7.0" in sent.output
        assert "sesame" not in sent.output
        assert "verified" in sent.output
        seen = await log.saw("session.authenticated")
        assert (seen["user"], seen["mechanism"]) == ("alice", mechanism)
        await log.saw("delivery.attempted")

    serving(text, tmp_path, asyncio.new_event_loop, scenario)
    assert "with ESMTPSA id" in delivered(tmp_path)


def test_heloise_send_begins_with_tls_where_it_is_told_to(tmp_path: Path) -> None:
    text, authority = with_users(tmp_path, ("implicit",))
    (tmp_path / "password").write_text("sesame\nand a remark\n")

    async def scenario(server: MailServer, log: Log) -> None:
        options = ["--smtps", "--tls", "verify", "--ca-file", authority.ca_file]
        options += ["--password-file", str(tmp_path / "password"), "--mechanism", "PLAIN"]
        sent = await asyncio.to_thread(send, port(server), *options, password="not this one")
        assert sent.exit_code == 0, sent.output

    serving(text, tmp_path, asyncio.new_event_loop, scenario)


def test_a_wrong_password_is_told_with_its_cause_and_without_the_password(tmp_path: Path) -> None:
    text, _ = with_users(tmp_path)

    async def scenario(server: MailServer, log: Log) -> None:
        for mechanism in ("SCRAM-SHA-256", "PLAIN"):
            options = ("--tls", "encrypt", "--mechanism", mechanism, "--explain", "--json")
            sent = await asyncio.to_thread(send, port(server), *options, password="guessed")
            assert sent.exit_code != 0
            assert "login.refused" in sent.output
            assert "guessed" not in sent.output

    serving(text, tmp_path, asyncio.new_event_loop, scenario)


def test_a_certificate_that_nobody_vouches_for_gets_no_password(tmp_path: Path) -> None:
    text, _ = with_users(tmp_path)

    async def scenario(server: MailServer, log: Log) -> None:
        sent = await asyncio.to_thread(send, port(server), "--tls", "verify")
        assert sent.exit_code == 3
        assert "AUTH" not in [line.split()[1] for line in sent.output.splitlines() if line.strip().startswith("C: ")]

    serving(text, tmp_path, asyncio.new_event_loop, scenario)


def test_a_program_logs_in_by_the_library(tmp_path: Path) -> None:
    text, authority = with_users(tmp_path)

    async def scenario(server: MailServer, log: Log) -> None:
        me, host = "alice@example.test", "localhost"

        async def post(password: str) -> int:
            (answer,) = await heloise.send(
                LETTER,
                sender=me,
                recipients=[me],
                host=host,
                port=port(server),
                username="alice",
                password=password,
                tls="verify",
                ca_file=authority.ca_file,
            )
            return answer.reply.code

        assert await post("sesame") == 250
        with pytest.raises(heloise.SmtpRefusal) as refused:
            await post("guessed")
        assert refused.value.reply.cause.id == "login.refused"
        assert "guessed" not in repr(refused.value) + str(refused.value)

    serving(text, tmp_path, asyncio.new_event_loop, scenario)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        (("--mechanism", "NTLM"), "There is no mechanism NTLM"),
        (("--smtps", "--tls", "none"), "--smtps is TLS"),
        (("--cert", "pyproject.toml"), "--cert and --key go together"),
    ],
)
def test_options_that_do_not_go_together_are_told(options: tuple[str, ...], problem: str) -> None:
    told = send(1, *options)
    assert told.exit_code == 2
    assert problem in told.output


def test_a_password_is_never_an_option_and_must_come_from_somewhere() -> None:
    told = send(1, password="")
    assert told.exit_code == 2
    assert "HELOISE_PASSWORD" in told.output
    assert send(1, "--password", "sesame").exit_code == 2
