"""Web services as functions: what can be reached over HTTP in a simulated world.

    world.web.install("https://app.example.net/mail", lambda call: HttpAnswer(status=204))

The function gets the request with its whole body, and returns an answer or raises a `LinkError`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from typing import TypeAlias

from heloise.world.errors import LinkError, LinkFault
from heloise.world.http import HttpAnswer, HttpRequest


@dataclass(frozen=True, slots=True, kw_only=True)
class WebCall:
    """One request, as a service sees it."""

    request: HttpRequest
    body: bytes


Service: TypeAlias = Callable[[WebCall], Awaitable[HttpAnswer] | HttpAnswer]


class SimulatedWeb:
    """The door, the same for all hosts. `calls` are all requests that reached a service, in order."""

    def __init__(self) -> None:
        self.calls: list[WebCall] = []
        self._services: dict[str, Service] = {}

    def install(self, url: str, service: Service) -> None:
        """There is a service at this URL from now on."""
        self._services[url] = service

    async def post(
        self, request: HttpRequest, content: AsyncIterator[bytes], *, timeout: float, most_body: int
    ) -> HttpAnswer:
        """Call the function. See `heloise.world.Http`."""
        service = self._services.get(request.url)
        if service is None:
            raise LinkError(LinkFault.REFUSED, request.url)
        try:
            async with asyncio.timeout(timeout):
                call = WebCall(request=request, body=b"".join([octets async for octets in content]))
                if len(call.body) != request.size:
                    raise ValueError(f"{len(call.body)} octets were sent, {request.size} were announced")
                self.calls.append(call)
                result = service(call)
                answer = await result if isinstance(result, Awaitable) else result
        except TimeoutError:
            raise LinkError(LinkFault.TIMED_OUT) from None
        return replace(answer, body=answer.body[:most_body])
