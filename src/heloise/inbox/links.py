"""What of a message leads outward: links, and what would be loaded, in its HTML and text. Pure; asks nobody."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from heloise.inbox.html_scan import scan
from heloise.inbox.message import CaughtMessage

MOST = 500  # addresses of a message
_LONGEST = 4096  # characters of one that is told
_OUTWARD = re.compile(r"\s*(https?|mailto|tel|ftp):", re.IGNORECASE | re.ASCII)
_WEB = re.compile(r"https?:", re.IGNORECASE | re.ASCII)
_IN_TEXT = re.compile(r"""https?://[^\s<>"'`{}|\\^\[\]]+""", re.IGNORECASE | re.ASCII)
_CSS = re.compile(r"url\(\s*[\"']?(https?://[^\"')\s]+)", re.IGNORECASE | re.ASCII)
_FOLLOWED = ("a", "area", "form")
_PLACES = ("href", "action", "src", "background", "poster")


@dataclass(frozen=True, slots=True)
class Outward:
    """One address, and what it is for: "link", "picture" (or what else would be loaded), or "text"."""

    kind: str
    address: str


def outward(html: str, text: str) -> tuple[Outward, ...]:
    """Each once, those of the HTML in their order, then those that only the text has."""
    found: dict[str, Outward] = {}
    for each in (*_of_html(html), *_of_text(text)):
        if len(found) == MOST:
            break
        found.setdefault(each.address, Outward(each.kind, each.address[:_LONGEST]))
    return tuple(found.values())


def links(message: CaughtMessage) -> tuple[str, ...]:
    """The addresses in all its bodies that lead to a web server, each once, in order."""
    found: dict[str, None] = {}
    for part in message.parts.walk():
        if part.is_body and len(found) < MOST:
            body = part.text(message.octets)
            each = outward(body, "") if part.content_type == "text/html" else outward("", body)
            found |= dict.fromkeys(one.address for one in each if _WEB.match(one.address))
    return tuple(found)[:MOST]


def _of_html(html: str) -> Iterator[Outward]:
    read = scan(html)
    for element in read.elements:
        for name in _PLACES:
            address = element.attributes.get(name, "").strip()
            if address and _OUTWARD.match(address):
                yield Outward("link" if element.name in _FOLLOWED else "picture", address)
        for address in _CSS.findall(element.attributes.get("style", "")):
            yield Outward("picture", address)
    for style in read.styles:
        yield from (Outward("picture", address) for address in _CSS.findall(style))


def _of_text(text: str) -> Iterator[Outward]:
    for found in _IN_TEXT.findall(text):
        # What ends a sentence, or a bracket around it, is no part of the address.
        address = found.rstrip(".,;:!?")
        yield Outward("text", address[:-1] if address.endswith(")") and "(" not in address else address)
