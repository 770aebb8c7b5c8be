"""What is asked of the inbox in the same way by its API, its pages, and the routes of Mailpit and MailHog."""

import json
from collections.abc import Mapping
from typing import Any

from heloise.inbox.inbox import Inbox
from heloise.inbox.message import CaughtMessage
from heloise.web.exchange import Answer, HttpProblem, Request, as_text
from heloise.web.routes import Handle


def caught(inbox: Inbox, where: Mapping[str, str]) -> CaughtMessage:
    """The message whose id is in the path. Raises HttpProblem."""
    message = inbox.get(where["id"])
    if message is None:
        raise HttpProblem(404, f"there is no message {where['id']} (any more)")
    return message


def page_of(request: Request, *, usual: int, most: int, zero: int) -> tuple[int, int]:
    """`start` and `limit` of a query; `usual` without one, `zero` when 0 is asked for, `most` at the most."""

    def number(name: str, default: int) -> int:
        text = request.query.get(name, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else default

    return number("start", 0), min(number("limit", usual) or zero, most)


def json_of(request: Request) -> Any:
    """What the body says; None when it is no JSON."""
    try:
        return json.loads(request.body)
    except (ValueError, RecursionError):
        return None


def plainly(handle: Handle) -> Handle:
    """The same, but what is wrong is told as text: by Mailpit and MailHog it is no JSON."""

    async def answer(request: Request, where: Mapping[str, str]) -> Answer:
        try:
            return await handle(request, where)
        except HttpProblem as problem:
            return as_text(str(problem), problem.status)

    return answer
