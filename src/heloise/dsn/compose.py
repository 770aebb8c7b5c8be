"""Composing a report: multipart/report of a human part, a delivery-status part and the original. RFC 6522, RFC 3464.

A pure function from `Report` to an envelope and octets; reports are ordinary mail with the null reverse path. The
report needs SMTPUTF8 on its way only when its own recipient does: everything else that is not ASCII is encoded, since
a report that bounces is lost (RFC 6533 §3 allows it).
"""

import base64
import binascii
from collections.abc import Iterator
from dataclasses import replace

from heloise.dsn.fields import decoded, field, final_recipient, original_recipient
from heloise.dsn.report import RecipientReport, Report, is_owed
from heloise.dsn.returned import header_of
from heloise.dsn.wording import human_part, subject
from heloise.mail.address import Mailbox
from heloise.mail.envelope import Envelope, Parameter, Parameters, Recipient
from heloise.mail.path import NULL_REVERSE_PATH, ForwardPath
from heloise.mail.trace import mail_date
from heloise.smtp.extensions.deliverby import DeliverBy

_NEVER = Parameters((Parameter("NOTIFY", "NEVER"),))


def compose_report(report: Report) -> tuple[Envelope, bytes] | None:
    """The report as mail, or None when nobody is owed one.

    Left out are recipients whose NOTIFY does not ask for it; a null reverse path never earns a report (RFC 5321 §6.1).
    """
    owed = tuple(item for item in report.recipients if item.is_due_unasked or is_owed(item.recipient, item.action))
    sender = report.reverse_path.mailbox
    if sender is None or not owed:
        return None
    report = replace(report, recipients=owed)
    octets = _message(report, sender)
    recipient = Recipient(ForwardPath(sender), _NEVER)  # RFC 3461 §6.1: no reports on reports
    envelope = Envelope(reverse_path=NULL_REVERSE_PATH, parameters=_parameters(report, octets), recipients=(recipient,))
    return envelope, octets


def _parameters(report: Report, octets: bytes) -> Parameters:
    items = []
    if not octets.isascii():
        items.append(Parameter("BODY", "8BITMIME"))
    if _needs_smtputf8(report):
        items.append(Parameter("SMTPUTF8"))
    if "REQUIRETLS" in report.parameters:
        items.append(Parameter("REQUIRETLS"))  # RFC 8689 §5: a report is as secret as what it is about
    return Parameters(tuple(items))


def _needs_smtputf8(report: Report) -> bool:
    return not report.reverse_path.is_ascii


def _message(report: Report, sender: Mailbox) -> bytes:
    parts = (_human_part(report), _status_part(report), _original_part(report))
    boundary = _boundary(report, parts)
    delimiter = f"--{boundary}\r\n".encode()
    # RFC 2046 §5.1.1: the CRLF before a delimiter is part of it, so that the original keeps the one it ends with.
    body = b"".join(delimiter + part + b"\r\n" for part in parts)
    # RFC 2045 §6.4: what is around an 8-bit part is 8-bit too.
    encoding = b"" if body.isascii() else b"Content-Transfer-Encoding: 8bit\r\n"
    return _header(report, sender, boundary) + encoding + b"\r\n" + body + f"--{boundary}--\r\n".encode()


def _header(report: Report, sender: Mailbox, boundary: str) -> bytes:
    host = report.reporting_mta
    return (
        f"From: Mail Delivery System <MAILER-DAEMON@{host}>\r\n"
        f"To: <{sender}>\r\n"
        f"Date: {mail_date(report.now)}\r\n"
        f"Message-ID: <{report.report_id}@{host}>\r\n"
        f"Subject: {subject(report)}\r\n"
        "Auto-Submitted: auto-replied\r\n"  # RFC 3834 §5.2: so that nobody's vacation program answers
        "MIME-Version: 1.0\r\n"
        "Content-Type: multipart/report; report-type=delivery-status;\r\n"
        f'\tboundary="{boundary}"\r\n'
    ).encode()


def _boundary(report: Report, parts: tuple[bytes, ...]) -> str:
    """One that stands in none of the parts, whatever the original has in it."""
    boundary = f"=_{report.report_id}"
    while any(boundary.encode() in part for part in parts):
        boundary += "="
    return boundary


def _human_part(report: Report) -> bytes:
    text = human_part(report)
    if text.isascii():
        return _part("text/plain; charset=us-ascii", "7bit", text.replace("\n", "\r\n").encode())
    # b2a_qp keeps the line ends it finds, so give it CRLF.
    octets = binascii.b2a_qp(text.replace("\n", "\r\n").encode(), istext=True)
    return _part("text/plain; charset=utf-8", "quoted-printable", octets)


def _status_part(report: Report) -> bytes:
    # RFC 6533 §3: UTF-8 as it is only for a sender who has shown that he knows it, else the seven-bit form.
    unitext = _knows_utf8(report) and any(_is_international(item.recipient) for item in report.recipients)
    groups = [
        _message_fields(report),
        *(_recipient_fields(report, item, unitext=unitext) for item in report.recipients),
    ]
    octets = "\r\n".join("".join(group) for group in groups).encode()
    if unitext:
        return _encoded_part(report, "message/global-delivery-status", octets)
    return _part("message/delivery-status", "7bit", octets)


def _knows_utf8(report: Report) -> bool:
    return "SMTPUTF8" in report.parameters or not report.reverse_path.is_ascii


def _is_international(recipient: Recipient) -> bool:
    orcpt = recipient.parameters.value("ORCPT") or ""
    return not recipient.forward_path.is_ascii or orcpt.lower().startswith("utf-8;")


def _message_fields(report: Report) -> Iterator[str]:
    """RFC 3464 §2.2."""
    envid = report.parameters.value("ENVID")
    if envid is not None:
        yield field("Original-Envelope-Id", decoded(envid))
    yield field("Reporting-MTA", f"dns; {report.reporting_mta}")
    if report.received_from:
        yield field("Received-From-MTA", f"dns; {report.received_from}")
    yield field("Arrival-Date", mail_date(report.arrived))
    asked = DeliverBy.of(report.parameters)
    if asked is not None:
        yield field("Deliver-By-Date", mail_date(report.arrived + asked.seconds))  # RFC 2852 §6


def _recipient_fields(report: Report, item: RecipientReport, *, unitext: bool) -> Iterator[str]:
    """RFC 3464 §2.3."""
    orcpt = item.recipient.parameters.value("ORCPT")
    if orcpt is not None:
        yield field("Original-Recipient", original_recipient(orcpt, unitext=unitext), utf8=unitext)
    path = item.recipient.forward_path
    final = final_recipient(path, reporting_mta=report.reporting_mta, unitext=unitext)
    yield field("Final-Recipient", final, utf8=unitext)
    yield field("Action", item.action.value)
    yield field("Status", str(item.status))
    if item.remote_mta is not None:
        yield field("Remote-MTA", f"dns; {item.remote_mta}")
    # RFC 3464 §2.3.6: smtp for the words of a peer, a type of our own for ours.
    diagnostic_type = "smtp" if item.remote_mta is not None else "X-heloise"
    yield field("Diagnostic-Code", f"{diagnostic_type}; {item.diagnostic}", utf8=unitext)
    if item.last_attempt is not None:
        yield field("Last-Attempt-Date", mail_date(item.last_attempt))
    if item.will_retry_until is not None:
        yield field("Will-Retry-Until", mail_date(item.will_retry_until))


def _original_part(report: Report) -> bytes:
    """RFC 6522 §3 (3): message/rfc822 or text/rfc822-headers, and their forms of RFC 6533 §4 for UTF-8 headers."""
    complete = report.returned.complete
    octets = report.returned.octets if complete else _by_lines(report.returned.octets)
    header = header_of(octets)
    if not header.isascii() and _knows_utf8(report) and _is_utf8(header):
        return _encoded_part(report, "message/global" if complete else "message/global-headers", octets)
    if complete:
        return _part("message/rfc822", "7bit" if octets.isascii() else "8bit", octets)
    if octets.isascii():
        return _part("text/rfc822-headers", "7bit", octets)
    return _part("text/rfc822-headers", "quoted-printable", binascii.b2a_qp(octets, istext=True))


def _by_lines(octets: bytes) -> bytes:
    """The header of binary content may have bare CR, bare LF or NUL; a report must not."""
    return b"\r\n".join(octets.replace(b"\0", b"?").splitlines()) + b"\r\n"


def _is_utf8(octets: bytes) -> bool:
    try:
        octets.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True


def _encoded_part(report: Report, content_type: str, octets: bytes) -> bytes:
    """As it is when the report goes by SMTPUTF8 anyway, else in base64."""
    if _needs_smtputf8(report):
        return _part(content_type, "8bit", octets)
    return _part(content_type, "base64", base64.encodebytes(octets).replace(b"\n", b"\r\n"))


def _part(content_type: str, encoding: str, octets: bytes) -> bytes:
    return f"Content-Type: {content_type}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n".encode() + octets
