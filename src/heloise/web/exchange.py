"""Requests and answers of HTTP. RFC 9110."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from heloise.world import Stream

JSON = "application/json"
SHIELD: Mapping[str, str] = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "X-DNS-Prefetch-Control": "off",
}
"""What every answer tells a browser: to take it for what it says it is, and to give it to no page of a stranger."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """One request. Names of `headers` are in lower case; `path` and `query` are decoded."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    peer: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """One answer; a `body` that is made while it is sent goes in chunks. `headers` stand before those of `SHIELD`.
    After 101 the connection is `upgraded`'s, with what came behind the request (RFC 9110 §7.8)."""

    status: int = 200
    content_type: str = JSON
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | AsyncIterator[bytes] = b""
    upgraded: Callable[[Stream, bytes], Awaitable[None]] | None = None


class HttpProblem(Exception):
    """Ends a request with this status; the text is for people. RFC 9457 says how it is written."""

    def __init__(self, status: int, text: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(text)
        self.status = status
        self.headers = headers if headers is not None else {}


def as_json(value: Any, status: int = 200) -> Answer:
    """An answer in JSON."""
    return Answer(status=status, body=_json(value))


def as_text(text: str, status: int = 200, content_type: str = "text/plain; charset=utf-8") -> Answer:
    """An answer in plain text."""
    return Answer(status=status, content_type=content_type, body=text.encode())


def as_problem(problem: HttpProblem) -> Answer:
    """An answer that says what is wrong."""
    body = _json({"status": problem.status, "detail": str(problem)})
    return Answer(status=problem.status, content_type="application/problem+json", headers=problem.headers, body=body)


def _json(value: Any) -> bytes:
    # What stands for an octet that is no text is escaped, which is how JSON writes it as well.
    return json.dumps(value, ensure_ascii=False).encode("utf-8", "backslashreplace") + b"\n"
