"""What stands in HTML: elements with their attributes, style sheets, links. In one pass, leniently, never failing.

Not a browser's reading of it: it is for counting what is used, and never decides what is safe.
"""

import re
from dataclasses import dataclass, field
from html import unescape

MOST_ELEMENTS = 100_000
LONGEST = 1 << 20  # characters that are looked at
_NAME = re.compile(r"[a-zA-Z][^\s/>]*")
_ATTRIBUTE = re.compile(r"""[\s/]*([^\s=>/"'][^\s=>/]*)(?:\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>]*)))?""")
_RAW = ("script", "style", "title", "textarea", "xmp")


@dataclass(frozen=True, slots=True)
class Element:
    """An element; names in lower case, values with entities resolved."""

    name: str
    attributes: dict[str, str]


@dataclass(slots=True)
class Scan:
    """All there is, in order; `styles` are the contents of style elements."""

    elements: list[Element] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)


def scan(html: str) -> Scan:
    """Read it."""
    html = html[:LONGEST]
    lowered = html.lower()
    if len(lowered) != len(html):  # some letters have a longer small form, and places would not be the same
        html = lowered
    found = Scan()
    place = html.find("<")
    while place >= 0 and len(found.elements) < MOST_ELEMENTS:
        place = html.find("<", _behind(html, lowered, place, found))
    return found


def _behind(html: str, lowered: str, place: int, found: Scan) -> int:
    if html.startswith("<!--", place):
        closed = html.find("-->", place + 4)
        return len(html) if closed < 0 else closed + 3
    name = _NAME.match(html, place + 1)
    if name is None:
        return place + 1
    attributes, end = _attributes(html, name.end())
    element = Element(name[0].lower(), attributes)
    found.elements.append(element)
    if element.name not in _RAW:
        return end
    # What is in these is text, up to their end tag.
    closed = lowered.find(f"</{element.name}", end)
    closed = len(html) if closed < 0 else closed
    if element.name == "style":
        found.styles.append(html[end:closed])
    return closed


def _attributes(html: str, place: int) -> tuple[dict[str, str], int]:
    attributes: dict[str, str] = {}
    while (attribute := _ATTRIBUTE.match(html, place)) is not None:
        values = [each for each in attribute.groups()[1:] if each is not None]
        attributes.setdefault(attribute[1].lower(), unescape(values[0]) if values else "")
        place = attribute.end()
    closed = html.find(">", place)
    return attributes, len(html) if closed < 0 else closed + 1
