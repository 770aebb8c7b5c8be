"""AUTH where mail is only caught: programs that log in can be tested."""

import asyncio
import smtplib
from collections.abc import Callable

import pytest
from click.testing import CliRunner

import heloise
from heloise.cli.main import main


async def _taken(message: heloise.ReceivedMessage) -> None:
    return None


def _serving(server: heloise.Server, client: Callable[[smtplib.SMTP], None]) -> None:
    def talk() -> None:
        with smtplib.SMTP(server.endpoint.host, server.endpoint.port, timeout=30) as session:
            session.ehlo("client.test")
            client(session)

    async def run() -> None:
        async with server:
            await asyncio.to_thread(talk)

    asyncio.run(run())


def test_anybody_logs_in_with_any_password_where_it_is_for_anybody() -> None:
    def client(session: smtplib.SMTP) -> None:
        assert session.esmtp_features["auth"].split() == ["PLAIN", "LOGIN"]
        with pytest.raises(smtplib.SMTPSenderRefused) as refused:
            session.sendmail("a@b.test", ["c@d.test"], b"Subject: x\r\n\r\nHello\r\n")
        assert refused.value.smtp_code == 530
        session.login("whoever", "whatever")
        assert session.sendmail("a@b.test", ["c@d.test"], b"Subject: x\r\n\r\nHello\r\n") == {}

    _serving(heloise.Server(_taken, anybody=True, requires_auth=True), client)


def test_who_is_listed_needs_his_password_and_others_do_not_get_in() -> None:
    def client(session: smtplib.SMTP) -> None:
        for user, password in (("alice", "guessed"), ("bob", "sesame")):
            with pytest.raises(smtplib.SMTPAuthenticationError):
                session.login(user, password)
        session.login("alice", "sesame")
        assert session.sendmail("a@b.test", ["c@d.test"], b"Subject: x\r\n\r\nHello\r\n") == {}

    _serving(heloise.Server(_taken, users={"alice": "sesame"}), client)


def test_without_users_there_is_no_auth_and_it_can_not_be_required() -> None:
    def client(session: smtplib.SMTP) -> None:
        assert "auth" not in session.esmtp_features

    _serving(heloise.Server(_taken), client)
    with pytest.raises(ValueError, match="nobody could log in"):
        heloise.Server(_taken, requires_auth=True)


@pytest.mark.parametrize("words", [["--require-auth"], ["--user", "alice"], ["--user", ":sesame"]])
def test_the_command_says_what_is_wrong_with_users(words: list[str]) -> None:
    result = CliRunner().invoke(main, ["dev", "--port", "0", "--no-api", "--no-pop3", *words])
    assert result.exit_code == 2
    assert "--user" in result.output
