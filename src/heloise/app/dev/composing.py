"""A message made of what a program tells of it in JSON, as Mailpit's API takes it. Pure, but for what it is given."""

import base64
import binascii
import mimetypes
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from typing import Any

from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.path import NULL_REVERSE_PATH, ForwardPath, ReversePath
from heloise.mail.trace import mail_date

_NAME = re.compile(r"[!-9;-~]{1,100}")  # RFC 5322 §3.6.8
_OURS = frozenset({"to", "from", "cc", "bcc", "reply-to", "date", "subject", "content-type", "mime-version"})


@dataclass(frozen=True, slots=True)
class Composed:
    """A message and its envelope."""

    envelope: Envelope
    octets: bytes


def compose(wanted: Mapping[str, Any], *, now: float, message_id: str) -> Composed:
    """The message. Raises ValueError with what is wrong."""
    message = EmailMessage(policy=policy.SMTP)
    sender = _person(wanted.get("From") or {}, "From")
    to, cc, reply_to = (list(_people(wanted, name)) for name in ("To", "Cc", "ReplyTo"))
    blind = [_address(str(each), "Bcc") for each in _list(wanted, "Bcc")]
    tags = [str(each) for each in _list(wanted, "Tags")]
    try:
        _set_header(message, wanted, sender, to, cc, reply_to, tags)
        message["Date"] = mail_date(now)
        if "Message-ID" not in message:
            message["Message-ID"] = f"<{message_id}@heloise.invalid>"
        _set_content(message, wanted)
        recipients = [each.addr_spec for each in (*to, *cc, *blind)]
        envelope = Envelope(
            reverse_path=_reverse_path(sender.addr_spec),
            recipients=tuple(Recipient(ForwardPath.parse(f"<{each}>".encode())) for each in recipients),
        )
        return Composed(envelope, message.as_bytes())
    except (TypeError, AttributeError, IndexError, LookupError, UnicodeError) as error:
        raise ValueError(f"this can not be made a message: {error}") from None


def _set_header(
    message: EmailMessage,
    wanted: Mapping[str, Any],
    sender: Address,
    to: list[Address],
    cc: list[Address],
    reply_to: list[Address],
    tags: list[str],
) -> None:
    for name, several in (("From", [sender]), ("To", to), ("Cc", cc), ("Reply-To", reply_to)):
        if several and (several != [Address()]):
            message[name] = several
    message["Subject"] = _line(wanted.get("Subject") or "", "Subject")
    if tags:
        message["X-Tags"] = ", ".join(tags)
    others = wanted.get("Headers") or {}
    if not isinstance(others, Mapping):
        raise ValueError("Headers is an object of names and texts")
    for name, value in others.items():
        if name.lower() in _OURS or (tags and name.lower() == "x-tags"):
            raise ValueError(f'cannot overwrite header: "{name}"')
        if _NAME.fullmatch(name) is None:
            raise ValueError(f'"{name}" is no name of a header field')
        message[name] = _line(value, name)


def _set_content(message: EmailMessage, wanted: Mapping[str, Any]) -> None:
    text, html = str(wanted.get("Text") or ""), str(wanted.get("HTML") or "")
    if text or not html:
        message.set_content(text)
    if html and text:
        message.add_alternative(html, subtype="html")
    elif html:
        message.set_content(html, subtype="html")
    for each in _list(wanted, "Attachments"):
        _attach(message, each)


def _attach(message: EmailMessage, wanted: Any) -> None:
    if not isinstance(wanted, Mapping):
        raise ValueError("each of Attachments is an object with Filename and Content")
    name = _line(wanted.get("Filename") or wanted.get("FileName") or "", "Filename")
    try:  # what stands before a comma is the head of a data: URL
        octets = base64.b64decode(str(wanted.get("Content", "")).rpartition(",")[2], validate=True)
    except binascii.Error as error:
        raise ValueError(f'error decoding base64 attachment "{name}": {error}') from None
    kind = str(wanted.get("ContentType") or mimetypes.guess_type(name)[0] or "application/octet-stream")
    main, _, sub = kind.partition(";")[0].strip().partition("/")
    if not sub:
        raise ValueError(f'"{kind}" is no type of content')
    content_id = _line(wanted.get("ContentID") or "", "ContentID").strip("<>")
    message.add_attachment(
        octets,
        maintype=main,
        subtype=sub,
        filename=name or None,
        cid=f"<{content_id}>" if content_id else None,
        disposition="inline" if content_id else "attachment",
    )


def _people(wanted: Mapping[str, Any], name: str) -> Iterator[Address]:
    for each in _list(wanted, name):
        yield _person(each, name)


def _person(wanted: Any, name: str) -> Address:
    if not isinstance(wanted, Mapping):
        raise ValueError(f"{name}: an address is an object with Email and Name")
    if not wanted and name == "From":
        return Address()
    return _address(str(wanted.get("Email", "")), name, _line(wanted.get("Name") or "", name))


def _address(text: str, name: str, shown: str = "") -> Address:
    try:
        ForwardPath.parse(f"<{text}>".encode())
        return Address(shown, addr_spec=text)
    except (ValueError, IndexError, TypeError):
        raise ValueError(f"invalid {name} address: {text}") from None


def _reverse_path(address: str) -> ReversePath:
    return ReversePath.parse(f"<{address}>".encode()) if "@" in address else NULL_REVERSE_PATH


def _list(wanted: Mapping[str, Any], name: str) -> list[Any]:
    found = wanted.get(name) or []
    if not isinstance(found, list):
        raise ValueError(f"{name} is a list")
    return found


def _line(value: Any, name: str) -> str:
    text = str(value)
    if "\r" in text or "\n" in text or "\0" in text:
        raise ValueError(f"{name} is one line")
    return text
