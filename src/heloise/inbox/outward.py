"""What of a message leads outward: links and remote pictures, as they stand in its HTML and text. Pure; asks nobody."""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from heloise.inbox.html_scan import scan

MOST = 500  # addresses of a message
_LONGEST = 4096  # characters of one that is told
_OUTWARD = re.compile(r"\s*(https?|mailto|tel|ftp):", re.IGNORECASE | re.ASCII)
_IN_TEXT = re.compile(r"https?://[^\s<>\"'{}|\\^`\[\]]+", re.IGNORECASE | re.ASCII)
_CSS = re.compile(r"url\(\s*[\"']?(https?://[^\"')\s]+)", re.IGNORECASE | re.ASCII)
_PICTURES = ("src", "background", "poster")


@dataclass(frozen=True, slots=True)
class Outward:
    """One address, and what it is for: "link", "picture" (or what else would be loaded), or "text"."""

    kind: str
    address: str


def outward(html: str, text: str) -> tuple[Outward, ...]:
    """Each once, those of the HTML in their order, then those that only the text has."""
    found: dict[str, Outward] = {}
    for each in (*_of_html(html), *(Outward("text", address.rstrip(".,;:!?)")) for address in _IN_TEXT.findall(text))):
        if len(found) == MOST:
            break
        found.setdefault(each.address, Outward(each.kind, each.address[:_LONGEST]))
    return tuple(found.values())


def _of_html(html: str) -> Iterator[Outward]:
    read = scan(html)
    for element in read.elements:
        address = element.attributes.get("href", "").strip()
        if address and _OUTWARD.match(address):
            yield Outward("link" if element.name in ("a", "area") else "picture", address)
        for name in _PICTURES:
            address = element.attributes.get(name, "").strip()
            if address and _OUTWARD.match(address):
                yield Outward("picture", address)
        for address in _CSS.findall(element.attributes.get("style", "")):
            yield Outward("picture", address)
    for style in read.styles:
        yield from (Outward("picture", address) for address in _CSS.findall(style))
