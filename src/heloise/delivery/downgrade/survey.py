"""What has to change in a message so that it fits a next hop, and whether it may. RFC 2045 §6, RFC 6152 §3, RFC 1847.

Input: the octets, once. Output: the changes by the number of the part, or why there can be none. Pure.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from enum import Enum
from types import MappingProxyType
from typing import assert_never

from heloise.delivery.downgrade.header import VERSION, PartHeader
from heloise.delivery.downgrade.lines import has_bare_line_ending
from heloise.delivery.downgrade.walk import (
    TRANSPARENT,
    Between,
    Body,
    EndlessHeader,
    LeafEnd,
    Part,
    Piece,
    Role,
    Walker,
)
from heloise.smtp.client_plan import WireForm

LONGEST_LINE = 998  # RFC 2045 §2.7, §2.8: neither 7bit nor 8bit has longer ones
_LONGEST_TO_REPAIR = 1_048_576  # octets of a line that are kept in memory to be broken
_MUCH = 0.2  # the share of 8-bit octets above which quoted-printable is neither short nor legible
_HIGH = bytes(range(128, 256))
_VERSION_FIELD = b"MIME-Version: 1.0\r\n"
# RFC 1428 §3: for text of which nobody said what it is.
_UNKNOWN_TEXT = b"Content-Type: text/plain; charset=unknown-8bit\r\n"
_DKIM = b"dkim-signature"


class Encoding(Enum):
    """What becomes of the body under a header."""

    KEPT = "kept"  # only the name of the encoding changes
    QUOTED_PRINTABLE = "quoted-printable"
    REPAIRED = "repaired"  # quoted-printable that was not quite
    BASE64 = "base64"


@dataclass(frozen=True, slots=True)
class Change:
    """What to do with one part: the name of its encoding, fields to add to its header, and how to encode the body."""

    name: str
    encoding: Encoding = Encoding.KEPT
    added: tuple[bytes, ...] = ()


class Obstacle(Enum):
    """Why a message can not be brought into a form."""

    HEADER = "header"  # octets above 127 in a header
    SEALED = "sealed"  # it would have to be altered where it is signed or encrypted
    OTHER = "other"


@dataclass(frozen=True, slots=True)
class Unconvertible:
    """`what` stands in the way, in words for people."""

    obstacle: Obstacle
    what: str


@dataclass(frozen=True, slots=True)
class Changes:
    """By the number of the part. `break_signature`: there is a DKIM signature, which will not verify afterwards.

    `questioned` are the parts in whose header what is not ASCII becomes a question mark: only in mail from nobody.
    """

    by_part: Mapping[int, Change]
    break_signature: bool = False
    questioned: frozenset[int] = frozenset()

    @property
    def has_any(self) -> bool:
        """Is there something to change?"""
        return bool(self.by_part or self.questioned)


class Surveyor:
    """Give octets to `feed`, then ask `finish`.

    `from_nobody`: the mail has the null reverse path. Nobody would hear that it could not be converted, so what it
    returns is rather altered than lost: signed parts are converted, and headers within lose what is not ASCII.
    """

    def __init__(self, form: WireForm, *, from_nobody: bool = False) -> None:
        self._form = form
        self._from_nobody = from_nobody
        self._questioned: set[int] = set()
        self._walker = Walker()
        self._changes: dict[int, Change] = {}
        self._leaf: Part | None = None
        self._tally = _Tally()
        self._is_signed = False
        self._found: Unconvertible | None = None

    def feed(self, octets: bytes) -> None:
        """The next octets."""
        if self._found is not None:
            return
        try:
            self._take(self._walker.feed(octets))
        except EndlessHeader:
            self._found = Unconvertible(Obstacle.OTHER, "a header without end")

    def finish(self) -> Changes | Unconvertible:
        """The message is complete."""
        if self._found is None:
            self._take(self._walker.finish())
        if self._found is not None:
            return self._found
        return Changes(
            MappingProxyType(self._changes),
            break_signature=self._is_signed and bool(self._changes),
            questioned=frozenset(self._questioned),
        )

    def _take(self, pieces: Iterable[Piece]) -> None:
        for piece in pieces:
            match piece:
                case Body(octets):
                    self._tally.take(octets)
                case Part():
                    self._begin(piece)
                case LeafEnd():
                    self._judge_leaf()
                case Between(octets):
                    self._found = self._found or _judge_between(octets, self._form)
                case _:
                    assert_never(piece)

    def _begin(self, part: Part) -> None:
        if self._from_nobody:
            part = replace(part, sealed=False)
        objection = _judge_header(part.header, self._form)
        if objection is not None and objection.obstacle is Obstacle.HEADER and self._from_nobody and part.number:
            self._questioned.add(part.number)
        else:
            self._found = self._found or objection
        if part.number == 0:
            self._is_signed = part.header.has(_DKIM)
        if part.role is Role.LEAF:
            self._leaf, self._tally = part, _Tally()
            return
        change = _relabelled(part, self._form)
        if change is not None:
            self._changes[part.number] = change

    def _judge_leaf(self) -> None:
        assert self._leaf is not None
        judged = _judge_leaf(self._leaf, self._tally, self._form)
        if isinstance(judged, Change):
            self._changes[self._leaf.number] = judged
        else:
            self._found = self._found or judged


class _Tally:
    """What is in a leaf so far."""

    __slots__ = ("_line", "high", "is_bare", "longest", "size")

    def __init__(self) -> None:
        self.size = 0
        self.high = 0  # octets above 127
        self.longest = 0  # of its lines
        self.is_bare = False  # has it CR or LF alone, or NUL?
        self._line = 0

    def take(self, octets: bytes) -> None:
        self.size += len(octets)
        if not octets.isascii():
            self.high += len(octets) - len(octets.translate(None, _HIGH))
        first, *lengths = map(len, octets.split(b"\r\n"))
        self._line += first
        self.longest = max(self.longest, self._line, *lengths)
        if lengths:
            self._line = lengths[-1]
        self.is_bare = self.is_bare or has_bare_line_ending(octets.replace(b"\r\n", b""))


def _judge_header(header: PartHeader, form: WireForm) -> Unconvertible | None:
    if (form.seven_bit or form.ascii_header) and not header.octets.isascii():
        return Unconvertible(Obstacle.HEADER, "octets above 127 in a header")
    if form.lines and any(has_bare_line_ending(line + b"\r\n") for line in header.octets.split(b"\r\n")):
        return Unconvertible(Obstacle.OTHER, "bare CR, bare LF or NUL in a header")
    return None


def _judge_between(octets: bytes, form: WireForm) -> Unconvertible | None:
    if form.seven_bit and not octets.isascii():
        return Unconvertible(Obstacle.OTHER, "octets above 127 between the parts")
    if form.lines and any(has_bare_line_ending(line) for line in octets.split(b"\r\n")):
        return Unconvertible(Obstacle.OTHER, "bare CR, bare LF or NUL between the parts")
    return None


def _relabelled(part: Part, form: WireForm) -> Change | None:
    """RFC 2045 §6.4: what is around parts has the widest of their encodings, and none of its own."""
    encoding = part.header.encoding
    if part.sealed:
        return None
    if form.seven_bit and encoding in ("8bit", "binary"):
        return Change("7bit")
    return Change("8bit") if form.lines and encoding == "binary" else None


def _judge_leaf(part: Part, tally: _Tally, form: WireForm) -> Change | Unconvertible | None:
    must = (form.seven_bit and tally.high > 0) or (form.lines and tally.is_bare)
    should = form.lines and tally.longest > LONGEST_LINE
    if not must and not should:
        return None
    judged = _convert_leaf(part, tally)
    if isinstance(judged, Change) or must:
        return judged
    return None  # a line that is too long has got here, and gets on perhaps


def _convert_leaf(part: Part, tally: _Tally) -> Change | Unconvertible:
    media_type = part.header.media_type or ("text", "plain")
    encoding = part.header.encoding
    if part.sealed:
        return Unconvertible(Obstacle.SEALED, "what is signed or encrypted must not be altered")
    if media_type[0] == "multipart" or (media_type[0] == "message" and not media_type[1].startswith("global")):
        # RFC 2046 §5: no encoding but 7bit, 8bit and binary; RFC 6532 §3.7 allows it to message/global.
        return Unconvertible(Obstacle.OTHER, f"a part of type {'/'.join(media_type)} can not be encoded")
    if encoding in TRANSPARENT:
        return _encoded(part, tally, is_text=media_type[0] == "text")
    if encoding == "quoted-printable" and not tally.is_bare and tally.longest <= _LONGEST_TO_REPAIR:
        return Change(encoding, Encoding.REPAIRED)
    return Unconvertible(Obstacle.OTHER, "a part is not in the encoding that it says it is in")


def _encoded(part: Part, tally: _Tally, *, is_text: bool) -> Change:
    added: tuple[bytes, ...] = ()
    if part.of_message and not part.header.has(VERSION):
        added = (_VERSION_FIELD,) if part.header.is_mime else (_VERSION_FIELD, _UNKNOWN_TEXT)
    if is_text and not tally.is_bare and tally.high <= _MUCH * tally.size:
        return Change("quoted-printable", Encoding.QUOTED_PRINTABLE, added)
    return Change("base64", Encoding.BASE64, added)
