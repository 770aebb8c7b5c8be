"""AUTH by hooks, and methods that wait: the engine's exchange of lines on one side, on the other a coroutine.

The engine hands each line of the client over as a proposal; the answer to it is what the coroutine says next, a
challenge or the end. RFC 4954 §4.
"""

import asyncio
from collections.abc import Awaitable, Callable

from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.events import CommandProposed
from heloise.smtp.extension import Exchange, ServerView, VerbAnswer

VERB = "AUTH"


class HandlerExchange:
    """See `heloise.smtp.extension.Exchange`: any line, since what it means is the coroutine's matter."""

    def hear(self, line: bytes) -> CommandProposed:
        """The next line, as an argument of Latin-1."""
        return CommandProposed(Plain(VERB, line.decode("latin-1")), replies.AUTH_TROUBLE)


def open_auth(view: ServerView, command: Command) -> Reply | tuple[Exchange, VerbAnswer]:
    """All of it is the handler's word, also that there is no such mechanism."""
    assert isinstance(command, Plain)
    return HandlerExchange(), CommandProposed(command, replies.AUTH_TROUBLE)


class Dialogue:
    """A coroutine that talks to the client in the middle of one AUTH command. `run` gives its final status."""

    def __init__(self, run: Callable[["Dialogue"], Awaitable[str | None]]) -> None:
        self._run = run
        self._task: asyncio.Future[str | None] | None = None
        self._challenged: asyncio.Future[bytes] | None = None
        self._heard: asyncio.Future[bytes] | None = None

    async def advance(self, line: bytes | None) -> tuple[bytes | None, str | None]:
        """Begin, or go on with a line of the client: a challenge that wants another line, or the final status. Raises
        what the coroutine raises."""
        loop = asyncio.get_running_loop()
        self._challenged = loop.create_future()
        if self._task is None:
            self._task = asyncio.ensure_future(self._run(self))
        elif self._heard is not None:
            self._heard.set_result(line or b"")
        await asyncio.wait((self._task, self._challenged), return_when=asyncio.FIRST_COMPLETED)
        if self._challenged.done():
            return self._challenged.result(), None
        return None, self._task.result()

    @property
    def is_waiting(self) -> bool:
        """Does the coroutine wait for a line?"""
        return self._heard is not None and not self._heard.done()

    async def ask(self, challenge: bytes) -> bytes:
        """Called within the coroutine: the line that answers the challenge."""
        assert self._challenged is not None
        self._heard = asyncio.get_running_loop().create_future()
        self._challenged.set_result(challenge)
        return await self._heard

    def cancel(self) -> None:
        """The client is gone."""
        if self._task is not None:
            self._task.cancel()
