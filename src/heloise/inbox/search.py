"""Search in caught mail: words anywhere in it, and conditions such as `to:alice`. Pure.

    invoice "due today" to:alice@ from:shop subject:order has:attachment larger:10000 -draft

All of them have to fit; "-" turns one around. Words are looked for in the header's main fields, addresses and all text.
"""

import re
from collections.abc import Callable

from heloise.inbox.message import CaughtMessage

Fits = Callable[[CaughtMessage], bool]
_TERM = re.compile(r'(?P<no>-?)(?:(?P<field>[a-z-]+):)?(?:"(?P<quoted>[^"]*)"|(?P<word>[^\s"]+))', re.IGNORECASE)
_FIELDS = ("to", "from", "sender", "subject", "body", "id", "client", "has", "larger", "smaller")


def parse_query(query: str) -> Fits:
    """What tells whether a message fits. Raises ValueError with what is wrong."""
    terms, place = [], 0
    while place < len(query):
        if query[place].isspace():
            place += 1
            continue
        found = _TERM.match(query, place)
        if found is None:
            raise ValueError(f"a quotation mark is not closed: {query[place:]}")
        terms.append(_term(found))
        place = found.end()
    return lambda message: all(fits(message) for fits in terms)


def _term(found: re.Match[str]) -> Fits:
    value = (found["quoted"] if found["quoted"] is not None else found["word"]).lower()
    field = (found["field"] or "").lower()
    if field and field not in _FIELDS:
        value, field = f"{field}:{value}", ""  # a word with a colon in it, such as a URL
    fits = _condition(field, value)
    return (lambda message: not fits(message)) if found["no"] else fits


def _condition(field: str, value: str) -> Fits:
    match field:
        case "to":
            return lambda message: any(value in each.lower() for each in (*message.recipients, message.header("To")))
        case "from":
            return lambda message: value in message.sender.lower() or value in message.header("From").lower()
        case "sender":
            return lambda message: value in message.sender.lower()
        case "subject":
            return lambda message: value in message.subject.lower()
        case "body":
            return lambda message: value in message.text.lower()
        case "id":
            return lambda message: (
                value in (message.message_id.lower(), message.header("Message-ID").strip("<>").lower())
            )
        case "client":
            return lambda message: value == message.origin.peer_address
        case "has":
            return _has(value)
        case "larger" | "smaller":
            size = _size(value)
            return lambda message: (len(message.octets) > size) == (field == "larger")
        case _:
            return lambda message: value in _everything(message)


def _has(value: str) -> Fits:
    if value not in ("attachment", "html"):
        raise ValueError(f'"has:{value}" is not understood; there are: has:attachment, has:html')
    if value == "html":
        return lambda message: any(part.get_content_type() == "text/html" for part in message.content.walk())
    return lambda message: any(part.is_attachment() for part in message.content.walk())


def _size(value: str) -> int:
    if not (value.isascii() and value.isdigit()):
        raise ValueError(f'"{value}" is no number of octets')
    return int(value)


def _everything(message: CaughtMessage) -> str:
    fields = [message.header(name) for name in ("From", "To", "Cc", "Subject", "Message-ID")]
    return "\n".join((message.sender, *message.recipients, *fields, message.text)).lower()
