"""What lists, searches and waits need to know of a message: read once, when it is caught, and bounded in size.

So a hundred thousand messages are listed and searched without reading one of them again.
"""

import re
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from html import unescape

from heloise.inbox.header import Address, Fields, addresses, field
from heloise.inbox.parts import Part, read_parts

LONGEST_TEXT = 65_536  # characters of a message that are searched
_LONGEST_FIELD = 1000  # characters of one that is kept
_MOST_ADDRESSES = 100  # of a field
_LONGEST_SNIPPET = 200
_BLANKS = re.compile(r"\s+")
_PARTING = str.maketrans(dict.fromkeys('<>",;()\ufeff', " "))


@dataclass(frozen=True, slots=True, kw_only=True)
class Digest:
    """`date` is that of the header, in seconds since the epoch. What is searched: `fields`, the main ones of a header,
    and `text`, both as `searchable` makes them."""

    subject: str
    message_id: str
    from_: tuple[Address, ...]
    to: tuple[Address, ...]
    cc: tuple[Address, ...]
    bcc: tuple[Address, ...]
    reply_to: tuple[Address, ...]
    date: float | None
    attachments: int
    inline: int
    has_html: bool
    snippet: str
    tags: tuple[str, ...]
    fields: bytes
    text: bytes

    @property
    def size(self) -> int:
        """Octets that it needs in memory, about."""
        several = (*self.from_, *self.to, *self.cc, *self.bcc, *self.reply_to)
        return 1500 + len(self.fields) + len(self.text) + 300 * len(several)


def make_digest(octets: bytes) -> Digest:
    """That of a message."""
    root = read_parts(octets)
    leaves = [part for part in root.walk() if not part.is_multipart]
    bodies = [part for part in leaves if part.is_body]
    html = [part for part in bodies if part.content_type == "text/html"]
    plain = [part for part in bodies if part.content_type == "text/plain"]
    fields = root.fields
    from_, to, cc, bcc, reply_to = (_addresses(fields, name) for name in ("From", "To", "Cc", "Bcc", "Reply-To"))
    subject, message_id = _kept(fields, "Subject"), _kept(fields, "Message-ID").strip("<> ")
    shown = _text(octets, plain, is_html=False), _text(octets, html, is_html=True)
    words = [subject, message_id, *_shown(from_, to, cc, bcc, reply_to), *(part.filename for part in leaves[:100])]
    return Digest(
        subject=subject,
        message_id=message_id,
        from_=from_,
        to=to,
        cc=cc,
        bcc=bcc,
        reply_to=reply_to,
        date=_date(fields),
        attachments=sum(part.is_attachment for part in leaves),
        inline=sum(part.is_inline for part in leaves),
        has_html=bool(html),
        snippet=_snippet(shown[0] if shown[0].strip() else shown[1]),
        tags=_tags(_kept(fields, "X-Tags")),
        fields=searchable("\n".join(filter(None, words)))[:LONGEST_TEXT],
        text=searchable("\n".join(filter(None, shown)))[:LONGEST_TEXT],
    )


def searchable(text: str) -> bytes:
    """Text in the form in which it is searched, in UTF-8: case does not matter, nor how words are parted."""
    return _BLANKS.sub(" ", text.lower().translate(_PARTING)).encode("utf-8", "replace")


def text_of_html(html: str) -> str:
    """The words of HTML, without its tags, scripts and styles. For searching only: what it gives is not safe HTML."""
    pieces: list[str] = []
    place = 0
    while (opened := html.find("<", place)) >= 0:
        pieces.append(html[place:opened])
        place = _behind_tag(html, opened)
        pieces.append(" ")
    pieces.append(html[place:])
    return unescape("".join(pieces))


def _behind_tag(html: str, opened: int) -> int:
    """Where that goes on which begins with "<" at `opened`. What is never closed is text no more."""
    if html.startswith("<!--", opened):
        closed = html.find("-->", opened + 4)
        return len(html) if closed < 0 else closed + 3
    closed = html.find(">", opened)
    if closed < 0:
        return len(html)
    name = html[opened + 1 : opened + 7].lower()
    for hidden in ("script", "style"):
        if name.startswith(hidden):
            over = html.find(f"</{hidden}", closed)
            return len(html) if over < 0 else over
    return closed + 1


def _text(octets: bytes, parts: list[Part], *, is_html: bool) -> str:
    found: list[str] = []
    left = LONGEST_TEXT * (4 if is_html else 1)
    for part in parts:
        # Four octets of an encoding make at least one character of those that are kept, but for blanks and the like.
        shorter = part if part.end - part.start <= 16 * left else _cut(part, 16 * left)
        text = shorter.text(octets)[:left]
        found.append(text_of_html(text) if is_html else text)
        left -= len(text)
        if left <= 0:
            break
    return "\n".join(found)


def _cut(part: Part, octets: int) -> Part:
    return Part(
        number=part.number,
        fields=(),
        begin=part.begin,
        start=part.start,
        end=part.start + octets,
        content_type=part.content_type,
        charset=part.charset,
        encoding=part.encoding,
        disposition=part.disposition,
        filename=part.filename,
        content_id=part.content_id,
    )


def _kept(fields: Fields, name: str) -> str:
    return (field(fields, name) or "")[:_LONGEST_FIELD]


def _addresses(fields: Fields, name: str) -> tuple[Address, ...]:
    for each, value in fields:
        if each.lower() == name.lower() and value:
            found = addresses(value)[:_MOST_ADDRESSES]
            return found or (Address(value[:_LONGEST_FIELD], ""),) if name == "From" else found
    return ()


def _shown(*fields: tuple[Address, ...]) -> list[str]:
    return [f"{each.name} {each.address}" for several in fields for each in several]


def _date(fields: Fields) -> float | None:
    text = field(fields, "Date")
    try:
        return None if text is None else parsedate_to_datetime(text[:100]).timestamp()
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def _snippet(text: str) -> str:
    words = _BLANKS.sub(" ", text[: 10 * _LONGEST_SNIPPET]).strip()
    return words if len(words) <= _LONGEST_SNIPPET else words[:_LONGEST_SNIPPET] + "..."


_NOT_IN_TAG = re.compile(r"[^a-zA-Z0-9\- _.@]+")


def _tags(text: str) -> tuple[str, ...]:
    return clean_tags(text.split(","))


def clean_tags(texts: list[str]) -> tuple[str, ...]:
    """Tags as they are kept: letters, digits, -_.@ and blanks, up to a hundred, each once whatever its case."""
    found: dict[str, str] = {}
    for text in texts[:100]:
        tag = _BLANKS.sub(" ", _NOT_IN_TAG.sub(" ", text)).strip()[:100]
        if tag:
            found.setdefault(tag.lower(), tag)
    return tuple(found.values())
