"""The door to web services: one request, one answer. No redirects, no cookies, no proxies."""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpRequest:
    """A POST of `size` octets to `url` (http or https). Headers are ASCII;
    `repeated` are those that may stand there more than once."""

    url: str
    headers: Mapping[str, str]
    size: int
    repeated: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpAnswer:
    """What the service said: names of headers in lower case, the beginning of the body."""

    status: int
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Http(Protocol):
    """Speaks HTTP."""

    async def post(
        self, request: HttpRequest, content: AsyncIterator[bytes], *, timeout: float, most_body: int
    ) -> HttpAnswer:
        """Send `request` with `content` as its body; all of it within `timeout` seconds.

        The certificate of the service is verified. An answer that comes before all was sent counts. At most
        `most_body` octets of the body of the answer are read.

        Raises:
            LinkError: there was no whole answer: no connection, no proof of identity, no HTTP, no more time.
        """
        ...
