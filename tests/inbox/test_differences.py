"""Envelope beside header: who gets a message, and who is named in it."""

from heloise.inbox.differences import compare
from heloise.inbox.inbox import CaughtMessage
from heloise.mail.content import facts_of
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.mail.trace import Origin


def rows(sender: str, recipients: list[str], header: str) -> list[tuple[str, str, str, bool]]:
    envelope = Envelope.parse("\r\n".join([f"<{sender}>", *(f"<{each}>" for each in recipients)]).encode())
    octets = header.encode() + b"\r\n\r\n"
    origin = Origin(hello_name="x", peer_address="127.0.0.1", protocol="ESMTP", received_at=0.0, session="s")
    message = CaughtMessage(
        message_id=MessageId("m"), envelope=envelope, origin=origin, octets=octets, facts=facts_of(octets)
    )
    return [(each.envelope, each.header, each.where, each.is_same) for each in compare(message)]


def test_who_is_in_both_is_the_same_whatever_the_case() -> None:
    assert rows("a@b.test", ["C@d.test"], "From: A <A@b.test>\r\nTo: c@d.test") == [
        ("a@b.test", "A@b.test", "From", True),
        ("C@d.test", "c@d.test", "To", True),
    ]


def test_a_bcc_is_only_in_the_envelope_and_a_left_out_recipient_only_in_the_header() -> None:
    assert rows("a@b.test", ["bcc@d.test", "c@d.test"], "From: a@b.test\r\nTo: c@d.test\r\nCc: x@d.test")[1:] == [
        ("bcc@d.test", "", "", False),
        ("c@d.test", "c@d.test", "To", True),
        ("", "x@d.test", "Cc", False),
    ]


def test_a_bounce_address_of_its_own_is_another_sender_and_that_of_sender_is_the_same() -> None:
    assert rows("bounce@b.test", [], "From: a@b.test") == [("bounce@b.test", "a@b.test", "From", False)]
    assert rows("s@b.test", [], "From: a@b.test\r\nSender: s@b.test") == [("s@b.test", "s@b.test", "Sender", True)]


def test_a_report_has_no_sender_and_a_header_may_name_nobody() -> None:
    assert rows("", [], "From: mailer-daemon@b.test") == [("<>", "mailer-daemon@b.test", "From", False)]
    assert rows("a@b.test", [], "Subject: x") == [("a@b.test", "", "From", False)]
