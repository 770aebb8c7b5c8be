"""Reports, read back with the standard library's parser: every field where RFC 3464 wants it."""

import base64
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage, Message

import pytest

from heloise.dsn.compose import compose_report
from heloise.dsn.fields import field
from heloise.dsn.report import RecipientReport, Report, is_owed, outcome_is_owed, status_of
from heloise.dsn.returned import LARGEST, SMALL, Returned, returned, wanted
from heloise.mail import causes
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Parameters, Recipient
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.path import NULL_REVERSE_PATH, ReversePath
from heloise.mail.status import EnhancedStatus
from heloise.smtp import replies

ORIGINAL = b"From: a@client.test\r\nSubject: lunch\r\nMessage-ID: <1@client.test>\r\n\r\nAt noon?\r\n"


def failed(recipient: str = "<bob@remote.test>", **changes: object) -> RecipientReport:
    item = RecipientReport(
        recipient=Recipient.parse(recipient.encode()),
        action=Action.FAILED,
        status=EnhancedStatus(5, 1, 1),
        diagnostic="550 5.1.1 No such user",
        remote_mta="mx.remote.test",
        cause=causes.PEER_SAID.because(),
        last_attempt=1_700_000_060.0,
    )
    return replace(item, **changes)  # type: ignore[arg-type]


def report(*recipients: RecipientReport, **changes: object) -> Report:
    whole = Report(
        reporting_mta="mx.example.test",
        report_id="R1",
        now=1_700_000_100.0,
        original_id="M1",
        reverse_path=ReversePath.parse(b"<a@client.test>"),
        parameters=Parameters(),
        arrived=1_700_000_000.0,
        recipients=recipients or (failed(),),
        returned=Returned(ORIGINAL, True),
        received_from="client.test",
    )
    return replace(whole, **changes)  # type: ignore[arg-type]


def octets(subject: Report) -> bytes:
    composed = compose_report(subject)
    assert composed is not None
    return composed[1]


def parts(subject: Report) -> list[Message]:
    message = message_from_bytes(octets(subject), policy=policy.default)
    assert isinstance(message, EmailMessage)
    assert not message.defects
    return [part for part in message.iter_parts() if isinstance(part, Message)]


def groups(subject: Report) -> list[Message]:
    """The groups of fields of the delivery-status part, the first about the message."""
    part = parts(subject)[1]
    payload = part.get_payload()
    assert isinstance(payload, list)
    return [group for group in payload if isinstance(group, Message)]


def human(subject: Report) -> str:
    part = parts(subject)[0]
    assert isinstance(part, EmailMessage)
    return str(part.get_content())


def test_the_envelope_goes_from_nobody_to_the_sender_and_asks_for_nothing() -> None:
    composed = compose_report(report())
    assert composed is not None
    assert composed[0].encode() == b"<>\r\n<a@client.test> NOTIFY=NEVER\r\n"


@pytest.mark.parametrize("letter", ["x", "ä", "漢", "\N{GRINNING FACE}"])
def test_a_line_of_a_field_is_never_too_long(letter: str) -> None:
    lines = field("Diagnostic-Code", f"smtp; {letter * 1500}", utf8=True).encode().split(b"\r\n")
    assert all(len(line) <= 998 for line in lines)  # RFC 5322 §2.1.1, in octets: RFC 6532 §3.4


def test_null_reverse_path_never_earns_a_report() -> None:
    assert compose_report(report(reverse_path=NULL_REVERSE_PATH)) is None


@pytest.mark.parametrize("notify", ["NEVER", "SUCCESS", "DELAY", "SUCCESS,DELAY"])
def test_a_failure_that_was_not_asked_for_is_not_reported(notify: str) -> None:
    assert compose_report(report(failed(f"<bob@remote.test> NOTIFY={notify}"))) is None


def test_only_recipients_that_are_owed_one_stand_in_the_report() -> None:
    both = report(failed("<bob@remote.test> NOTIFY=NEVER"), failed("<eve@remote.test> NOTIFY=FAILURE"))
    assert [group["Final-Recipient"] for group in groups(both)[1:]] == ["rfc822; eve@remote.test"]


def test_the_header_says_what_it_is_and_that_a_machine_wrote_it() -> None:
    message = message_from_bytes(octets(report()), policy=policy.default)
    assert message["From"] == "Mail Delivery System <MAILER-DAEMON@mx.example.test>"
    assert message["To"] == "a@client.test"
    assert message["Auto-Submitted"] == "auto-replied"
    assert message["Message-ID"] == "<R1@mx.example.test>"
    assert message["Date"] == "Tue, 14 Nov 2023 22:15:00 +0000"
    assert message["MIME-Version"] == "1.0"
    assert message.get_content_type() == "multipart/report"
    assert message.get_param("report-type") == "delivery-status"


def test_there_are_three_parts() -> None:
    types = [part.get_content_type() for part in parts(report())]
    assert types == ["text/plain", "message/delivery-status", "message/rfc822"]


def test_the_fields_about_the_message() -> None:
    group = groups(report(parameters=Parameters.parse(b"ENVID=QQ+2B314")))[0]
    assert group["Reporting-MTA"] == "dns; mx.example.test"
    assert group["Received-From-MTA"] == "dns; client.test"
    assert group["Original-Envelope-Id"] == "QQ+314"
    assert group["Arrival-Date"] == "Tue, 14 Nov 2023 22:13:20 +0000"


def test_the_fields_about_a_recipient() -> None:
    group = groups(report(failed("<bob@remote.test> ORCPT=rfc822;Bob+2BHome@Remote.test")))[1]
    assert group["Original-Recipient"] == "rfc822; Bob+Home@Remote.test"
    assert group["Final-Recipient"] == "rfc822; bob@remote.test"
    assert group["Action"] == "failed"
    assert group["Status"] == "5.1.1"
    assert group["Remote-MTA"] == "dns; mx.remote.test"
    assert group["Diagnostic-Code"] == "smtp; 550 5.1.1 No such user"
    assert group["Last-Attempt-Date"] == "Tue, 14 Nov 2023 22:14:20 +0000"
    assert group["Will-Retry-Until"] is None


def test_our_own_words_are_not_passed_off_as_a_peers() -> None:
    group = groups(report(failed(remote_mta=None)))[1]
    assert group["Remote-MTA"] is None
    assert group["Diagnostic-Code"].startswith("X-heloise; ")
    assert "This server says: 550" in human(report(failed(remote_mta=None)))


def test_the_human_part_has_the_peers_words_their_meaning_and_what_to_do() -> None:
    text = human(report())
    assert "<bob@remote.test>" in text
    assert "mx.remote.test said: 550 5.1.1 No such user" in text
    assert "What it means: There is no such mailbox there." in text
    assert "What to do: Check the part before the @." in text
    assert "will not be tried again" in text


def test_our_own_reasons_are_told_from_the_catalogue() -> None:
    text = human(report(failed(remote_mta=None, cause=causes.DNS_NO_SUCH_DOMAIN.because())))
    assert causes.DNS_NO_SUCH_DOMAIN.meaning in text


def test_the_original_keeps_its_last_line_end() -> None:
    assert ORIGINAL + b"\r\n--=_R1--\r\n" in octets(report())


def test_the_human_part_names_the_address_as_the_sender_wrote_it() -> None:
    assert "<staff@x.test> (now <bob@remote.test>)" in human(
        report(failed("<bob@remote.test> ORCPT=rfc822;staff@x.test"))
    )


def test_bare_postmaster_has_an_address_in_the_report() -> None:
    assert groups(report(failed("<Postmaster>")))[1]["Final-Recipient"] == "rfc822; Postmaster@mx.example.test"


def test_a_delay_says_until_when_it_is_tried() -> None:
    item = failed(
        action=Action.DELAYED, status=EnhancedStatus(4, 4, 1), diagnostic="450 later", will_retry_until=1_700_400_000.0
    )
    subject = report(item, returned=Returned.header_of(ORIGINAL))
    assert groups(subject)[1]["Action"] == "delayed"
    assert groups(subject)[1]["Will-Retry-Until"] == "Sun, 19 Nov 2023 13:20:00 +0000"
    assert message_from_bytes(octets(subject))["Subject"] == "Your message is delayed"


@pytest.mark.parametrize("action", [Action.DELIVERED, Action.RELAYED, Action.EXPANDED])
def test_success_is_reported_when_it_was_asked_for(action: Action) -> None:
    item = failed(
        "<bob@remote.test> NOTIFY=SUCCESS", action=action, status=EnhancedStatus(2, 0, 0), diagnostic="250 ok"
    )
    assert groups(report(item))[1]["Action"] == action.value
    assert compose_report(report(replace(item, recipient=Recipient.parse(b"<bob@remote.test>")))) is None


def test_a_status_that_does_not_go_with_the_action_can_not_be_constructed() -> None:
    with pytest.raises(ValueError, match="does not go with"):
        failed(status=EnhancedStatus(4, 1, 1))


def test_hostile_words_of_a_peer_stay_in_their_field() -> None:
    hostile = "550 x\r\nAction: delivered\r\n\r\n\x1b[2J\0 ümläut " + "y" * 3000
    subject = report(failed(diagnostic=hostile, remote_mta="evil\r\nStatus: 2.0.0"))
    assert groups(subject)[1].get_all("Action") == ["failed"]
    assert groups(subject)[1].get_all("Status") == ["5.1.1"]
    assert all(len(line) <= 998 for line in octets(subject).split(b"\r\n"))
    assert octets(subject).isascii()


def test_long_diagnostics_are_folded() -> None:
    raw = octets(report(failed(diagnostic="550 " + "several words " * 40)))
    start = raw.index(b"Diagnostic-Code:")
    lines = raw[start : raw.index(b"Last-Attempt", start)].split(b"\r\n")[:-1]
    assert len(lines) > 5
    assert all(len(line) <= 78 for line in lines)
    assert all(line.startswith(b" ") for line in lines[1:])


def test_there_are_only_crlf_line_ends() -> None:
    raw = octets(report(failed("<ümläut@remote.test>")))
    assert b"\n" not in raw.replace(b"\r\n", b"")
    assert b"\r" not in raw.replace(b"\r\n", b"")


def test_the_boundary_stands_nowhere_in_the_original() -> None:
    nasty = b"Subject: x\r\n\r\n--=_R1\r\n--=_R1=--\r\n"
    whole = parts(report(returned=Returned(nasty, True)))
    assert len(whole) == 3
    inner = whole[2].get_payload()
    assert isinstance(inner, list)
    assert "--=_R1=--" in str(inner[0])


def test_a_header_goes_back_as_text_rfc822_headers() -> None:
    part = parts(report(returned=Returned.header_of(ORIGINAL)))[2]
    assert part.get_content_type() == "text/rfc822-headers"
    assert "lunch" in str(part)
    assert "noon" not in str(part)


def test_an_eight_bit_original_makes_an_eight_bit_report() -> None:
    composed = compose_report(report(returned=Returned("Subject: x\r\n\r\nGrüße\r\n".encode(), True)))
    assert composed is not None
    assert str(composed[0].parameters) == "BODY=8BITMIME"
    message = message_from_bytes(composed[1])
    assert message["Content-Transfer-Encoding"] == "8bit"


def test_a_binary_header_does_not_bring_bare_line_ends_into_the_report() -> None:
    raw = octets(report(returned=Returned(b"Subject: x\ry\nz\0\r\n", False)))
    assert b"\0" not in raw
    assert b"\r" not in raw.replace(b"\r\n", b"")


@pytest.mark.parametrize("sender", ["<a@client.test>", "<ä@client.test>"])
def test_nor_does_a_binary_header_in_utf8(sender: str) -> None:
    returned = Returned("Subject: ä\ry\nz\0\r\n".encode(), False)
    whole = report(
        reverse_path=ReversePath.parse(sender.encode()), parameters=Parameters.parse(b"SMTPUTF8"), returned=returned
    )
    raw = octets(whole)
    assert b"\0" not in raw
    assert raw.count(b"\n") == raw.count(b"\r\n") == raw.count(b"\r")


# RFC 6533


def test_a_sender_who_knows_utf8_gets_a_global_delivery_status() -> None:
    subject = report(
        failed("<jürgen@remote.test> ORCPT=utf-8;j\\x{FC}rgen@x.test"), parameters=Parameters.parse(b"SMTPUTF8")
    )
    part = parts(subject)[1]
    assert part.get_content_type() == "message/global-delivery-status"
    assert octets(subject).isascii()  # his own address is ASCII, so the report must not depend on SMTPUTF8
    # The parser takes any message/* for a message, so the base64 is read by hand.
    encoded = octets(subject).split(b"Content-Type: message/global-delivery-status")[1]
    decoded = base64.b64decode(encoded.split(b"\r\n\r\n")[1].split(b"--")[0])
    assert "Final-Recipient: utf-8; jürgen@remote.test".encode() in decoded
    assert "Original-Recipient: utf-8; jürgen@x.test".encode() in decoded


def test_a_sender_who_does_not_gets_the_seven_bit_form() -> None:
    subject = report(failed("<jürgen@remote.test>"))
    assert groups(subject)[1]["Final-Recipient"] == "utf-8; j\\x{FC}rgen@remote.test"
    assert octets(subject).isascii()


def test_a_sender_with_a_utf8_address_gets_his_report_by_smtputf8() -> None:
    composed = compose_report(report(reverse_path=ReversePath.parse("<jürgen@client.test>".encode())))
    assert composed is not None
    assert "SMTPUTF8" in composed[0].parameters


def test_a_utf8_header_goes_back_as_message_global() -> None:
    original = "Subject: Grüße\r\n\r\nx\r\n".encode()
    subject = report(parameters=Parameters.parse(b"SMTPUTF8"), returned=Returned(original, True))
    assert b"Content-Type: message/global\r\nContent-Transfer-Encoding: base64" in octets(subject)


def test_a_report_on_a_requiretls_message_requires_tls() -> None:
    composed = compose_report(report(parameters=Parameters.parse(b"REQUIRETLS")))
    assert composed is not None
    assert "REQUIRETLS" in composed[0].parameters


# Who is owed one


@pytest.mark.parametrize(
    ("notify", "owed"),
    [
        ("", {"failed", "delayed"}),
        (" NOTIFY=NEVER", set()),
        (" NOTIFY=FAILURE", {"failed"}),
        (" NOTIFY=DELAY", {"delayed"}),
        (" NOTIFY=SUCCESS", {"delivered", "relayed", "expanded"}),
        (" NOTIFY=success,failure", {"failed", "delivered", "relayed", "expanded"}),
    ],
)
def test_notify_decides_what_is_reported(notify: str, owed: set[str]) -> None:
    recipient = Recipient.parse(f"<b@x.test>{notify}".encode())
    assert {action.value for action in Action if is_owed(recipient, action)} == owed


def test_a_hop_with_dsn_takes_over_the_duty_to_report_relaying() -> None:
    recipient = Recipient.parse(b"<b@x.test> NOTIFY=SUCCESS")
    outcome = Outcome(action=Action.RELAYED, stage=Stage.CONTENT, reply=replies.RECIPIENT_OK)
    sender = ReversePath.parse(b"<a@x.test>")
    assert outcome_is_owed(sender, recipient, outcome)
    assert not outcome_is_owed(sender, recipient, replace(outcome, dsn_passed_on=True))
    assert not outcome_is_owed(NULL_REVERSE_PATH, recipient, outcome)


@pytest.mark.parametrize(
    ("stage", "code", "status", "expected"),
    [
        (Stage.RCPT, 550, "5.7.1", "5.7.1"),
        (Stage.RCPT, 550, None, "5.1.1"),
        (Stage.RCPT, 552, None, "5.2.2"),
        (Stage.CONTENT, 552, None, "5.3.4"),
        (Stage.CONTENT, 554, None, "5.0.0"),
        (Stage.RCPT, 452, "4.2.2", "5.2.2"),
    ],
)
def test_the_status_is_the_peers_or_the_best_guess(stage: Stage, code: int, status: str | None, expected: str) -> None:
    said = replies.reply(code, status, "words", causes.PEER_SAID)
    assert str(status_of(Action.FAILED, stage, said)) == expected


# What goes back


@pytest.mark.parametrize(
    ("parameters", "size", "whole"),
    [
        ("", SMALL, True),
        ("", SMALL + 1, False),
        ("RET=FULL", SMALL + 1, True),
        ("RET=FULL", LARGEST + 1, False),
        ("RET=HDRS", 10, False),
        ("RET=FULL REQUIRETLS", 10, False),
    ],
)
def test_ret_and_size_decide_how_much_goes_back(parameters: str, size: int, whole: bool) -> None:
    given = Parameters.parse(parameters.encode())
    facts = ContentFacts(size=size)
    assert (wanted(given, facts, [Action.FAILED]) == size) == (whole or size < SMALL + 2)
    content = (ORIGINAL + b"x" * size)[:size]
    assert returned(given, facts, [Action.FAILED], content[: wanted(given, facts, [Action.FAILED])]).complete is whole


def test_only_failures_bring_the_whole_message_back() -> None:
    facts = ContentFacts(size=len(ORIGINAL))
    assert not returned(Parameters(), facts, [Action.DELAYED], ORIGINAL).complete
    assert returned(Parameters(), facts, [Action.FAILED], ORIGINAL) == Returned(ORIGINAL, True)


def test_binary_content_never_goes_back_whole() -> None:
    facts = ContentFacts(size=len(ORIGINAL), binary=True)
    assert not returned(Parameters(), facts, [Action.FAILED], ORIGINAL).complete


@pytest.mark.parametrize(
    ("content", "header"),
    [
        (b"A: b\r\n\r\nx\r\n", b"A: b\r\n"),
        (b"\r\nbody only\r\n", b""),
        (b"A: b\r\nC: d\r\n", b"A: b\r\nC: d\r\n"),
        (b"", b""),
    ],
)
def test_the_header_ends_at_the_first_empty_line(content: bytes, header: bytes) -> None:
    assert Returned.header_of(content).octets == header
