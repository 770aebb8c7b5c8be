"""The octets of a final delivery: Return-Path and Delivered-To on top, line endings as the place wants. RFC 5321 §4.4.

The rest stays as it came, so that signatures verify.
"""

import re
from collections.abc import AsyncIterator

from heloise.mail.content import Content
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.trace import return_path_field

PIECE = 1 << 20
_LINE = re.compile(rb".*?\r\n|.+", re.DOTALL)  # binary content may have bare CR and LF in its header
_DELIVERED_TO = re.compile(rb"\r\nDelivered-To:([^\r\n]*)", re.IGNORECASE)


async def final_pieces(
    content: Content, reverse_path: ReversePath, forward_path: ForwardPath | None, *, line_feeds: bool = False
) -> AsyncIterator[bytes]:
    """The copy of a recipient in pieces of about `PIECE`; without Delivered-To when it is for several."""
    endings = _LineFeeds() if line_feeds else _Untouched()
    waiting = [endings.turn(_top(reverse_path, forward_path))]
    size = 0
    header_seen = False
    async for piece in _gathered(content):
        octets = piece if header_seen else without_return_path(piece)
        header_seen = True
        waiting.append(endings.turn(octets))
        size += len(octets)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    waiting.append(endings.rest())
    if rest := b"".join(waiting):
        yield rest


async def _gathered(content: Content) -> AsyncIterator[bytes]:
    """The chunks of the content put together to pieces of about `PIECE`, so that a header is whole in the first."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in content.chunks():
        waiting.append(chunk)
        size += len(chunk)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _top(reverse_path: ReversePath, forward_path: ForwardPath | None) -> bytes:
    """RFC 5321 §4.4: Return-Path is written at final delivery, on top of everything."""
    delivered_to = b"" if forward_path is None else f"Delivered-To: {str(forward_path)[1:-1]}\r\n".encode()
    return return_path_field(reverse_path) + delivered_to


async def was_delivered_to(content: Content, forward_path: ForwardPath) -> bool:
    """Does the header say that the message was delivered to this path already? Then it goes in circles: whoever it was
    given to sent it here again. RFC 5321 §6.3, RFC 9228."""
    wanted = str(forward_path)[1:-1].encode().lower()
    async for piece in _gathered(content):
        header = b"\r\n" + piece.partition(b"\r\n\r\n")[0]
        return any(found.strip().lower() == wanted for found in _DELIVERED_TO.findall(header))
    return False


def without_return_path(octets: bytes) -> bytes:
    """The content without the Return-Path fields of its header: those of earlier deliveries are replaced, not kept."""
    if octets.startswith(b"\r\n"):
        return octets  # there is no header
    end = octets.find(b"\r\n\r\n")
    header, body = (octets, b"") if end < 0 else (octets[: end + 2], octets[end + 2 :])
    if b"return-path:" not in header.lower():
        return octets
    kept: list[bytes] = []
    dropping = False
    for line in _LINE.findall(header):
        if not line.startswith((b" ", b"\t")):  # RFC 5322 §2.2.3: a folded line belongs to the field before
            dropping = line[:12].lower() == b"return-path:"
        if not dropping:
            kept.append(line)
    return b"".join(kept) + body


class _LineFeeds:
    """CRLF becomes LF, also when it is cut between two pieces."""

    def __init__(self) -> None:
        self._held = b""

    def turn(self, octets: bytes) -> bytes:
        octets = self._held + octets
        self._held = b"\r" if octets.endswith(b"\r") else b""
        return (octets[:-1] if self._held else octets).replace(b"\r\n", b"\n")

    def rest(self) -> bytes:
        return self._held


class _Untouched:
    """Octets as they are."""

    def turn(self, octets: bytes) -> bytes:
        return octets

    def rest(self) -> bytes:
        return b""
