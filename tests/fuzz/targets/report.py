"""compose_report: whatever peers said and senders wrote, a report is good mail. RFC 3464, RFC 6522, RFC 5322 §2.1.1."""

from email import message_from_bytes, policy

from heloise.dsn.compose import compose_report
from heloise.dsn.report import RecipientReport, Report
from heloise.dsn.returned import Returned
from heloise.mail import causes
from heloise.mail.envelope import NO_PARAMETERS, Parameters, Recipient
from heloise.mail.outcome import Action
from heloise.mail.path import NULL_REVERSE_PATH, ForwardPath, ReversePath
from heloise.mail.status import EnhancedStatus
from heloise.smtp.reply_reader import _shown
from tests.fuzz.supply import Supply
from tests.fuzz.targets import Target
from tests.fuzz.tokens import ADDRESSES, HEADERS, PARAMETERS

ACTIONS = ((Action.FAILED, 5), (Action.DELAYED, 4), (Action.DELIVERED, 2), (Action.RELAYED, 2), (Action.EXPANDED, 2))
SENDERS = ("<a@client.test>", "<ä@client.test>", "<>", '<"a b"@client.test>', "<" + "漢" * 40 + "@client.test>")
RECIPIENTS = ("<u@x.test>", "<Postmaster>", "<ö@x.test>", '<"a\\"b c"@x.test>', "<" + "x" * 200 + "@x.test>")
MAIL = ("", "SMTPUTF8", "RET=HDRS ENVID=a+2Bb", "SMTPUTF8 RET=FULL", "REQUIRETLS")
RCPT = ("", "NOTIFY=SUCCESS,FAILURE,DELAY", "NOTIFY=NEVER", "ORCPT=rfc822;a+20b", "ORCPT=utf-8;ä\\x{10FFFF}")


def _parameters(supply: Supply, usual: tuple[str, ...]) -> Parameters:
    try:
        own = Parameters.parse(supply.octets(600)) if supply.flag() else None
    except ValueError:
        return NO_PARAMETERS
    return own or Parameters.parse(supply.choice(usual).encode())


def _recipient(supply: Supply) -> RecipientReport:
    action, klass = supply.choice(ACTIONS)
    path = ForwardPath.parse(supply.choice(RECIPIENTS).encode())
    return RecipientReport(
        recipient=Recipient(path, _parameters(supply, RCPT)),
        action=action,
        status=EnhancedStatus(klass, supply.number(8), supply.number(30)),
        diagnostic=_shown(supply.octets(1200)) or "550 5.1.1 no",
        remote_mta=_shown(supply.octets(100)) or None,
        cause=supply.choice((None, causes.PEER_SAID.because(), causes.LINK_LOST.because())),
        last_attempt=supply.choice((None, 1.7e9)),
        will_retry_until=supply.choice((None, 1.7e9)),
    )


def _report(octets: bytes) -> Report:
    supply = Supply(octets)
    recipients = tuple(_recipient(supply) for _ in range(1 + supply.number(3)))
    sender = ReversePath.parse(supply.choice(SENDERS).encode())
    parameters = _parameters(supply, MAIL)
    hello = supply.choice((None, "client.test", "bücher.test", "[IPv6:::1]"))
    complete = supply.flag()
    original = supply.rest()
    if complete:
        original = original.replace(b"\r", b"").replace(b"\n", b"\r\n")
    return Report(
        reporting_mta="mx.test",
        report_id="R1",
        now=1.7e9,
        original_id="M1",
        reverse_path=sender,
        parameters=parameters,
        arrived=1.7e9,
        recipients=recipients,
        returned=Returned(original, True) if complete else Returned.header_of(original),
        received_from=hello,
    )


def run(octets: bytes) -> None:
    """A report whose parts are drawn from the octets; the last of them are the original."""
    report = _report(octets)
    composed = compose_report(report)
    if report.reverse_path == NULL_REVERSE_PATH or composed is None:
        assert composed is None
        return
    envelope, mail = composed
    assert envelope.reverse_path == NULL_REVERSE_PATH
    assert len(envelope.recipients) == 1
    bare = mail.replace(b"\r\n", b"")
    assert b"\r" not in bare
    assert b"\n" not in bare
    utf8 = "SMTPUTF8" in envelope.parameters
    assert mail.isascii() or "BODY" in envelope.parameters
    header = mail.partition(b"\r\n\r\n")[0]
    assert header.isascii() or utf8
    message = message_from_bytes(mail, policy=policy.default)
    assert message.get_content_type() == "multipart/report"
    assert not message.defects
    # What was returned has the lines it came with.
    *own, _, _ = mail.split(b"--" + (message.get_boundary() or "").encode())
    for line in b"".join(own).split(b"\r\n"):
        assert len(line) <= 998, f"{len(line)} octets in a line"  # RFC 5322 §2.1.1
    parts = message.get_payload()
    assert isinstance(parts, list)
    assert len(parts) == 3


TARGET = Target(run=run, tokens=(*ADDRESSES, *PARAMETERS, *HEADERS), longest=4096)
