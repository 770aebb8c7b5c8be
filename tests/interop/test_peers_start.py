"""The peers themselves: each starts, greets, takes a message and leaves nothing behind."""

from __future__ import annotations

import os
import smtplib
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.peers import DovecotLmtp, Exim, OpenSmtpd, Postfix, Sendmail, require
from tests.peers.processes import alive, tree

pytestmark = [pytest.mark.interop, pytest.mark.slow]

MESSAGE = b"From: <a@example.net>\r\nTo: <bob@example.org>\r\nSubject: peer\r\n\r\none line\r\n.leading dot\r\n"

Mta = Postfix | Sendmail | Exim | OpenSmtpd
MTAS = [Postfix, Sendmail, Exim, OpenSmtpd]
every_mta = pytest.mark.parametrize("mta", MTAS, ids=lambda mta: mta.name)


def submit(port: int, recipient: str, *, client: type[smtplib.SMTP] = smtplib.SMTP) -> None:
    """One message by the standard library's client, which stands for a neutral third party."""
    with client("127.0.0.1", port, local_hostname="client.test", timeout=20) as session:
        assert session.sendmail("a@example.net", [recipient], MESSAGE) == {}


@pytest.fixture
def nothing_left(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[int], None]:
    """Called first while the peer runs, to note its processes; called after its end, finds nothing of it."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    seen: set[int] = set()

    def check(pid: int) -> None:
        if not seen:
            seen.update(tree(pid))
            assert len(seen) > 1
            return
        assert not {process for process in seen if alive(process)}
        assert ".peers" not in Path("/proc/self/mounts").read_text()
        # The locks of ports belong to the test run, until it ends.
        assert [name for name in os.listdir(tmp_path) if not name.startswith("heloise-ports-")] == []

    return check


@every_mta
def test_a_message_arrives_in_a_maildir_and_nothing_is_left_behind(
    mta: type[Mta], nothing_left: Callable[[int], None]
) -> None:
    with mta(local_domains=["example.org"]) as peer:
        submit(peer.port, "bob@example.org")
        [message] = peer.mailboxes.wait_for_messages("bob")
        assert b"Subject: peer\n" in message
        assert b"\n.leading dot\n" in message
        nothing_left(peer.pid)
        pid = peer.pid
    nothing_left(pid)


def test_dovecot_takes_a_message_by_lmtp_and_nothing_is_left_behind(nothing_left: Callable[[int], None]) -> None:
    with DovecotLmtp(local_domains=["example.org"]) as dovecot:
        submit(dovecot.port, "bob@example.org", client=smtplib.LMTP)
        assert len(dovecot.mailboxes.messages("bob")) == 1
        nothing_left(dovecot.pid)
        pid = dovecot.pid
    nothing_left(pid)


@every_mta
def test_an_unknown_mailbox_is_refused_with_550(mta: type[Mta]) -> None:
    with (
        mta(local_domains=["example.org"]) as peer,
        smtplib.SMTP("127.0.0.1", peer.port, local_hostname="client.test", timeout=20) as session,
    ):
        session.ehlo()
        session.mail("a@example.net")
        assert session.rcpt("nobody@example.org")[0] == 550


@every_mta
def test_mail_is_relayed_to_the_given_next_hop(mta: type[Mta]) -> None:
    with (
        Postfix(local_domains=["example.org"]) as receiver,
        mta(relay={"example.org": ("127.0.0.1", receiver.port)}) as peer,
    ):
        submit(peer.port, "bob@example.org")
        [message] = receiver.mailboxes.wait_for_messages("bob")
        assert message.count(b"Received: ") == 2
        peer.wait_for_queue(0)


@every_mta
def test_held_mail_is_kept_in_the_queue_and_counted(mta: type[Mta]) -> None:
    with mta(relay={"example.org": ("127.0.0.1", 9)}, hold=True) as peer:
        for _ in range(5):
            submit(peer.port, "bob@example.org")
        assert len(peer.queue_ids()) == 5


@every_mta
def test_a_message_whose_next_hop_is_away_stays_in_the_queue(mta: type[Mta]) -> None:
    with mta(relay={"example.org": ("127.0.0.1", 9)}) as peer:
        submit(peer.port, "bob@example.org")
        assert len(peer.wait_for_queue(1)) == 1


def test_postfix_lets_held_mail_go_when_it_is_released() -> None:
    with (
        Postfix(local_domains=["example.org"]) as receiver,
        Postfix(relay={"example.org": ("127.0.0.1", receiver.port)}, hold=True) as postfix,
    ):
        submit(postfix.port, "bob@example.org")
        assert receiver.mailboxes.messages("bob") == []
        postfix.release()
        receiver.mailboxes.wait_for_messages("bob")


def test_postfix_takes_tls_certificates_as_further_files(tmp_path: Path) -> None:
    openssl = require("openssl")
    subprocess.run(
        [
            *(str(openssl), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj", "/CN=postfix.test"),
            *("-keyout", str(tmp_path / "key.pem"), "-out", str(tmp_path / "certificate.pem")),
        ],
        check=True,
        capture_output=True,
        timeout=60,
    )
    files = {name: (tmp_path / name).read_bytes() for name in ("key.pem", "certificate.pem")}
    extra = {
        "smtpd_tls_security_level": "may",
        "smtpd_tls_cert_file": "/etc/postfix/certificate.pem",
        "smtpd_tls_key_file": "/etc/postfix/key.pem",
    }
    with (
        Postfix(local_domains=["example.org"], extra=extra, files=files) as postfix,
        smtplib.SMTP("127.0.0.1", postfix.port, local_hostname="client.test", timeout=20) as session,
    ):
        assert session.starttls()[0] == 220
        assert session.sendmail("a@example.net", ["bob@example.org"], MESSAGE) == {}
        postfix.mailboxes.wait_for_messages("bob")


def test_sendmail_expands_an_alias_and_knows_verb_and_etrn() -> None:
    with (
        Sendmail(local_domains=["example.org"], aliases={"team": "bob, carol"}) as sendmail,
        smtplib.SMTP("127.0.0.1", sendmail.port, local_hostname="client.test", timeout=20) as session,
    ):
        session.ehlo()
        assert session.has_extn("etrn")
        assert session.has_extn("verb")
        code, members = session.expn("team")
        assert (code, members.count(b"\n")) == (250, 1)
        assert session.sendmail("a@example.net", ["team@example.org"], MESSAGE) == {}
        sendmail.mailboxes.wait_for_messages("bob")
        sendmail.mailboxes.wait_for_messages("carol")
        # Last, for after it sendmail adds replies with code 050, which smtplib does not understand.
        assert session.docmd("VERB")[0] == 250


def test_swaks_and_curl_and_msmtp_deliver_to_postfix(tmp_path: Path) -> None:
    message = tmp_path / "message"
    message.write_bytes(MESSAGE)
    with Postfix(local_domains=["example.org"]) as postfix:
        port = str(postfix.port)
        commands = [
            ["swaks", "--server", "127.0.0.1", "--port", port, "--from", "a@example.net", "--to", "bob@example.org"],
            [
                *("curl", "-sS", f"smtp://127.0.0.1:{port}", "--mail-from", "a@example.net"),
                *("--mail-rcpt", "bob@example.org", "--upload-file", str(message)),
            ],
            ["msmtp", "--host=127.0.0.1", f"--port={port}", "--from=a@example.net", "bob@example.org"],
        ]
        for name, *arguments in commands:
            done = subprocess.run(
                [str(require(name)), *arguments],
                input=MESSAGE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                timeout=60,
                check=False,
            )
            assert done.returncode == 0, done.stdout.decode()
        postfix.mailboxes.wait_for_messages("bob", 3)
