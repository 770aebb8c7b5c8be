"""The tree of a message, walked once, in order, in pieces of any size. RFC 2046 §5.1, §5.2.1.

Input: octets. Output: the header of each part, whole; the body of each leaf, in pieces; and what is in between
(delimiters, preambles, epilogues), which nobody may touch. All pieces joined are the input.
"""

from dataclasses import dataclass
from enum import Enum
from typing import TypeAlias

from heloise.delivery.downgrade.header import PartHeader
from heloise.delivery.downgrade.lines import LineSplitter

LARGEST_HEADER = 1_048_576  # octets
DEEPEST = 100  # multiparts in multiparts
_LONGEST_DELIMITER = 998
# RFC 2045 §6.4: composite parts have no other encoding; what has one all the same is not looked into.
TRANSPARENT = frozenset({"7bit", "8bit", "binary"})
# RFC 1847 §2: altered on the way, the one does not verify and the other can not be read.
_SEALED = frozenset({"signed", "encrypted"})


class Role(Enum):
    """What is under a header."""

    MULTIPART = "multipart"
    MESSAGE = "message"  # another header
    LEAF = "leaf"


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """One header and what is under it. `of_message`: it is that of a message, not of a part of a multipart; `sealed`:
    it stands in a multipart that must not be altered."""

    number: int
    header: PartHeader
    role: Role
    of_message: bool
    sealed: bool


@dataclass(frozen=True, slots=True)
class Body:
    """Octets of a leaf."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class LeafEnd:
    """A leaf is complete. `is_last`: so is the message; otherwise a delimiter follows, with a CRLF of its own."""

    is_last: bool


@dataclass(frozen=True, slots=True)
class Between:
    """Octets that belong to no part."""

    octets: bytes


Piece: TypeAlias = Part | Body | LeafEnd | Between


class EndlessHeader(Exception):
    """A header longer than any can be."""


@dataclass(frozen=True, slots=True)
class _Open:
    """A multipart whose end has not come."""

    boundary: bytes
    sealed: bool
    is_digest: bool


class _In(Enum):
    HEADER = "header"
    LEAF = "leaf"
    BETWEEN = "between"


class Walker:
    """Walks one message. Raises EndlessHeader."""

    def __init__(self) -> None:
        self._lines = LineSplitter()
        self._pieces: list[Piece] = []
        self._open: list[_Open] = []
        self._place = _In.HEADER
        self._header: list[bytes] = []
        self._header_size = 0
        self._of_message = True
        self._number = 0
        self._at_line_start = True
        self._held = b""  # the CRLF after a line of a leaf: it may belong to a delimiter

    def feed(self, octets: bytes) -> list[Piece]:
        """The pieces that can be told now."""
        if self._place is _In.LEAF:
            octets = self._pass_at_once(self._lines.take_back() + octets)
        for line in self._lines.feed(octets):
            self._line(line)
        pieces, self._pieces = self._pieces, []
        return pieces

    def _pass_at_once(self, octets: bytes) -> bytes:
        """Most of a leaf are lines that are no delimiter, and need not be looked at one by one. What is left of it."""
        may_end = b"\r\n--" in octets or (self._at_line_start and octets.startswith(b"--"))
        end = -1 if self._open and may_end else octets.rfind(b"\r\n")
        if end < 0:
            return octets
        self._leaf_goes_on(octets[:end])
        self._held = b"\r\n"
        self._at_line_start = True
        return octets[end + 2 :]

    def finish(self) -> list[Piece]:
        """The message is complete."""
        for line in self._lines.finish():
            self._line(line)
        if self._place is _In.HEADER:
            self._header_ends(has_body=False)
        if self._place is _In.LEAF:
            self._leaf_goes_on(b"")
            self._pieces.append(LeafEnd(is_last=True))
        pieces, self._pieces = self._pieces, []
        return pieces

    def _line(self, line: bytes) -> None:
        at_start, self._at_line_start = self._at_line_start, line.endswith(b"\r\n")
        if at_start and line.startswith(b"--") and self._is_delimiter(line):
            return
        if self._place is _In.LEAF:
            text = line.removesuffix(b"\r\n")
            self._leaf_goes_on(text)
            self._held = line[len(text) :]
        elif self._place is _In.HEADER:
            self._header_goes_on(line, is_empty=at_start and line == b"\r\n")
        else:
            self._pieces.append(Between(line))

    def _is_delimiter(self, line: bytes) -> bool:
        """RFC 2046 §5.1.2: that of any open multipart ends all that are in it."""
        if not self._open or len(line) > _LONGEST_DELIMITER:
            return False
        text = line.removesuffix(b"\r\n").rstrip(b" \t")[2:]
        for depth in range(len(self._open) - 1, -1, -1):
            boundary = self._open[depth].boundary
            if text in (boundary, boundary + b"--"):
                self._delimited(line, depth, closes=text != boundary)
                return True
        return False

    def _delimited(self, line: bytes, depth: int, *, closes: bool) -> None:
        if self._place is _In.HEADER:
            self._header_ends(has_body=False)
        if self._place is _In.LEAF:
            self._pieces.append(LeafEnd(is_last=False))
        self._pieces.append(Between(self._held + line))
        self._held = b""
        if closes:
            del self._open[depth:]
            self._place = _In.BETWEEN
        else:
            del self._open[depth + 1 :]
            self._begin_header(of_message=False)

    def _begin_header(self, *, of_message: bool) -> None:
        self._place = _In.HEADER
        self._of_message = of_message
        self._header.clear()
        self._header_size = 0

    def _header_goes_on(self, line: bytes, *, is_empty: bool) -> None:
        self._header.append(line)
        self._header_size += len(line)
        if self._header_size > LARGEST_HEADER:
            raise EndlessHeader
        if is_empty:
            self._header_ends(has_body=True)

    def _header_ends(self, *, has_body: bool) -> None:
        header = PartHeader(b"".join(self._header))
        within = self._open[-1] if self._open else None
        role = self._role(header, within) if has_body else Role.LEAF
        sealed = within is not None and within.sealed
        of_message, number = self._of_message, self._number
        self._number += 1
        self._pieces.append(Part(number=number, header=header, role=role, of_message=of_message, sealed=sealed))
        if role is Role.MESSAGE:
            self._begin_header(of_message=True)
        elif role is Role.MULTIPART:
            self._enter(header, sealed=sealed)
        else:
            self._place = _In.LEAF

    def _enter(self, header: PartHeader, *, sealed: bool) -> None:
        boundary, (_, subtype) = header.boundary, header.media_type or ("", "")
        assert boundary is not None
        self._open.append(_Open(boundary, sealed or subtype in _SEALED, subtype == "digest"))
        self._place = _In.BETWEEN

    def _role(self, header: PartHeader, within: _Open | None) -> Role:
        # RFC 2046 §5.1.5: in a digest, what does not say what it is, is a message.
        in_digest = within is not None and within.is_digest and not self._of_message
        default = ("message", "rfc822") if in_digest else ("text", "plain")
        main, subtype = header.media_type or default
        if header.encoding not in TRANSPARENT:
            return Role.LEAF
        if main == "multipart" and header.boundary is not None and len(self._open) < DEEPEST:
            return Role.MULTIPART
        return Role.MESSAGE if (main, subtype) == ("message", "rfc822") else Role.LEAF

    def _leaf_goes_on(self, octets: bytes) -> None:
        if self._held or octets:
            self._pieces.append(Body(self._held + octets))
            self._held = b""
