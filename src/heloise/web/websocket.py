"""WebSocket, as far as a server needs that tells of events: the handshake, frames, pings and the end. RFC 6455.

What a client says is read and passed over, but for its pings and its farewell. Frames are pure; `tell` is the driver.
"""

import asyncio
import base64
import binascii
import hashlib
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing, suppress
from enum import IntEnum
from urllib.parse import urlsplit

from heloise.web.exchange import Answer, HttpProblem, Request
from heloise.world import LinkError, Stream

LONGEST_FRAME = 1 << 16  # octets of one from a client, which has nothing to say
PATIENCE = 30.0  # seconds until somebody who does not read is let go
_SECRET = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
_KEY_OCTETS = 16
_FINAL, _MASKED, _OPCODE, _LENGTH = 0x80, 0x80, 0x0F, 0x7F
_TWO_OCTETS, _EIGHT_OCTETS = 126, 127  # what stands where the length is, for longer ones
_SHORT, _MIDDLE = 125, 0xFFFF
_PROTOCOL_ERROR, _TOO_BIG = 1002, 1009  # RFC 6455 §7.4.1


class Opcode(IntEnum):
    """RFC 6455 §5.2."""

    CONTINUATION = 0
    TEXT = 1
    BINARY = 2
    CLOSE = 8
    PING = 9
    PONG = 10


class FrameFault(Exception):
    """What a client sent is no frame for a server; `code` is what the connection is closed with."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def accept(request: Request, told: Callable[[], AsyncGenerator[str | None, None]]) -> Answer:
    """Go over to WebSocket, and tell what `told` gives: texts, or None for a ping. RFC 6455 §4.2.

    Raises:
        HttpProblem: it is no such request (426, 400), or a page of another origin sends it (403).
    """
    headers = request.headers
    if headers.get("upgrade", "").lower() != "websocket":
        raise HttpProblem(426, "this is spoken to by WebSocket", {"Upgrade": "websocket"})
    if headers.get("sec-websocket-version") != "13":
        raise HttpProblem(426, "version 13 of WebSocket is spoken here", {"Sec-WebSocket-Version": "13"})
    # A browser lets any page open a WebSocket to anywhere, so it is we who look where it comes from (§10.2).
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
        raise HttpProblem(403, "a page of another origin is not told anything here")
    key = headers.get("sec-websocket-key", "")
    with suppress(binascii.Error, ValueError):
        if len(base64.b64decode(key, validate=True)) == _KEY_OCTETS:
            proof = base64.b64encode(hashlib.sha1(key.encode() + _SECRET, usedforsecurity=False).digest()).decode()
            answered = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": proof}
            return Answer(status=101, headers=answered, upgraded=lambda stream, rest: tell(stream, rest, told()))
    raise HttpProblem(400, "Sec-WebSocket-Key is 16 octets in base64")


def frame(opcode: Opcode, payload: bytes) -> bytes:
    """A whole message in one frame, as servers send it: without a mask. RFC 6455 §5.2."""
    size = len(payload)
    if size <= _SHORT:
        length = bytes((size,))
    elif size <= _MIDDLE:
        length = bytes((_TWO_OCTETS,)) + size.to_bytes(2, "big")
    else:
        length = bytes((_EIGHT_OCTETS,)) + size.to_bytes(8, "big")
    return bytes((_FINAL | opcode,)) + length + payload


class FrameReader:
    """Octets of a client in, frames out."""

    def __init__(self) -> None:
        self._octets = bytearray()

    def feed(self, octets: bytes) -> list[tuple[Opcode, bytes]]:
        """The frames that are whole now. Raises FrameFault."""
        self._octets += octets
        found = []
        while (one := self._next()) is not None:
            found.append(one)
        return found

    def _next(self) -> tuple[Opcode, bytes] | None:
        octets = self._octets
        if len(octets) < 2:  # which every frame begins with
            return None
        if not octets[1] & _MASKED:
            raise FrameFault(_PROTOCOL_ERROR, "a client masks what it sends")  # RFC 6455 §5.1
        size, place = octets[1] & _LENGTH, 2
        if size > _SHORT:
            width = 2 if size == _TWO_OCTETS else 8
            size, place = int.from_bytes(octets[place : place + width], "big"), place + width
            if len(octets) < place:
                return None
        if size > LONGEST_FRAME:
            raise FrameFault(_TOO_BIG, f"a frame has up to {LONGEST_FRAME} octets")
        if len(octets) < place + 4 + size:
            return None
        try:
            opcode = Opcode(octets[0] & _OPCODE)
        except ValueError:
            raise FrameFault(_PROTOCOL_ERROR, "there is no such kind of frame") from None
        mask, masked = bytes(octets[place : place + 4]), octets[place + 4 : place + 4 + size]
        payload = bytes(octet ^ mask[number % 4] for number, octet in enumerate(masked))  # RFC 6455 §5.3
        del octets[: place + 4 + size]
        return opcode, payload


async def tell(stream: Stream, rest: bytes, told: AsyncGenerator[str | None, None]) -> None:
    """Tell it all, until that ends or the client leaves; `rest` came behind the handshake. Raises LinkError."""
    telling = asyncio.ensure_future(_tell(stream, told))
    try:
        code = await _hear(stream, rest, telling)
    finally:
        telling.cancel()
        with suppress(asyncio.CancelledError, LinkError, TimeoutError):
            await telling
    if code is not None:
        stream.send(frame(Opcode.CLOSE, code))


async def _tell(stream: Stream, told: AsyncGenerator[str | None, None]) -> None:
    async with aclosing(told):
        async for text in told:
            stream.send(frame(Opcode.PING, b"") if text is None else frame(Opcode.TEXT, text.encode()))
            async with asyncio.timeout(PATIENCE):
                await stream.drain()


async def _hear(stream: Stream, rest: bytes, telling: "asyncio.Future[None]") -> bytes | None:
    """Until the client leaves or nothing more is told: what the CLOSE says; None when there is nobody to hear it."""
    reader, octets = FrameReader(), rest
    while True:
        try:
            heard = reader.feed(octets)
        except FrameFault as fault:
            return fault.code.to_bytes(2, "big") + str(fault).encode()
        for opcode, payload in heard:
            if opcode is Opcode.CLOSE:
                return payload[:2]  # RFC 6455 §5.5.1: the same code back
            if opcode is Opcode.PING:
                stream.send(frame(Opcode.PONG, payload))
        receiving = asyncio.ensure_future(stream.receive())
        try:
            await asyncio.wait((receiving, telling), return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not receiving.done():
                receiving.cancel()
        if telling.done():
            return None if telling.exception() is not None else (1001).to_bytes(2, "big")
        octets = receiving.result()
        if not octets:
            return None
