"""HTTP/1.1 on a stream: h11 knows the protocol, this carries. One request after the other, bounded in size and time."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable
from contextlib import suppress
from urllib.parse import parse_qsl, urlsplit

import h11

from heloise.web.exchange import SHIELD, Answer, HttpProblem, Request, as_problem
from heloise.world import LinkError, Stream

MOST_BODY = 1 << 20  # octets of a request
LONGEST_TARGET = 8192  # octets of path and query
PATIENCE = 30.0  # seconds for a request to come in, and for an answer to be taken


class WebServer:
    """Serves connections; `answer` may raise HttpProblem, anything else is told to `fault` and answered by 500. A body
    has up to `most_body` octets."""

    def __init__(
        self,
        answer: Callable[[Request], Awaitable[Answer]],
        *,
        fault: Callable[[Exception], None] = lambda error: None,
        most_body: int = MOST_BODY,
    ) -> None:
        self._answer = answer
        self._fault = fault
        self._most_body = most_body
        self._serving: set[asyncio.Task[None]] = set()

    async def serve(self, stream: Stream) -> None:
        """Serve one connection to its end, in a task of its own."""
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        connection = h11.Connection(h11.SERVER)
        try:
            with suppress(LinkError, TimeoutError, h11.LocalProtocolError):
                while await self._exchange(connection, stream):
                    connection.start_next_cycle()
        finally:
            self._serving.discard(task)

    async def close(self) -> None:
        """End the connections there are: a page that listens to news would stay for ever."""
        tasks = tuple(self._serving)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _exchange(self, connection: h11.Connection, stream: Stream) -> bool:
        """One request and its answer. False when it was the last."""
        try:
            async with asyncio.timeout(PATIENCE):
                request = await self._request(connection, stream)
        except h11.RemoteProtocolError as error:
            answer = as_problem(HttpProblem(error.error_status_hint, str(error)))
        except HttpProblem as problem:
            answer = as_problem(problem)
        else:
            if request is None:
                return False
            answer = await self._answered(request)
        if answer.upgraded is not None:
            switched = h11.InformationalResponse(status_code=answer.status, headers=list(answer.headers.items()))
            stream.send(connection.send(switched) or b"")
            await answer.upgraded(stream, connection.trailing_data[0])
            return False
        await self._send(connection, stream, answer)
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE

    async def _answered(self, request: Request) -> Answer:
        try:
            return await self._answer(request)
        except HttpProblem as problem:
            return as_problem(problem)
        except Exception as error:
            self._fault(error)
            return as_problem(HttpProblem(500, "a trouble of our own; the log says more"))

    async def _request(self, connection: h11.Connection, stream: Stream) -> Request | None:
        head: h11.Request | None = None
        body = bytearray()
        while True:
            event = connection.next_event()
            if event is h11.NEED_DATA:
                connection.receive_data(await stream.receive())
            elif isinstance(event, h11.Request):
                head = event
                if connection.they_are_waiting_for_100_continue:
                    stream.send(connection.send(h11.InformationalResponse(status_code=100, headers=[])) or b"")
            elif isinstance(event, h11.Data):
                body += event.data
                if len(body) > self._most_body:
                    raise HttpProblem(413, f"a request has up to {self._most_body} octets")
            elif isinstance(event, h11.EndOfMessage) and head is not None:
                return _request_of(head, bytes(body), stream)
            else:  # the connection is closed, or is spoken to after its end
                return None

    async def _send(self, connection: h11.Connection, stream: Stream, answer: Answer) -> None:
        told = {"Content-Type": answer.content_type, "Cache-Control": "no-store", **SHIELD, **answer.headers}
        headers = list(told.items())
        if isinstance(answer.body, bytes):
            headers.append(("Content-Length", str(len(answer.body))))
        if connection.their_state is not h11.DONE:  # what is left of the request is not read
            headers.append(("Connection", "close"))
        stream.send(connection.send(h11.Response(status_code=answer.status, headers=headers)) or b"")
        if isinstance(answer.body, bytes):
            stream.send(connection.send(h11.Data(data=answer.body)) or b"")
        else:
            pieces = answer.body
            try:
                async for piece in pieces:
                    stream.send(connection.send(h11.Data(data=piece)) or b"")
                    await self._drained(stream)
            finally:
                if isinstance(pieces, AsyncGenerator):  # else it would end only when it is collected
                    await pieces.aclose()
        stream.send(connection.send(h11.EndOfMessage()) or b"")
        await self._drained(stream)

    async def _drained(self, stream: Stream) -> None:
        async with asyncio.timeout(PATIENCE):
            await stream.drain()


def _request_of(head: h11.Request, body: bytes, stream: Stream) -> Request:
    if len(head.target) > LONGEST_TARGET:
        raise HttpProblem(414, f"a path has up to {LONGEST_TARGET} octets")
    url = urlsplit(head.target.decode("ascii", "replace"))
    return Request(
        method=head.method.decode("ascii"),
        path=url.path,
        query=dict(parse_qsl(url.query, keep_blank_values=True)),
        headers={name.decode("ascii"): value.decode("latin-1") for name, value in head.headers},
        body=body,
        peer=str(stream.peer),
    )
