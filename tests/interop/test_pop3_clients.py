"""Real POP3 clients fetch caught mail: curl, mpop and fetchmail, in plaintext and under TLS."""

import asyncio
import mailbox
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from heloise.app.dev.pop3_inbox import serving_pop3
from heloise.app.dev.server import CatchOptions
from heloise.inbox.inbox import Inbox
from heloise.net import real_world
from heloise.testing.certificate import TestCertificate, make_certificate
from heloise.world import CertificateFiles, Endpoint
from tests.inbox.letters import letter
from tests.peers.require import require

pytestmark = pytest.mark.interop

USER, PASSWORD = "alice@example.test", "secret phrase"
BODIES = ("It works.", ".a line with a dot\n.\nFrom here on\nend", "Grüße " * 500)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> TestCertificate:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


def filled() -> Inbox:
    inbox = Inbox()
    for number, body in enumerate(BODIES):
        header = f"From: shop@example.test\nSubject: number {number}\nDate: Sat, 28 Nov 2026 10:00:00 +0000"
        inbox.add(letter(USER, header=header, body=body))
    return inbox


def serve(inbox: Inbox, certificate: TestCertificate, act: Callable[[Endpoint], None]) -> None:
    async def scenario() -> None:
        world = real_world()
        files = CertificateFiles(chain=str(certificate.chain), key=str(certificate.key))
        options = CatchOptions(certificate=files, users={USER: PASSWORD})
        async with serving_pop3(world, inbox, options, Endpoint("127.0.0.1", 0)) as pop3:
            await asyncio.to_thread(act, pop3)
        await world.blocking.close()

    asyncio.run(scenario())


def run(*command: str) -> bytes:
    done = subprocess.run(command, capture_output=True, timeout=60)
    assert done.returncode == 0, (done.stdout + done.stderr).decode()
    return done.stdout


@pytest.mark.parametrize("login", ["AUTH=PLAIN", "AUTH=+APOP"])
def test_curl_lists_reads_and_deletes(certificate: TestCertificate, login: str) -> None:
    inbox = filled()

    def act(pop3: Endpoint) -> None:
        place = f"pop3://localhost:{pop3.port}"
        curl = [str(require("curl")), "-sS", "--user", f"{USER}:{PASSWORD}", "--login-options", login]
        curl += ["--ssl-reqd", "--cacert", str(certificate.ca)]
        messages = inbox.messages
        listed = run(*curl, f"{place}/").split(b"\r\n")
        assert listed[:3] == [f"{number} {len(each.octets)}".encode() for number, each in enumerate(messages, 1)]
        for number, message in enumerate(messages, 1):
            assert run(*curl, f"{place}/{number}") == message.octets
        assert run(*curl, "--request", "UIDL", f"{place}/").startswith(f"1 {messages[0].message_id}".encode())
        run(*curl, "--request", "DELE", "--head", f"{place}/1")
        assert run(*curl, f"{place}/").startswith(f"1 {len(messages[1].octets)}".encode())

    serve(inbox, certificate, act)


@pytest.mark.parametrize("auth", ["plain", "user", "apop"])
def test_mpop_fetches_all_mail_once(certificate: TestCertificate, tmp_path: Path, auth: str) -> None:
    inbox = filled()

    def act(pop3: Endpoint) -> None:
        kept = tmp_path / "mbox"
        command = [
            *(str(require("mpop")), "--host=localhost", f"--port={pop3.port}", f"--user={USER}", f"--auth={auth}"),
            *(f"--passwordeval=echo {PASSWORD}", "--tls=on", "--tls-starttls=on"),
            *(f"--tls-trust-file={certificate.ca}", "--keep=on", f"--deliver=mbox,{kept}"),
            f"--uidls-file={tmp_path / 'seen'}",
        ]
        run(*command)
        run(*command)  # what was fetched is known by its UIDL
        fetched = mailbox.mbox(kept)
        assert [message["Subject"] for message in fetched] == [f"number {number}" for number in range(len(BODIES))]

    serve(inbox, certificate, act)


def test_fetchmail_takes_mail_away(certificate: TestCertificate, tmp_path: Path) -> None:
    inbox = filled()

    def act(pop3: Endpoint) -> None:
        kept, rules = tmp_path / "mail", tmp_path / "fetchmailrc"
        rules.write_text(
            f'poll localhost protocol pop3 port {pop3.port} user "{USER}" password "{PASSWORD}" '
            f'sslproto "TLS1.2+" sslcertck sslcertfile "{certificate.ca}" nokeep fetchall mda "cat >>{kept}"\n'
        )
        rules.chmod(0o600)
        run(str(require("fetchmail")), "-f", str(rules), "--nosyslog", "--pidfile", str(tmp_path / "pid"))
        assert kept.read_text().count("Subject: number ") == len(BODIES)
        done = subprocess.run(
            [str(require("fetchmail")), "-f", str(rules), "--nosyslog", "--pidfile", str(tmp_path / "pid")],
            capture_output=True,
            timeout=60,
        )
        assert done.returncode == 1, done.stdout + done.stderr  # there is no mail
        assert len(inbox) == len(BODIES)

    serve(inbox, certificate, act)
