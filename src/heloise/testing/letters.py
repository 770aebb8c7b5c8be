"""Letters that can be told apart wherever they turn up: the mail a judged simulation sends, and how it is read again.

A letter begins with the field `X-Letter`. What a server adds on top of it is trace (RFC 5321 §4.4) and is taken off; a
conversion for a next hop without 8BITMIME (RFC 6152 §3), which says so in the trace, is undone; whatever else is
different is a change. A report is known by the letter it returns. Reads with the standard library and not with
heloise's own parsers, which are among what is judged.
"""

import base64
import quopri
import re
from dataclasses import dataclass
from typing import TypeAlias

_TRACE = re.compile(
    rb"(?:(?:Return-Path|Delivered-To|Received|X-MIME-Autoconverted):[^\r\n]*\r\n(?:[ \t][^\r\n]*\r\n)*)*",
    re.IGNORECASE,
)
_CONVERTED = re.compile(rb"^X-MIME-Autoconverted: ", re.MULTILINE)
_ENCODING = re.compile(rb"^(Content-Transfer-Encoding: )(quoted-printable|base64)(\r\n)", re.MULTILINE)
_TOKEN = re.compile(rb"^X-Letter: ([\w.-]+)\r\n", re.MULTILINE)
_RETURN_PATH = re.compile(rb"Return-Path: <([^\r\n]*)>\r\n")
_DELIVERED_TO = re.compile(rb"^Delivered-To: ([^\r\n]*)\r\n", re.MULTILINE)
_REPORT_ID = re.compile(rb"^Message-ID: <([^\r\n]*)>\r\n", re.MULTILINE)
_REPORT_TO = re.compile(rb"^To: <([^\r\n]*)>\r\n", re.MULTILINE)
_FATE = re.compile(rb"^Final-Recipient: rfc822; ?([^\r\n]*)\r\nAction: (\w+)\r\n", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Letter:
    """A message as its author sends it. `sender` is empty for the null reverse path."""

    token: str
    sender: str
    recipients: tuple[str, ...]
    octets: bytes


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundLetter:
    """A letter that turned up: `octets` without trace fields; `sender`, `recipient` only where a Maildir says them."""

    token: str
    octets: bytes
    sender: str | None = None
    recipient: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class FoundReport:
    """A report that turned up: about which letter, for whom, and what it says about whom (recipient, action)."""

    report_id: str
    token: str
    to: str
    fates: tuple[tuple[str, str], ...]
    sender: str | None = None
    recipient: str | None = None


@dataclass(frozen=True, slots=True)
class Stranger:
    """Neither: nobody sent this."""

    octets: bytes


Found: TypeAlias = FoundLetter | FoundReport | Stranger


def write_letter(token: str, sender: str, recipients: tuple[str, ...], body: bytes) -> Letter:
    """A letter with this body, in lines that end with CRLF."""
    header = (
        f"X-Letter: {token}\r\nFrom: <{sender}>\r\nSubject: letter {token}\r\nMIME-Version: 1.0\r\n"
        "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
    )
    return Letter(token=token, sender=sender, recipients=recipients, octets=header.encode() + body)


def read_mail(octets: bytes) -> Found:
    """What is this?"""
    trace = _TRACE.match(octets)
    assert trace is not None  # it matches nothing, too
    top, rest = trace[0], octets[trace.end() :]
    sender, recipient = _said(_RETURN_PATH, top), _said(_DELIVERED_TO, top)
    if _CONVERTED.search(top) is not None:
        rest = _converted_back(rest)
    if rest.startswith(b"X-Letter: ") and (token := _said(_TOKEN, rest)) is not None:
        return FoundLetter(token=token, octets=rest, sender=sender, recipient=recipient)
    header = rest.partition(b"\r\n\r\n")[0] + b"\r\n"
    returned = _said(_TOKEN, rest)
    report_id, to = _said(_REPORT_ID, header), _said(_REPORT_TO, header)
    if b"report-type=delivery-status" not in header or returned is None or report_id is None or to is None:
        return Stranger(octets)
    fates = tuple((address.decode(), action.decode()) for address, action in _FATE.findall(rest))
    return FoundReport(report_id=report_id, token=returned, to=to, fates=fates, sender=sender, recipient=recipient)


def _converted_back(octets: bytes) -> bytes:
    header, blank, body = octets.partition(b"\r\n\r\n")
    header += b"\r\n"
    found = _ENCODING.search(header)
    if found is None:
        return octets
    decoded = base64.b64decode(body) if found[2] == b"base64" else quopri.decodestring(body)
    return _ENCODING.sub(rb"\g<1>8bit\g<3>", header) + blank[2:] + decoded


def _said(pattern: re.Pattern[bytes], octets: bytes) -> str | None:
    found = pattern.search(octets)
    return None if found is None else found[1].decode("utf-8", "replace")
