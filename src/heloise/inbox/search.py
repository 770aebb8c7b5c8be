"""Search in caught mail: words anywhere in it, and conditions such as `to:alice`. Pure.

    invoice "due today" to:alice@ from:shop subject:order has:attachment is:unread after:2026-11-01 larger:10k -draft

All of them have to fit; "-" or "!" turns one around. Words are looked for in the main fields, the addresses and the
first 64 KiB of text. A query for Mailpit says the same here.
"""

import re
from collections.abc import Callable, Iterable
from datetime import datetime, tzinfo

from heloise.inbox.digest import searchable
from heloise.inbox.header import Address
from heloise.inbox.message import CaughtMessage

Fits = Callable[[CaughtMessage], bool]

_TERM = re.compile(r'(?P<no>[-!]?)(?:(?P<field>[a-z-]+):)?(?:"(?P<quoted>[^"]*)"|(?P<word>[^\s"]+))', re.IGNORECASE)
_FIELD_WITHIN = re.compile(r"([a-z-]+):(\S.*)", re.IGNORECASE | re.DOTALL)  # "subject:two words"
_SIZE = re.compile(r"(\d{1,12}(?:\.\d{1,6})?)\s?(|k|kb|kib|m|mb|mib)")
_HAS = ("attachment", "attachments", "inline", "inlines", "html")
_IS = ("read", "unread", "tagged")
_LONGEST = 4000  # characters

_IN_ADDRESSES: dict[str, Callable[[CaughtMessage], Iterable[Address]]] = {
    "cc": lambda message: message.digest.cc,
    "bcc": lambda message: message.digest.bcc,
    "reply-to": lambda message: message.digest.reply_to,
}


def parse_query(query: str, zone: tzinfo | None = None) -> Fits:
    """What tells whether a message fits. `zone` is that of dates; that of this machine when there is none.

    Raises ValueError with what is wrong.
    """
    if len(query) > _LONGEST:
        raise ValueError(f"a query has up to {_LONGEST} characters")
    terms, place = [], 0
    while place < len(query):
        if query[place].isspace():
            place += 1
            continue
        found = _TERM.match(query, place)
        if found is None:
            raise ValueError(f"a quotation mark is not closed: {query[place:]}")
        terms.append(_term(found, zone))
        place = found.end()
    return lambda message: all(fits(message) for fits in terms)


def _term(found: re.Match[str], zone: tzinfo | None) -> Fits:
    value = found["quoted"] if found["quoted"] is not None else found["word"]
    field = (found["field"] or "").lower()
    if not field and (within := _FIELD_WITHIN.fullmatch(value)) is not None and within[1].lower() in _FIELDS:
        field, value = within[1].lower(), within[2]
    if field and field not in _FIELDS:
        value, field = f"{field}:{value}", ""  # a word with a colon in it, such as a URL
    fits = _when(field, value, zone) if field in ("before", "after") else _CONDITIONS[field](value.lower())
    return (lambda message: not fits(message)) if found["no"] else fits


def _words(value: str) -> Fits:
    wanted = searchable(value).strip()
    return lambda message: (
        wanted in message.digest.text or wanted in message.digest.fields or wanted in message.addressed
    )


def _body(value: str) -> Fits:
    wanted = searchable(value).strip()
    return lambda message: wanted in message.digest.text


def _to(value: str) -> Fits:
    return lambda message: any(value in each.lower() for each in message.recipients) or _among(value, message.digest.to)


def _from(value: str) -> Fits:
    return lambda message: value in message.sender.lower() or _among(value, message.digest.from_)


def _addressed(value: str) -> Fits:
    named, fields = searchable(value).strip(), ("from_", "to", "cc", "bcc", "reply_to")
    return lambda message: (
        named in message.addressed or any(_among(value, getattr(message.digest, name)) for name in fields)
    )


def _in_addresses(field: str) -> Callable[[str], Fits]:
    of = _IN_ADDRESSES[field]
    return lambda value: lambda message: _among(value, of(message))


def _among(value: str, several: Iterable[Address]) -> bool:
    return any(value in f"{each.name} <{each.address}>".lower() for each in several)


def _id(value: str) -> Fits:
    return lambda message: value in (message.message_id.lower(), message.digest.message_id.lower())


def _message_id(value: str) -> Fits:
    wanted = value.strip("<>")
    return lambda message: wanted in message.digest.message_id.lower()


def _tag(value: str) -> Fits:
    return lambda message: any(value == each.lower() for each in message.marks.tags)


def _is(value: str) -> Fits:
    if value not in _IS:
        raise ValueError(f'"is:{value}" is not understood; there are: {", ".join(f"is:{each}" for each in _IS)}')
    if value == "tagged":
        return lambda message: bool(message.marks.tags)
    return lambda message: message.marks.is_read == (value == "read")


def _has(value: str) -> Fits:
    if value not in _HAS:
        raise ValueError(f'"has:{value}" is not understood; there are: {", ".join(f"has:{each}" for each in _HAS)}')
    match value:
        case "html":
            return lambda message: message.digest.has_html
        case "inline" | "inlines":
            return lambda message: message.digest.inline > 0
        case _:
            return lambda message: message.digest.attachments > 0


def _larger(value: str) -> Fits:
    size = _size(value)
    return lambda message: len(message.octets) > size


def _smaller(value: str) -> Fits:
    size = _size(value)
    return lambda message: len(message.octets) < size


def _size(value: str) -> float:
    found = _SIZE.fullmatch(value)
    if found is None:
        raise ValueError(f'"{value}" is no number of octets, such as 2000, 10k or 1.5m')
    return float(found[1]) * {"": 1, "k": 1024, "m": 1048576}[found[2][:1]]


def _when(field: str, value: str, zone: tzinfo | None) -> Fits:
    try:
        moment = datetime.fromisoformat(value.upper().replace("/", "-"))
        if moment.tzinfo is None and zone is not None:
            moment = moment.replace(tzinfo=zone)
        at = moment.timestamp()
    except (ValueError, OverflowError):
        raise ValueError(f'"{value}" is no date, such as 2026-11-28 or "2026-11-28 14:30"') from None
    if field == "before":
        return lambda message: message.origin.received_at <= at
    return lambda message: message.origin.received_at >= at


_CONDITIONS: dict[str, Callable[[str], Fits]] = {
    "": _words,
    "to": _to,
    "from": _from,
    "cc": _in_addresses("cc"),
    "bcc": _in_addresses("bcc"),
    "reply-to": _in_addresses("reply-to"),
    "addressed": _addressed,
    "sender": lambda value: lambda message: value in message.sender.lower(),
    "subject": lambda value: lambda message: value in message.digest.subject.lower(),
    "body": _body,
    "id": _id,
    "message-id": _message_id,
    "tag": _tag,
    "client": lambda value: lambda message: value == message.origin.peer_address,
    "is": _is,
    "has": _has,
    "larger": _larger,
    "smaller": _smaller,
}
_FIELDS = _CONDITIONS.keys() | {"before", "after"}
