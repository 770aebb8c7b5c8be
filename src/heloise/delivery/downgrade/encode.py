"""Content-Transfer-Encodings, octets in pieces of any size. RFC 2045 §6.7, §6.8.

Decoded, the octets come back, however they were cut. An encoder is fed with the body of one leaf, and finished
once; `is_last` when nothing follows, so that the encoding has to end its last line itself.
"""

import binascii
import re
from typing import Protocol

from heloise.delivery.downgrade.lines import LONGEST, has_bare_line_ending

_LINE = 75  # RFC 2045 §6.7 (5): at most 76, the = of a soft break included
_NOT_LITERAL = re.compile(rb"[^\t\x20-\x3c\x3e-\x7e]")
_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_MAY_END = re.compile(rb"[ \t]?\r?\Z")
_OCTETS_OF_LINE = 57  # 76 characters of base64
_LONGEST_LINE = 998  # RFC 5322 §2.1.1


class Encoder(Protocol):
    """Encodes one body."""

    def feed(self, octets: bytes) -> bytes:
        """What can be told of it now."""
        ...

    def finish(self, *, is_last: bool) -> bytes:
        """The rest."""
        ...


class AsItIs:
    """No encoding."""

    def feed(self, octets: bytes) -> bytes:
        """The same."""
        return octets

    def finish(self, *, is_last: bool) -> bytes:
        """Nothing."""
        return b""


class Base64:
    """RFC 2045 §6.8. Lines are parted, not ended, by CRLF: the delimiter that follows brings one."""

    def __init__(self) -> None:
        self._rest = b""
        self._break = b""

    def feed(self, octets: bytes) -> bytes:
        """Whole lines."""
        octets = self._rest + octets
        cut = len(octets) - len(octets) % _OCTETS_OF_LINE
        self._rest = octets[cut:]
        return self._lines(octets[:cut])

    def finish(self, *, is_last: bool) -> bytes:
        """The last line."""
        last = self._lines(self._rest)
        return last + b"\r\n" if is_last and self._break else last

    def _lines(self, octets: bytes) -> bytes:
        if not octets:
            return b""
        lines = [
            binascii.b2a_base64(octets[start : start + _OCTETS_OF_LINE], newline=False)
            for start in range(0, len(octets), _OCTETS_OF_LINE)
        ]
        before, self._break = self._break, b"\r\n"
        return before + b"\r\n".join(lines)


class QuotedPrintable:
    """RFC 2045 §6.7. CRLF stays a line's end; anything else that is not printable ASCII is quoted."""

    def __init__(self) -> None:
        self._line = b""  # the beginning of one, or of what is left of one that is too long to be kept
        self._column = 0
        self._is_long = False

    def feed(self, octets: bytes) -> bytes:
        """Whole lines, and the beginning of one that is too long."""
        octets = self._line + octets
        encoded = b""
        end = octets.rfind(b"\r\n") + 2
        if end > 1:
            encoded = self._lines(octets[:end])
            octets = octets[end:]
        if self._is_long or len(octets) > LONGEST:
            self._is_long = True
            cut = len(octets) - _held_back(octets[-2:])
            encoded += self._text(_quoted(octets[:cut]))
            octets = octets[cut:]
        self._line = octets
        return encoded

    def finish(self, *, is_last: bool) -> bytes:
        """The last line; a soft break, when it has no end."""
        last = self._text(_end_of_line(self._line))
        return last + b"=\r\n" if is_last and self._column else last

    def _lines(self, octets: bytes) -> bytes:
        """Lines that are complete; the first may have begun before."""
        lines = octets.split(b"\r\n")
        if self._is_long or max(map(len, lines)) > LONGEST or has_bare_line_ending(octets.replace(b"\r\n", b"")):
            encoded = b""
            for line in lines[:-1]:
                encoded += self._text(_end_of_line(line)) + b"\r\n"
                self._column, self._is_long = 0, False
            return encoded
        return binascii.b2a_qp(octets, istext=True)  # quick, and right for whole lines with CRLF alone

    def _text(self, quoted: bytes) -> bytes:
        """A piece of a line, with soft breaks."""
        if self._column + len(quoted) <= _LINE:
            self._column += len(quoted)
            return quoted
        broken, self._column = _broken(quoted, self._column)
        return broken


class RepairedQuotedPrintable:
    """For what says it is quoted-printable and has raw octets above 127, which readers take for themselves, or lines
    that are too long. Lines that are right stay as they are."""

    def __init__(self) -> None:
        self._line = b""

    def feed(self, octets: bytes) -> bytes:
        """Whole lines."""
        *lines, self._line = (self._line + octets).split(b"\r\n")
        return b"".join(_repaired(line) + b"\r\n" for line in lines)

    def finish(self, *, is_last: bool) -> bytes:
        """The last line."""
        return _repaired(self._line)


def _repaired(line: bytes) -> bytes:
    if line.isascii() and len(line) <= _LONGEST_LINE:
        return line
    return _broken(_NOT_ASCII.sub(_escape, line), 0)[0]


def _quoted(text: bytes) -> bytes:
    return _NOT_LITERAL.sub(_escape, text)


def _end_of_line(text: bytes) -> bytes:
    """RFC 2045 §6.7 (3): a blank at the end of a line is quoted, or somebody strips it."""
    if text[-1:] in (b" ", b"\t"):
        return _quoted(text[:-1]) + b"=%02X" % text[-1]
    return _quoted(text)


def _held_back(end: bytes) -> int:
    """How many of these octets may turn out to be a blank at the end of a line, and half of a CRLF."""
    found = _MAY_END.search(end)
    return 0 if found is None else len(found[0])


def _escape(found: re.Match[bytes]) -> bytes:
    return b"=%02X" % found[0][0]


def _broken(quoted: bytes, column: int) -> tuple[bytes, int]:
    """With soft breaks, none of them inside of `=XX`; and the column at the end."""
    pieces, start, room = [], 0, _LINE - column
    while len(quoted) - start > room:
        cut = start + room
        equals = quoted.rfind(b"=", max(start, cut - 2), cut)
        if equals >= 0:
            cut = equals
        pieces.append(quoted[start:cut])
        start, room = cut, _LINE
    pieces.append(quoted[start:])
    return b"=\r\n".join(pieces), len(pieces[-1]) + (column if len(pieces) == 1 else 0)
