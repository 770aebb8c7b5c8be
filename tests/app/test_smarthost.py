"""A server that logs in at its smarthost, another heloise: STARTTLS and TLS first, right and wrong passwords, AUTH=."""

import asyncio
import smtplib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer
from heloise.config import ConfigError, parse_configuration
from heloise.config.advice import advise
from heloise.net import real_world
from heloise.queue.model import RecipientState, Selection
from tests.app.test_login import with_users
from tests.app.test_tls import LETTER, WAIT, Log, port
from tests.certificates import Authority

BEGINNING = 'hostname = "office.example.test"\nstate = "state"\n'
LISTENER = '[[listener]]\naddress = "127.0.0.1:0"\n[passport]\noff = true\n'


def office(where: int, authority: Authority, *, transport: str = "smtp", more: str = "", tls: str = "verify") -> str:
    return (
        f'{BEGINNING}smarthost = "{transport}:localhost:{where}"\n{LISTENER}'
        f'[delivery]\ntls = "{tls}"\nca_file = "{authority.ca_file}"\n'
        f'[[credentials]]\nhosts = ["localhost"]\nuser = "alice"\npassword_file = "password"\n{more}'
    )


Scenario = Callable[[MailServer, MailServer, Log, Log], Any]


def both(
    directory: Path, scenario: Scenario, *, listener: str = "starttls", secret: str = "sesame", **how: str
) -> None:
    """Run the smarthost, and the office's server that sends by it."""
    here, there = directory / "office", directory / "smarthost"
    here.mkdir()
    there.mkdir()
    (here / "password").write_text(f"{secret}\n")
    text, authority = with_users(there, (listener,))
    text = text.replace(f'tls = "{listener}"\n', f'tls = "{listener}"\nrequires_auth = true\n')

    async def run() -> None:
        async with asyncio.timeout(WAIT):
            logs = Log(), Log()
            smarthost = MailServer(parse_configuration(text, directory=str(there)), real_world(), Journal(logs[1].emit))
            await smarthost.start()
            try:
                ours = parse_configuration(office(port(smarthost), authority, **how), directory=str(here))
                server = MailServer(ours, real_world(), Journal(logs[0].emit))
                await server.start()
                try:
                    await scenario(server, smarthost, *logs)
                finally:
                    await server.stop()
            finally:
                await smarthost.stop()

    asyncio.run(run())


def post(where: int, *options: str) -> None:
    with smtplib.SMTP("127.0.0.1", where, timeout=WAIT) as client:
        client.ehlo("client.test")
        client.mail("a@client.test", options)
        client.rcpt("alice@example.test")
        client.data(LETTER)


@pytest.mark.parametrize(
    ("listener", "transport", "mechanism"),
    [
        ("starttls", "smtp", "SCRAM-SHA-256"),
        ("starttls", "smtp", "PLAIN"),
        ("starttls", "smtp", "LOGIN"),
        ("implicit", "smtps", "SCRAM-SHA-256"),
    ],
)
def test_mail_goes_to_a_smarthost_that_wants_to_know_us(
    listener: str, transport: str, mechanism: str, tmp_path: Path
) -> None:
    async def scenario(server: MailServer, smarthost: MailServer, log: Log, far: Log) -> None:
        await asyncio.to_thread(post, port(server))
        seen = await far.saw("session.authenticated")
        assert (seen["user"], seen["mechanism"]) == ("alice", mechanism)
        attempt = await log.saw("delivery.attempted")
        assert "sesame" not in repr(log.events) + repr(far.events)
        assert "relayed" in repr(attempt)
        await far.saw("delivery.attempted")

    more = f'mechanisms = ["{mechanism}"]\n'
    both(tmp_path, scenario, listener=listener, transport=transport, more=more)
    (letter,) = (tmp_path / "smarthost" / "state").glob("**/new/*")
    assert "with ESMTPSA id" in letter.read_text()


async def still_waits(server: MailServer, log: Log, cause: str) -> None:
    """The attempt was a delay for this cause, and the mail is in the queue."""
    attempt = await log.saw("delivery.attempted")
    assert cause in repr(attempt)
    assert "delayed" in repr(attempt)
    while not await server.queue.count_messages(Selection(state=RecipientState.WAITING), limit=9):  # noqa: ASYNC110
        await asyncio.sleep(0)  # until the attempt is settled
    assert await server.queue.count_messages(Selection(), limit=9) == 1


def test_mail_waits_while_the_smarthost_refuses_our_password(tmp_path: Path) -> None:
    async def scenario(server: MailServer, smarthost: MailServer, log: Log, far: Log) -> None:
        await asyncio.to_thread(post, port(server))
        await still_waits(server, log, "login.refused")
        assert "guessed" not in repr(log.events) + repr(far.events)

    both(tmp_path, scenario, secret="guessed")


def test_mail_waits_while_the_password_can_not_be_read_and_goes_when_it_can(tmp_path: Path) -> None:
    async def scenario(server: MailServer, smarthost: MailServer, log: Log, far: Log) -> None:
        password = tmp_path / "office" / "password"
        password.rename(tmp_path / "elsewhere")
        await asyncio.to_thread(post, port(server))
        await still_waits(server, log, "login.unknown")
        (tmp_path / "elsewhere").rename(password)
        server.deliverer.forgive(None)
        await server.queue.retry(Selection(), due=0)
        await far.saw("session.authenticated")

    both(tmp_path, scenario)


def test_a_password_is_not_shown_in_plaintext(tmp_path: Path) -> None:
    async def scenario(server: MailServer, smarthost: MailServer, log: Log, far: Log) -> None:
        await asyncio.to_thread(post, port(server))
        await still_waits(server, log, "login.needs-tls")

    both(tmp_path, scenario, tls="none", more='mechanisms = ["PLAIN"]\n')


def test_nobody_is_told_who_wrote_it_unless_it_is_known(tmp_path: Path) -> None:
    """RFC 4954 §5: AUTH= of a client that is not known counts as <>, and so it goes on."""

    async def scenario(server: MailServer, smarthost: MailServer, log: Log, far: Log) -> None:
        await asyncio.to_thread(post, port(server), "AUTH=ceo@example.test", "BODY=8BITMIME")
        accepted = await far.saw("message.accepted")
        assert "ceo" not in repr(accepted) + repr(log.events)

    here = tmp_path / "keys"
    here.mkdir()
    with_users(here)
    both(tmp_path, scenario, more=f'[auth]\nusers = "{here}/users"\n')


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ('hosts = ["x.test"]\nuser = "a"', "there is no password"),
        ('hosts = ["x.test"]\npassword_file = "p"', "there is no user"),
        ('hosts = []\nuser = "a"\npassword_file = "p"', "for no host"),
        ('hosts = ["x.test"]\nuser = "a"\npassword_file = "p"\ntoken_file = "t"', "one of them is enough"),
        ('hosts = ["x.test"]\nuser = "a"\npassword_file = "p"\nmechanisms = ["PLIAN"]', 'did you mean "PLAIN"'),
        ('hosts = ["x.test"]\nuser = "a"\npassword_file = "p"\nmechanisms = ["XOAUTH2"]', "XOAUTH2 wants a token"),
    ],
)
def test_credentials_that_are_of_no_use_are_told(section: str, problem: str) -> None:
    with pytest.raises(ConfigError) as told:
        parse_configuration(f"{BEGINNING}{LISTENER}[[credentials]]\n{section}\n", directory="/d")
    assert problem.lower() in str(told.value).lower()


def test_a_password_that_anybody_may_read_or_ask_for_is_told(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("sesame\n")
    (tmp_path / "password").chmod(0o644)
    section = '[[credentials]]\nhosts = ["x.test"]\nuser = "a"\npassword_file = "password"\n'
    text = f"{BEGINNING}{LISTENER}{section}"
    told = [each.text for each in advise(parse_configuration(text, directory=str(tmp_path)))]
    assert any("can be read by everybody" in each for each in told)
    assert any("nobody looks at the certificate" in each for each in told)
    (tmp_path / "password").chmod(0o600)
    safe = f'{text}[[destination]]\nhosts = ["x.test"]\ntls = "verify"\n'
    told = [each.text for each in advise(parse_configuration(safe, directory=str(tmp_path)))]
    assert not any("password" in each for each in told)
