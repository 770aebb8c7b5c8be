"""Which function answers which path."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote

from heloise.web.exchange import Answer, HttpProblem, Request

Handle: TypeAlias = Callable[[Request, Mapping[str, str]], Awaitable[Answer]]
"""Gets the request and what stood in the braces of the path. Raises HttpProblem."""


@dataclass(frozen=True, slots=True)
class Route:
    """A method, a path such as "/api/v1/messages/{id}", and who answers."""

    method: str
    path: str
    handle: Handle


class Routes:
    """Finds the route of a request and lets it answer."""

    def __init__(self, routes: Sequence[Route]) -> None:
        self._routes = [(route, route.path.split("/")) for route in routes]

    async def __call__(self, request: Request) -> Answer:
        """The answer. Raises HttpProblem: 404, 405, or what the function says."""
        method = "GET" if request.method == "HEAD" else request.method
        parts, allowed = request.path.split("/"), []
        for route, pattern in self._routes:
            found = _match(pattern, parts)
            if found is not None and route.method == method:
                return await route.handle(request, found)
            if found is not None:
                allowed.append(route.method)
        if allowed:
            raise HttpProblem(405, f"{request.method} is not for {request.path}", {"Allow": ", ".join(allowed)})
        raise HttpProblem(404, f"there is nothing at {request.path}")


def _match(pattern: Sequence[str], parts: Sequence[str]) -> dict[str, str] | None:
    if len(pattern) != len(parts):
        return None
    found: dict[str, str] = {}
    for wanted, part in zip(pattern, parts, strict=True):
        if wanted.startswith("{") and part:
            found[wanted[1:-1]] = unquote(part)
        elif wanted != part:
            return None
    return found
