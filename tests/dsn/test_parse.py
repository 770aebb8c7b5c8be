"""Reports of others, read back: what we write is read as it was meant, and nothing that comes can break the reader."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.dsn.compose import compose_report
from heloise.dsn.parse import parse_report
from heloise.dsn.reading import ReadReport
from heloise.dsn.report import RecipientReport, Report
from heloise.dsn.returned import Returned
from heloise.mail import causes
from heloise.mail.envelope import Parameters, Recipient
from heloise.mail.outcome import Action
from heloise.mail.path import ReversePath
from heloise.mail.status import EnhancedStatus
from heloise.mail.trace import mail_date

ORIGINAL = b"From: a@client.test\r\nSubject: lunch\r\n at noon\r\nMessage-ID: <1@client.test>\r\n\r\nAt noon?\r\n"
CLASSES = {Action.FAILED: 5, Action.DELAYED: 4, Action.DELIVERED: 2, Action.RELAYED: 2, Action.EXPANDED: 2}

local_parts = st.text("abcdefghijklmnopqrstuvwxyz0123456789.+-_äöé日", min_size=1, max_size=20).filter(
    lambda text: ".." not in text and not text.startswith(".") and not text.endswith(".")
)
words = st.lists(st.text("abcXYZ0189.:;,-<>()=", min_size=1, max_size=30), min_size=1, max_size=12).map(" ".join)
moments = st.integers(1_600_000_000, 1_900_000_000).map(float)


@st.composite
def recipients(draw: st.DrawFn) -> RecipientReport:
    action = draw(st.sampled_from(Action))
    status = EnhancedStatus(CLASSES[action], draw(st.integers(0, 7)), draw(st.integers(0, 99)))
    return RecipientReport(
        recipient=Recipient.parse(f"<{draw(local_parts)}@remote.test> NOTIFY=SUCCESS,FAILURE,DELAY".encode()),
        action=action,
        status=status,
        diagnostic=f"{status.klass}50 {status} {draw(words)}",
        remote_mta=draw(st.sampled_from([None, "mx.remote.test", "[192.0.2.1]"])),
        cause=causes.PEER_SAID.because(),
        last_attempt=draw(moments),
        will_retry_until=draw(moments) if action is Action.DELAYED else None,
    )


def read(octets: bytes) -> ReadReport:
    found = parse_report(octets)
    assert found is not None
    return found


@given(st.lists(recipients(), min_size=1, max_size=4), moments, st.booleans(), st.booleans())
def test_what_we_write_is_read_as_it_was_meant(
    items: list[RecipientReport], arrived: float, complete: bool, utf8: bool
) -> None:
    report = Report(
        reporting_mta="mx.example.test",
        report_id="R1",
        now=1_700_000_100.0,
        original_id="M1",
        reverse_path=ReversePath.parse("<ä@client.test>".encode() if utf8 else b"<a@client.test>"),
        parameters=Parameters.parse(b"ENVID=one+2Btwo"),
        arrived=arrived,
        recipients=tuple(items),
        returned=Returned(ORIGINAL, True) if complete else Returned.header_of(ORIGINAL),
        received_from="client.test",
    )
    composed = compose_report(report)
    assert composed is not None
    found = read(composed[1])
    assert found.is_standard
    assert (found.reporting_mta, found.received_from) == ("mx.example.test", "client.test")
    assert (found.envelope_id, found.arrived) == ("one+two", mail_date(arrived))
    assert (found.original_message_id, found.original_subject) == ("<1@client.test>", "lunch at noon")
    assert found.text.startswith("This is the mail server mx.example.test.\n")
    for item, again in zip(items, found.recipients, strict=True):
        assert again.address == str(item.recipient.forward_path.mailbox)
        assert (again.action, again.status) == (item.action, item.status)
        assert (again.diagnostic, again.remote_mta) == (item.diagnostic, item.remote_mta)
        assert again.diagnostic_type == ("x-heloise" if item.remote_mta is None else "smtp")
        assert item.last_attempt is not None
        assert again.last_attempt == mail_date(item.last_attempt)
        assert (again.will_retry_until is None) == (item.will_retry_until is None)


POSTFIX = b"""\
Return-Path: <>
From: MAILER-DAEMON@postfix.test (Mail Delivery System)
Subject: Undelivered Mail Returned to Sender
Content-Type: multipart/report; report-type=delivery-status; boundary="b"
MIME-Version: 1.0

This is a MIME-encapsulated message.

--b
Content-Description: Notification

<bob@remote.test>: host mx.remote.test[192.0.2.1] said: 550 5.1.1 unknown

--b
Content-Description: Delivery report
Content-Type: message/delivery-status

Reporting-MTA: dns; postfix.test
X-Postfix-Queue-ID: 4F0
Arrival-Date: Mon,  6 Jul 2026 10:00:00 +0000 (UTC)

Final-Recipient: rfc822; bob@remote.test
Original-Recipient: rfc822;Robert@remote.test
Action: failed
Status: 5.1.1
Remote-MTA: dns; mx.remote.test
Diagnostic-Code: smtp; 550 5.1.1 <bob@remote.test>: Recipient address rejected:
    unknown

--b
Content-Type: message/rfc822

Subject: lunch
Message-ID: <7@client.test>

At noon?
--b--
"""

QMAIL = b"""\
Return-Path: <>
From: MAILER-DAEMON@qmail.test
Subject: failure notice

Hi. This is the qmail-send program at qmail.test.
I'm afraid I wasn't able to deliver your message to the following addresses.

<bob@remote.test>:
192.0.2.1 does not like recipient.
Remote host said: 550 5.7.1 No spam
Giving up on 192.0.2.1.

<carol@other.test>:
Sorry, I couldn't find any host named other.test. (#5.1.2)

--- Below this line is a copy of the message.

From: a@client.test
Subject: x

<dave@third.test>: hello
"""

EXIM = b"""\
X-Failed-Recipients: bob@remote.test
Auto-Submitted: auto-replied
From: Mail Delivery System <Mailer-Daemon@exim.test>
Subject: Mail delivery failed: returning message to sender

A message that you sent could not be delivered to one or more of its recipients.

  bob@remote.test
    host mx.remote.test [192.0.2.1]
    SMTP error from remote mail server after RCPT TO:<bob@remote.test>:
    552 5.2.2 mailbox full
"""


def test_a_report_of_postfix_is_read() -> None:
    found = read(POSTFIX)
    (bob,) = found.recipients
    assert (bob.address, bob.original, bob.action) == ("bob@remote.test", "Robert@remote.test", Action.FAILED)
    assert (str(bob.status), bob.remote_mta) == ("5.1.1", "mx.remote.test")
    assert bob.diagnostic == "550 5.1.1 <bob@remote.test>: Recipient address rejected: unknown"
    assert (found.original_subject, found.original_message_id) == ("lunch", "<7@client.test>")
    assert found.is_standard
    assert read(POSTFIX.replace(b"\n", b"\r\n")) == found


def test_a_bounce_of_qmail_is_read_from_its_words() -> None:
    found = read(QMAIL)
    assert not found.is_standard
    assert [(each.address, str(each.status)) for each in found.recipients] == [
        ("bob@remote.test", "5.7.1"),
        ("carol@other.test", "5.1.2"),
    ]
    assert found.recipients[0].diagnostic == "550 5.7.1 No spam Giving up on 192.0.2.1."
    assert {each.action for each in found.recipients} == {Action.FAILED}


def test_a_bounce_of_exim_is_read_from_its_words() -> None:
    (bob,) = read(EXIM).recipients
    assert (bob.address, bob.diagnostic) == ("bob@remote.test", "552 5.2.2 mailbox full")
    (delayed,) = read(
        EXIM.replace(b"Mail delivery failed: returning message to sender", b"Warning: delayed")
    ).recipients
    assert delayed.action is Action.DELAYED


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (b"Action: failed", b"Action: Failed (bounced)", Action.FAILED),
        (b"Action: failed\n", b"", Action.FAILED),
        (b"Action: failed\nStatus: 5.1.1", b"Action: what\nStatus: 4.1.1 (x)", Action.DELAYED),
        (b"+0000 (UTC)\n\nFinal", b"+0000\n\n \n\nFinal", Action.FAILED),
        (b"Reporting-MTA: dns; postfix.test\nX-Postfix-Queue-ID: 4F0\n", b"", Action.FAILED),
        (b"rfc822; bob@remote.test", b"<bob@remote.test>", Action.FAILED),
    ],
)
def test_small_faults_of_other_servers_are_borne(old: bytes, new: bytes, expected: Action) -> None:
    assert old in POSTFIX
    (bob,) = read(POSTFIX.replace(old, new)).recipients
    assert (bob.address, bob.action) == ("bob@remote.test", expected)


@pytest.mark.parametrize(
    "octets",
    [
        b"",
        b"Subject: lunch\r\n\r\nAt noon?\r\n",
        b"From: postmaster@client.test\r\nSubject: new machine\r\n\r\n<bob@remote.test>: hello\r\n",
        b"From: a@b.test\r\nSubject: could not be delivered\r\n\r\n<bob@remote.test>: 550 no\r\n",
    ],
)
def test_ordinary_mail_is_no_report(octets: bytes) -> None:
    assert parse_report(octets) is None


def test_what_is_shown_of_a_report_has_no_control_characters() -> None:
    (bob,) = read(POSTFIX.replace(b"rejected:", b"\x1b[31mrejected:\x07")).recipients
    assert bob.diagnostic is not None
    assert bob.diagnostic.isprintable()


@given(st.binary(max_size=500))
def test_garbage_is_no_trouble(octets: bytes) -> None:
    parse_report(octets)
    parse_report(b"From: MAILER-DAEMON\nSubject: failure notice\n\n" + octets)
    parse_report(b"Content-Type: message/delivery-status\n\n" + octets)


@given(st.lists(st.tuples(st.integers(0, len(POSTFIX)), st.integers(0, 30), st.binary(max_size=10)), max_size=5))
def test_damage_is_no_trouble(damage: list[tuple[int, int, bytes]]) -> None:
    for original in (POSTFIX, QMAIL, EXIM):
        octets = original
        for place, length, new in damage:
            octets = octets[:place] + new + octets[place + length :]
        found = parse_report(octets)
        assert found is None or found == replace(found)


def test_endless_nesting_is_no_trouble() -> None:
    nested = b"".join(b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (n, n) for n in range(3000))
    assert parse_report(nested) is None
