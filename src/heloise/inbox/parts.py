"""The parts of a message, as they are shown to people: read leniently, never failing. RFC 2045, RFC 2046 §5.1.

A part has no octets of its own, it knows where they are. What can not be a multipart is a part of its own kind.
"""

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import lru_cache

from heloise.inbox.header import Fields, as_text, decoded_base64, parameters, read_header
from heloise.inbox.header import field as field_of

DEEPEST = 20  # multiparts in multiparts; what is deeper is one part
MOST_PARTS = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One part. `number` is "0" for the message itself, then "1", "1.2" …; its body is `octets[start:end]` of the
    message. `content_type` in lower case; `disposition` "attachment", "inline" or ""; `content_id` without brackets."""

    number: str
    fields: Fields
    begin: int
    start: int
    end: int
    content_type: str
    charset: str
    encoding: str
    disposition: str
    filename: str
    content_id: str
    children: tuple["Part", ...] = field(default=())

    @property
    def is_multipart(self) -> bool:
        """Has other parts."""
        return bool(self.children)

    @property
    def is_body(self) -> bool:
        """Is text that is read as the message itself."""
        is_text = self.content_type in ("text/plain", "text/html")
        return is_text and self.disposition != "attachment" and not self.filename and not self.children

    @property
    def is_inline(self) -> bool:
        """Is no attachment, but shown in a text, or could be."""
        is_part_of_text = self.disposition == "inline" or bool(self.content_id)
        return not self.is_multipart and not self.is_body and self.disposition != "attachment" and is_part_of_text

    @property
    def is_attachment(self) -> bool:
        """Stands beside the text."""
        is_file = self.disposition == "attachment" or bool(self.filename)
        return not self.is_multipart and not self.is_body and not self.is_inline and is_file

    def walk(self) -> Iterator["Part"]:
        """This and all below it, in the order of the message."""
        yield self
        for child in self.children:
            yield from child.walk()

    def body(self, octets: bytes) -> bytes:
        """Its body out of the octets of the message, decoded as far as it can be."""
        raw = octets[self.start : self.end]
        if self.encoding == "base64":
            return decoded_base64(raw)
        if self.encoding == "quoted-printable":
            return binascii.a2b_qp(raw)
        return raw

    def text(self, octets: bytes) -> str:
        """Its body as text."""
        return as_text(self.body(octets), self.charset)


def read_parts(octets: bytes) -> Part:
    """The message as a tree of parts."""
    return _Reading(octets).part("0", 0, len(octets), "text/plain", 0)


class _Reading:
    def __init__(self, octets: bytes) -> None:
        self._octets = octets
        self._left = MOST_PARTS

    def part(self, number: str, begin: int, end: int, default: str, depth: int) -> Part:
        self._left -= 1
        fields, start = read_header(self._octets, begin, end)
        content_type, of_type = parameters(field_of(fields, "Content-Type") or default)
        disposition, of_disposition = parameters(field_of(fields, "Content-Disposition") or "")
        if content_type.count("/") != 1:  # RFC 2045 §5.2
            content_type = "text/plain"
        children: tuple[Part, ...] = ()
        boundary = of_type.get("boundary", "")
        if content_type.startswith("multipart/") and boundary and depth < DEEPEST:
            inner = "message/rfc822" if content_type == "multipart/digest" else "text/plain"  # RFC 2046 §5.1.5
            prefix = "" if number == "0" else f"{number}."
            children = tuple(self._children(prefix, boundary, start, end, inner, depth))
        return Part(
            number=number,
            fields=fields,
            begin=begin,
            start=min(start, end),
            end=end,
            content_type=content_type,
            charset=of_type.get("charset", "utf-8"),
            encoding=(field_of(fields, "Content-Transfer-Encoding") or "").strip().lower(),
            disposition=disposition if disposition in ("inline", "") else "attachment",  # RFC 2183 §2.8
            filename=of_disposition.get("filename") or of_type.get("name", ""),
            content_id=(field_of(fields, "Content-ID") or "").strip().strip("<>"),
            children=children,
        )

    def _children(self, prefix: str, boundary: str, start: int, end: int, default: str, depth: int) -> Iterator[Part]:
        begun: int | None = None
        count = 0
        for found in _delimiter(boundary).finditer(self._octets, max(0, start - 1), end):
            if begun is not None:
                count += 1
                yield self.part(f"{prefix}{count}", begun, self._before(begun, found.start()), default, depth + 1)
            begun = None if found["last"] else min(end, found.end() + len(found["newline"]))
            if begun is None or self._left <= 0:
                return
        if begun is not None:  # it was never closed
            yield self.part(f"{prefix}{count + 1}", begun, end, default, depth + 1)

    def _before(self, begun: int, newline: int) -> int:
        """RFC 2046 §5.1.1: the end of line before a delimiter belongs to it."""
        if newline <= begun:
            return begun
        return newline - 1 if self._octets[newline - 1] == 0x0D else newline


@lru_cache(maxsize=64)
def _delimiter(boundary: str) -> re.Pattern[bytes]:
    octets = re.escape(boundary.encode("utf-8", "surrogateescape"))
    # It begins with what is found fast, and leaves the end of its line to be the beginning of the next one.
    return re.compile(rb"\n--" + octets + rb"(?P<last>--)?[ \t]*(?=(?P<newline>\r?\n|\Z))")
