"""A real web client against real web servers: what arrives, what is answered, and what can go wrong on the way."""

import asyncio
import socket
import ssl
import subprocess
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from heloise.net import WebClient
from heloise.world import HttpAnswer, HttpRequest, LinkError, LinkFault


class Handler(BaseHTTPRequestHandler):
    """Answers as its server says, and remembers what it got."""

    def do_POST(self) -> None:
        server = self.server
        assert isinstance(server, Server)
        body = self.rfile.read(int(self.headers["Content-Length"]))
        server.got.append((self.path, dict(self.headers), body))
        server.answer(self)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Says nothing."""


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, answer: Callable[[Handler], None]) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.answer = answer
        self.got: list[tuple[str, dict[str, str], bytes]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/mail?box=1"


@contextmanager
def serving(answer: Callable[[Handler], None], context: ssl.SSLContext | None = None) -> Iterator[Server]:
    server = Server(answer)
    if context is not None:
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answering(status: int, body: bytes = b"", **headers: str) -> Callable[[Handler], None]:
    def answer(handler: Handler) -> None:
        handler.send_response(status)
        for name, value in headers.items():
            handler.send_header(name.replace("_", "-"), value)
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    return answer


def post(
    url: str, *pieces: bytes, client: WebClient | None = None, timeout: float = 30.0, most_body: int = 1000
) -> HttpAnswer:
    async def content() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    async def scenario() -> HttpAnswer:
        request = HttpRequest(url=url, headers={"X-Test": "yes"}, size=sum(map(len, pieces)))
        chosen = client if client is not None else WebClient()
        return await chosen.post(request, content(), timeout=timeout, most_body=most_body)

    return asyncio.run(scenario())


def test_a_request_arrives_whole_and_the_answer_comes_back() -> None:
    with serving(answering(202, b'{"a": 1}', Content_Type="application/json")) as server:
        answer = post(server.url, b"one ", b"two")
    assert (answer.status, answer.reason, answer.body) == (202, "Accepted", b'{"a": 1}')
    assert answer.headers["content-type"] == "application/json"
    path, headers, body = server.got[0]
    assert (path, headers["X-Test"], headers["Host"], body) == (
        "/mail?box=1",
        "yes",
        server.url.split("/")[2],
        b"one two",
    )


def test_a_redirect_is_an_answer_and_not_followed() -> None:
    with serving(answering(302, Location="/elsewhere")) as server:
        assert post(server.url, b"x").status == 302
    assert len(server.got) == 1


def test_only_the_beginning_of_a_long_answer_is_read() -> None:
    with serving(answering(200, b"y" * 100_000)) as server:
        assert post(server.url, b"x", most_body=10).body == b"y" * 10


def test_an_answer_that_comes_before_all_was_sent_counts() -> None:
    async def refuse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno")
        await writer.drain()
        await asyncio.Event().wait()  # reads no more, and does not hang up either

    assert talk(refuse, size=50_000_000).status == 413


def talk(
    serve: Callable[[asyncio.StreamReader, asyncio.StreamWriter], "asyncio.Future[None] | object"],
    *,
    size: int = 1,
    timeout: float = 30.0,
) -> HttpAnswer:
    """Post `size` octets to a server that may be none."""

    async def content() -> AsyncIterator[bytes]:
        for start in range(0, size, 65536):
            yield b"x" * min(65536, size - start)

    async def scenario() -> HttpAnswer:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)  # type: ignore[arg-type]
        port = server.sockets[0].getsockname()[1]
        request = HttpRequest(url=f"http://127.0.0.1:{port}/", headers={}, size=size)
        try:
            return await WebClient().post(request, content(), timeout=timeout, most_body=1000)
        finally:
            server.close()

    return asyncio.run(scenario())


@pytest.mark.parametrize(
    ("said", "fault"),
    [
        (b"", LinkFault.CLOSED),
        (b"220 mail.example.test ESMTP\r\n\r\n", LinkFault.RESET),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nshort", LinkFault.RESET),
    ],
)
def test_what_is_no_whole_answer_is_trouble_of_the_connection(said: bytes, fault: LinkFault) -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\nx")
        writer.write(said)
        writer.close()

    with pytest.raises(LinkError) as caught:
        talk(serve)
    assert caught.value.fault is fault


def test_a_silent_service_is_not_waited_for_longer_than_asked() -> None:
    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await asyncio.Event().wait()

    with pytest.raises(LinkError) as caught:
        talk(serve, timeout=0.1)
    assert caught.value.fault is LinkFault.TIMED_OUT


def test_a_port_where_nobody_listens_refuses() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(LinkError) as caught:
            post(f"http://127.0.0.1:{taken.getsockname()[1]}/", b"x")
    assert caught.value.fault is LinkFault.REFUSED


def certificate(directory: Path) -> Path:
    """A certificate for 127.0.0.1 that signs itself, with its key."""
    path = directory / "both.pem"
    key = directory / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"),
            *("-days", "2", "-subj", "/CN=127.0.0.1", "-addext", "subjectAltName=IP:127.0.0.1"),
            *("-keyout", str(key), "-out", str(path)),
        ],
        check=True,
        capture_output=True,
    )
    path.write_bytes(path.read_bytes() + key.read_bytes())
    return path


def test_a_certificate_that_nobody_vouches_for_is_not_accepted_and_one_that_is_trusted_is(tmp_path: Path) -> None:
    pem = certificate(tmp_path)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    with serving(answering(204), context) as server:
        url = server.url.replace("http:", "https:")
        with pytest.raises(LinkError) as caught:
            post(url, b"x")
        assert caught.value.fault is LinkFault.TLS
        assert server.got == []
        assert post(url, b"x", client=WebClient(ssl.create_default_context(cafile=str(pem)))).status == 204
        with pytest.raises(LinkError) as caught:  # the right certificate, for somebody else
            post(url.replace("127.0.0.1", "localhost"), b"x", client=WebClient(ssl.create_default_context(cafile=pem)))
        assert caught.value.fault is LinkFault.TLS
