"""WebSocket: the handshake, frames, and what ends a conversation. RFC 6455."""

import asyncio
import os
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.net import real_world
from heloise.web.exchange import Answer, HttpProblem, Request
from heloise.web.serving import WebServer
from heloise.web.websocket import LONGEST_FRAME, FrameFault, FrameReader, Opcode, accept, frame
from heloise.world import Endpoint

HELLO = {
    "host": "127.0.0.1",
    "upgrade": "websocket",
    "connection": "Upgrade",
    "sec-websocket-version": "13",
    "sec-websocket-key": "dGhlIHNhbXBsZSBub25jZQ==",
}


async def nothing() -> AsyncGenerator[str | None, None]:
    yield None


def masked(opcode: Opcode, payload: bytes, mask: bytes = b"\x01\x02\x03\x04") -> bytes:
    """As clients send it."""
    plain = frame(opcode, payload)
    head = plain[: len(plain) - len(payload)]
    octets = bytes(octet ^ mask[place % 4] for place, octet in enumerate(payload))
    return bytes((head[0], head[1] | 0x80)) + head[2:] + mask + octets


def test_the_handshake_of_the_rfc_is_answered_as_there() -> None:
    answer = accept(Request(method="GET", path="/", headers=HELLO), nothing)
    assert answer.status == 101
    assert answer.headers["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="  # RFC 6455 §1.3


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"upgrade": "h2c"}, 426),
        ({"sec-websocket-version": "8"}, 426),
        ({"sec-websocket-key": "c2hvcnQ="}, 400),
        ({"sec-websocket-key": "not base64"}, 400),
        ({"origin": "http://stranger.test"}, 403),
    ],
)
def test_what_is_no_handshake_or_comes_from_a_stranger_is_refused(changed: dict[str, str], status: int) -> None:
    with pytest.raises(HttpProblem) as refused:
        accept(Request(method="GET", path="/", headers={**HELLO, **changed}), nothing)
    assert refused.value.status == status


@given(
    messages=st.lists(st.tuples(st.sampled_from(Opcode), st.binary(max_size=70) | st.just(bytes(300))), max_size=5),
    mask=st.binary(min_size=4, max_size=4),
    cut=st.integers(1, 50),
)
def test_frames_are_read_as_they_were_written_however_they_are_cut(
    messages: list[tuple[Opcode, bytes]], mask: bytes, cut: int
) -> None:
    octets = b"".join(masked(opcode, payload, mask) for opcode, payload in messages)
    reader, found = FrameReader(), []
    for place in range(0, len(octets), cut):
        found += reader.feed(octets[place : place + cut])
    assert found == messages


def test_a_frame_without_a_mask_of_no_kind_or_too_long_is_refused() -> None:
    for octets, code in (
        (frame(Opcode.TEXT, b"x"), 1002),
        (b"\x83\x80\0\0\0\0", 1002),
        (b"\x82\xff" + (LONGEST_FRAME + 1).to_bytes(8, "big"), 1009),
    ):
        with pytest.raises(FrameFault) as refused:
            FrameReader().feed(octets)
        assert refused.value.code == code


@asynccontextmanager
async def greeted(
    answer: Callable[[Request], Awaitable[Answer]], behind: bytes
) -> AsyncIterator[tuple[asyncio.StreamReader, asyncio.StreamWriter]]:
    """A client of a real server that has asked for a WebSocket, and sent these octets in the same breath."""
    world = real_world()
    server = WebServer(answer)
    listener = await world.network.listen(Endpoint("127.0.0.1", 0), server.serve)
    assert isinstance(listener.local, Endpoint)
    reader, writer = await asyncio.open_connection(listener.local.host, listener.local.port)
    lines = [f"{name}: {value}" for name, value in HELLO.items()]
    writer.write("\r\n".join(["GET / HTTP/1.1", *lines, "", ""]).encode() + behind)
    async with asyncio.timeout(30):
        yield reader, writer
    writer.close()
    await listener.close()
    await server.close()
    await world.blocking.close()


def test_pings_are_answered_texts_are_told_and_a_farewell_is_returned() -> None:
    async def scenario() -> None:
        more: asyncio.Queue[str] = asyncio.Queue()
        ended = asyncio.Event()

        async def told() -> AsyncGenerator[str | None, None]:
            try:
                while True:
                    yield await more.get()
            finally:
                ended.set()

        async def answer(request: Request) -> Answer:
            return accept(request, told)

        async with greeted(answer, masked(Opcode.PING, b"early")) as (reader, writer):
            assert (await reader.readline()).startswith(b"HTTP/1.1 101")
            await reader.readuntil(b"\r\n\r\n")
            assert await reader.readexactly(7) == frame(Opcode.PONG, b"early")
            for size in (3, 200, 70_000):
                more.put_nowait("x" * size)
                expected = frame(Opcode.TEXT, b"x" * size)
                assert await reader.readexactly(len(expected)) == expected
            writer.write(masked(Opcode.CLOSE, (1000).to_bytes(2, "big") + b"bye"))
            assert await reader.read() == frame(Opcode.CLOSE, (1000).to_bytes(2, "big"))
            await ended.wait()

    asyncio.run(scenario())


def test_who_sends_no_frame_is_told_so_and_let_go() -> None:
    async def scenario() -> None:
        async def answer(request: Request) -> Answer:
            return accept(request, endless)

        async def endless() -> AsyncGenerator[str | None, None]:
            await asyncio.Event().wait()
            yield None

        async with greeted(answer, b"\x81\x00" + os.urandom(8)) as (reader, _):
            await reader.readuntil(b"\r\n\r\n")
            assert (await reader.read())[:4] == b"\x88\x1e" + (1002).to_bytes(2, "big")

    asyncio.run(scenario())
