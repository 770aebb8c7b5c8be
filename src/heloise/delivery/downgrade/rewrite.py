"""The changes that a survey found, carried out. Octets in, octets out; what is not changed passes as it is."""

import re
from collections.abc import Iterable, Mapping
from typing import assert_never

from heloise.delivery.downgrade.encode import AsItIs, Base64, Encoder, QuotedPrintable, RepairedQuotedPrintable
from heloise.delivery.downgrade.survey import Changes, Encoding
from heloise.delivery.downgrade.walk import Between, Body, LeafEnd, Part, Piece, Walker

_NOT_ASCII = re.compile(rb"[\x80-\xff]")
_ENCODERS: Mapping[Encoding, type[Encoder]] = {
    Encoding.KEPT: AsItIs,
    Encoding.QUOTED_PRINTABLE: QuotedPrintable,
    Encoding.REPAIRED: RepairedQuotedPrintable,
    Encoding.BASE64: Base64,
}


class Rewriter:
    """Give the same octets as to the surveyor."""

    def __init__(self, changes: Changes) -> None:
        self._changes = changes
        self._walker = Walker()
        self._encoder: Encoder = AsItIs()

    def feed(self, octets: bytes) -> bytes:
        """What can be told of them now."""
        return self._rewritten(self._walker.feed(octets))

    def finish(self) -> bytes:
        """The rest."""
        return self._rewritten(self._walker.finish())

    def _rewritten(self, pieces: Iterable[Piece]) -> bytes:
        return b"".join(map(self._piece, pieces))

    def _piece(self, piece: Piece) -> bytes:
        match piece:
            case Body(octets):
                return self._encoder.feed(octets)
            case Part():
                return self._header(piece)
            case LeafEnd(is_last=is_last):
                return self._encoder.finish(is_last=is_last)
            case Between(octets):
                return octets
            case _:
                assert_never(piece)

    def _header(self, part: Part) -> bytes:
        change = self._changes.by_part.get(part.number)
        self._encoder = AsItIs() if change is None else _ENCODERS[change.encoding]()
        octets = part.header.octets if change is None else part.header.with_encoding(change.name, change.added)
        return _NOT_ASCII.sub(b"?", octets) if part.number in self._changes.questioned else octets
