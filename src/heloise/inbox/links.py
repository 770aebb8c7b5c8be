"""The links of a message: out of its HTML and its text, each once, in order. Pure; nobody is asked."""

import re
from collections.abc import Iterator

from heloise.inbox.html_scan import scan
from heloise.inbox.message import CaughtMessage

MOST = 500
_LONGEST = 2000  # characters
_URL = re.compile(r"""https?://[^\s<>"'`{}|\\^\[\]]{1,2000}""", re.IGNORECASE)
_PLACES = {
    "a": ("href",),
    "area": ("href",),
    "img": ("src",),
    "link": ("href",),
    "form": ("action",),
    "source": ("src",),
    "video": ("src", "poster"),
    "table": ("background",),
    "td": ("background",),
    "body": ("background",),
}


def links(message: CaughtMessage) -> tuple[str, ...]:
    """Those that lead to a web server."""
    found: dict[str, None] = {}
    for part in message.parts.walk():
        if part.is_body and len(found) < MOST:
            text = part.text(message.octets)
            found |= dict.fromkeys(_in_html(text) if part.content_type == "text/html" else _in_text(text))
    return tuple(found)[:MOST]


def _in_html(html: str) -> Iterator[str]:
    for element in scan(html).elements:
        for name in _PLACES.get(element.name, ()):
            target = element.attributes.get(name, "").strip()
            if target[:8].lower().startswith(("http://", "https://")) and len(target) <= _LONGEST:
                yield target


def _in_text(text: str) -> Iterator[str]:
    for found in _URL.findall(text):
        # What ends a sentence, or a bracket around it, is no part of the address.
        target = found.rstrip(".,;:!?")
        yield target[:-1] if target.endswith(")") and "(" not in target else target
