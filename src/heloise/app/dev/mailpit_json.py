"""Caught mail in the shapes of Mailpit's API, so that its client libraries read them. Pure."""

import hashlib
import re
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any

from heloise.inbox.header import Address, field
from heloise.inbox.message import CaughtMessage
from heloise.inbox.parts import Part

Json = dict[str, Any]
_LINK = re.compile(r"<([^<>]*)>")
_UNSUBSCRIBE = re.compile(r"(?:mailto:[a-z0-9]|https?://[a-z0-9])\S*", re.IGNORECASE)


def summary_shape(message: CaughtMessage) -> Json:
    """A message in a list."""
    digest = message.digest
    return {
        "ID": message.message_id,
        "MessageID": digest.message_id,
        "Read": message.marks.is_read,
        **_people(message),
        "Subject": digest.subject,
        "Created": moment(message.origin.received_at),
        "Username": "",
        "Tags": sorted(message.marks.tags),
        "Size": len(message.octets),
        "Attachments": digest.attachments,
        "Snippet": digest.snippet,
    }


def message_shape(message: CaughtMessage) -> Json:
    """A message whole."""
    digest, parts = message.digest, [part for part in message.parts.walk() if not part.is_multipart]
    date = message.origin.received_at if digest.date is None else digest.date
    return {
        "ID": message.message_id,
        "MessageID": digest.message_id,
        "Read": True,  # earlier versions told it, and their clients insist
        **_people(message),
        "ReturnPath": message.sender,
        "Subject": digest.subject,
        "ListUnsubscribe": _unsubscribe(message),
        "Date": moment(date),
        "Tags": sorted(message.marks.tags),
        "Username": "",
        "Text": text_of(message, "text/plain"),
        "HTML": text_of(message, "text/html"),
        "Size": len(message.octets),
        "Inline": [_attachment(part, message.octets) for part in parts if part.is_inline],
        "Attachments": [_attachment(part, message.octets) for part in parts if part.is_attachment],
    }


def text_of(message: CaughtMessage, content_type: str) -> str:
    """What is read as the message itself, of this type."""
    bodies = [part for part in message.parts.walk() if part.is_body and part.content_type == content_type]
    return "\n".join(part.text(message.octets) for part in bodies)


def list_shape(messages: Sequence[CaughtMessage], start: int, found: Sequence[CaughtMessage], all_: "Totals") -> Json:
    """A page of messages out of `found`."""
    return {
        "total": all_.total,
        "unread": all_.unread,
        "count": len(messages),
        "messages_count": len(found),
        "messages_unread": sum(not message.marks.is_read for message in found),
        "start": start,
        "tags": list(all_.tags),
        "messages": [summary_shape(message) for message in messages],
    }


class Totals:
    """What is counted over all messages; `tags` with the number of messages under each."""

    def __init__(self, messages: Iterable[CaughtMessage]) -> None:
        self.total = self.unread = 0
        tags: dict[str, int] = {}
        for message in messages:
            self.total += 1
            self.unread += not message.marks.is_read
            for tag in message.marks.tags:
                tags[tag] = tags.get(tag, 0) + 1
        self.tags = {name: tags[name] for name in sorted(tags, key=str.lower)}


def headers_shape(message: CaughtMessage) -> dict[str, list[str]]:
    """Fields of the header by name, in the spelling that Go gives to names of MIME."""
    found: dict[str, list[str]] = {}
    for name, value in message.parts.fields:
        found.setdefault("-".join(each[:1].upper() + each[1:].lower() for each in name.split("-")), []).append(value)
    return dict(sorted(found.items()))


def moment(at: float) -> str:
    """A time as RFC 3339 has it, in UTC, to the millisecond."""
    try:
        when = datetime.fromtimestamp(at, UTC)
    except (ValueError, OverflowError, OSError):  # a Date of another age
        when = datetime.fromtimestamp(0, UTC)
    return when.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _people(message: CaughtMessage) -> Json:
    digest = message.digest
    named = {each.address.lower() for each in (*digest.to, *digest.cc, *digest.bcc)}
    # Who is in the envelope only had a blind copy; Mailpit tells of them so as well.
    blind = [Address("", each) for each in message.recipients if each.lower() not in named]
    return {
        "From": _person(digest.from_[0]) if digest.from_ else {"Name": "", "Address": ""},
        "To": list(map(_person, digest.to)),
        "Cc": list(map(_person, digest.cc)),
        "Bcc": list(map(_person, (*digest.bcc, *blind))),
        "ReplyTo": list(map(_person, digest.reply_to)),
    }


def _person(address: Address) -> Json:
    return {"Name": address.name, "Address": address.address}


def _attachment(part: Part, octets: bytes) -> Json:
    body = part.body(octets)
    return {
        "PartID": part.number,
        "FileName": part.filename or part.content_id,
        "ContentType": part.content_type,
        "ContentID": part.content_id,
        "Size": len(body),
        "Checksums": {
            "MD5": hashlib.md5(body, usedforsecurity=False).hexdigest(),
            "SHA1": hashlib.sha1(body, usedforsecurity=False).hexdigest(),
            "SHA256": hashlib.sha256(body).hexdigest(),
        },
    }


def _unsubscribe(message: CaughtMessage) -> Json:
    """What List-Unsubscribe offers. RFC 2369 §3.2, RFC 8058 §3.1."""
    fields = message.parts.fields
    header = field(fields, "List-Unsubscribe") or ""
    links = [found.strip() for found in _LINK.findall(header)]
    wrong = [link for link in links if not _UNSUBSCRIBE.fullmatch(link)]
    errors = [f'"{link}" is neither a mailto: nor an http(s): link' for link in wrong]
    if header and not links:
        errors.append(f'"{header}" has no links in <>')
    return {
        "Header": header,
        "Links": [link for link in links if link not in wrong],
        "Errors": ", ".join(errors),
        "HeaderPost": field(fields, "List-Unsubscribe-Post") or "",
    }
