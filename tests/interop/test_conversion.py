"""What a real server without extensions gets from heloise; what heloise understands of the bounces of a real one."""

from __future__ import annotations

import smtplib
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path

import pytest

from heloise.cli.bounces import read_bounce
from heloise.dsn.parse import parse_report
from heloise.mail.outcome import Action
from tests.interop.house import house
from tests.interop.letters import PLAIN, letter
from tests.interop.nexthops import route_to
from tests.peers import Postfix

pytestmark = [pytest.mark.interop, pytest.mark.slow]

BARE = {"smtpd_discard_ehlo_keywords": "8bitmime, dsn, smtputf8, size, chunking, pipelining"}
PICTURE = bytes(range(256)) * 40


def leaves(octets: bytes) -> list[bytes]:
    message = message_from_bytes(octets, policy=policy.default)
    assert isinstance(message, EmailMessage)
    return [part.get_payload(decode=True) for part in message.walk() if not part.is_multipart()]  # type: ignore[misc]


def tree(picture: bytes) -> bytes:
    text = "Viele Grüße an alle, die das lesen\r\n".encode()
    body = (
        b"--b\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + text + b"\r\n"
        b"--b\r\nContent-Type: image/png\r\nContent-Transfer-Encoding: binary\r\n\r\n" + picture + b"\r\n--b--\r\n"
    )
    return letter(body, b"MIME-Version: 1.0", b"Content-Type: multipart/mixed; boundary=b", b"Subject: tree")


def test_a_server_without_any_extension_gets_a_tree_in_seven_bits(tmp_path: Path) -> None:
    octets = tree("Übergröße\r\n".encode() * 20_000)
    with Postfix(local_domains=["there.test"], extra=BARE) as peer, house(tmp_path, routes=route_to(peer)) as heloise:
        with smtplib.SMTP("127.0.0.1", heloise.port, local_hostname="client.test", timeout=30) as session:
            session.sendmail("alice@here.test", ["bob@there.test"], octets, ["BODY=8BITMIME"])
        [arrived] = peer.mailboxes.wait_for_messages("bob")
    assert arrived.isascii()
    assert b"X-MIME-Autoconverted: from 8bit to 7bit by heloise.test id " in arrived
    received = leaves(arrived.replace(b"\r\n", b"\n").replace(b"\n", b"\r\n"))
    assert received == leaves(octets)


def test_binary_content_arrives_at_a_server_that_takes_lines_only(tmp_path: Path) -> None:
    octets = tree(PICTURE)
    with Postfix(local_domains=["there.test"]) as peer, house(tmp_path, routes=route_to(peer)) as heloise:
        with smtplib.SMTP("127.0.0.1", heloise.port, local_hostname="client.test", timeout=30) as session:
            session.ehlo()
            assert session.mail("alice@here.test", ["BODY=BINARYMIME"])[0] == 250
            assert session.rcpt("bob@there.test")[0] == 250
            session.send(b"BDAT %d LAST\r\n" % len(octets) + octets)
            assert session.getreply()[0] == 250
        [arrived] = peer.mailboxes.wait_for_messages("bob")
    assert leaves(arrived)[1] == PICTURE


def test_a_bounce_of_postfix_is_understood(tmp_path: Path) -> None:
    with (
        house(tmp_path) as heloise,
        Postfix(local_domains=["there.test"], relay={"here.test": ("127.0.0.1", heloise.port)}) as peer,
    ):
        with smtplib.SMTP("127.0.0.1", peer.port, local_hostname="client.test", timeout=30) as session:
            session.sendmail("bob@there.test", ["nobody@here.test"], PLAIN)
        [bounce] = peer.mailboxes.wait_for_messages("bob")
    found = parse_report(bounce)
    assert found is not None
    assert (found.is_standard, found.reporting_mta) == (True, "postfix.test")
    assert (found.original_subject, found.original_message_id) == ("plain", "<letter@client.test>")
    [recipient] = found.recipients
    assert (recipient.address, recipient.action, str(recipient.status)) == ("nobody@here.test", Action.FAILED, "5.1.1")
    assert recipient.diagnostic is not None
    assert recipient.diagnostic.startswith("550 5.1.1 ")
    told = read_bounce(bounce)
    assert told is not None
    assert told[1][0].advice
