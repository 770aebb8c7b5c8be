"""One thing that can be asked of a development server, and how a number is read from its query."""

from dataclasses import dataclass

from heloise.web.exchange import HttpProblem, Request
from heloise.web.routes import Handle


@dataclass(frozen=True, slots=True)
class Operation:
    """One thing that can be asked: where, by what, who answers, and how it is described. `parameters` are those of the
    query, name to description. `body` is an example of what is sent, in JSON; `files` are the types of a file that is
    sent instead."""

    method: str
    path: str
    handle: Handle
    summary: str
    parameters: tuple[tuple[str, str], ...] = ()
    body: str = ""
    files: tuple[str, ...] = ()


def number(request: Request, name: str, default: int) -> int:
    """A number of the query. Raises HttpProblem."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 10):
        raise HttpProblem(400, f"{name} is a number")
    return int(text)
