"""Web services over HTTP/1.1: h11 speaks, asyncio carries. One connection for each request.

h11 and the trust store are loaded with the first request: who has no hooks does not pay for them.
"""

import asyncio
import ssl
from collections.abc import AsyncIterator
from functools import cached_property
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from heloise.net.faults import link_error
from heloise.world.errors import LinkError, LinkFault
from heloise.world.http import HttpAnswer, HttpRequest

if TYPE_CHECKING:
    import h11

_PIECE: Final = 65536
_PORTS: Final = {"http": 80, "https": 443}


class WebClient:
    """The door. `trust` replaces the certificates that the system trusts."""

    def __init__(self, trust: ssl.SSLContext | None = None) -> None:
        self._trust = trust

    async def post(
        self, request: HttpRequest, content: AsyncIterator[bytes], *, timeout: float, most_body: int
    ) -> HttpAnswer:
        """Send `request`. See `heloise.world.Http`."""
        try:
            async with asyncio.timeout(timeout):
                return await self._post(request, content, most_body)
        except TimeoutError:
            raise LinkError(LinkFault.TIMED_OUT, f"no answer within {timeout:g} seconds") from None

    async def _post(self, request: HttpRequest, content: AsyncIterator[bytes], most_body: int) -> HttpAnswer:
        url = urlsplit(request.url)
        trust = self._context if url.scheme == "https" else None
        try:
            reader, writer = await asyncio.open_connection(url.hostname, url.port or _PORTS[url.scheme], ssl=trust)
        except OSError as error:
            raise _link_error(error) from error
        try:
            return await _Exchange(reader, writer, most_body).run(request, content)
        finally:
            writer.transport.abort()  # nothing is left to say

    @cached_property
    def _context(self) -> ssl.SSLContext:
        return self._trust if self._trust is not None else ssl.create_default_context()


class _Exchange:
    """One request on one connection, and its answer."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, most_body: int) -> None:
        import h11

        self._h11 = h11
        self._connection = h11.Connection(our_role=h11.CLIENT)
        self._reader = reader
        self._writer = writer
        self._most_body = most_body

    async def run(self, request: HttpRequest, content: AsyncIterator[bytes]) -> HttpAnswer:
        """Send and receive at the same time: a service may refuse before it has seen all."""
        sending = asyncio.create_task(self._send(request, content))
        receiving = asyncio.create_task(self._receive())
        try:
            await asyncio.wait({sending, receiving}, return_when=asyncio.FIRST_COMPLETED)
            if sending.done() and not receiving.done():
                sending.result()  # the content could not be read
            return await receiving
        except OSError as error:
            raise _link_error(error) from error
        except self._h11.RemoteProtocolError as error:
            raise LinkError(LinkFault.RESET, f"not HTTP: {error}") from error
        finally:
            for task in (sending, receiving):
                task.cancel()
            await asyncio.wait({sending, receiving})

    async def _send(self, request: HttpRequest, content: AsyncIterator[bytes]) -> None:
        url = urlsplit(request.url)
        target = (url.path or "/") + (f"?{url.query}" if url.query else "")
        # As it stands in the URL, without user and password.
        headers = {"Host": url.netloc.rpartition("@")[2], "Connection": "close", "Content-Length": str(request.size)}
        told = [*{**headers, **request.headers}.items(), *request.repeated]
        self._say(self._h11.Request(method="POST", target=target, headers=told))
        async for octets in content:
            self._say(self._h11.Data(data=octets))
            try:
                await self._writer.drain()
            except OSError:
                return  # it may have said why before it hung up
        self._say(self._h11.EndOfMessage())

    def _say(self, event: "h11.Event") -> None:
        octets = self._connection.send(event)
        if octets:
            self._writer.write(octets)

    async def _receive(self) -> HttpAnswer:
        answer: h11.Response | None = None
        body = bytearray()
        while True:
            event = self._connection.next_event()
            if event is self._h11.NEED_DATA:
                octets = await self._reader.read(_PIECE)
                if not octets and answer is None:
                    raise LinkError(LinkFault.CLOSED)
                self._connection.receive_data(octets)
            elif isinstance(event, self._h11.Response):
                answer = event
            elif isinstance(event, self._h11.Data):
                body += event.data
            if answer is not None and (isinstance(event, self._h11.EndOfMessage) or len(body) >= self._most_body):
                return HttpAnswer(
                    status=answer.status_code,
                    reason=bytes(answer.reason).decode("latin-1"),
                    headers={name.decode("ascii"): value.decode("latin-1") for name, value in answer.headers},
                    body=bytes(body[: self._most_body]),
                )


def _link_error(error: OSError) -> LinkError:
    if isinstance(error, ssl.SSLCertVerificationError):
        return LinkError(LinkFault.TLS, error.verify_message)
    if isinstance(error, ssl.SSLError):
        return LinkError(LinkFault.TLS, error.reason or str(error))
    return link_error(error)
