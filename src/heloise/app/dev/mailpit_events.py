"""What Mailpit tells by its websocket, /api/events: mail that comes, changes and goes, and what is counted."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Any

from heloise.app.dev.mailpit_json import summary_shape
from heloise.inbox.inbox import Inbox
from heloise.inbox.message import CaughtMessage

MOST_WAITING = 256  # events for one listener; who is so slow is let go, as by Mailpit
MOST_LISTENERS = 100
PAUSE = 0.25  # seconds after a change until it is counted
STILL_HERE = 54.0  # seconds until a ping


class MailpitEvents:
    """The listeners there are, and what is told to each. While there is none, a change costs one look."""

    def __init__(self, inbox: Inbox, version: str) -> None:
        self._inbox = inbox
        self._version = version
        self._listeners: set[asyncio.Queue[str | None]] = set()
        self._is_clearing = False
        inbox.on_caught(self._caught)
        inbox.on_left(self._left)
        inbox.on_marked(self._marked)

    @property
    def is_full(self) -> bool:
        """Are there as many listeners as may be?"""
        return len(self._listeners) >= MOST_LISTENERS

    @contextmanager
    def clearing(self) -> Iterator[None]:
        """All messages are removed within: told as one event."""
        self._is_clearing = True
        try:
            yield
        finally:
            self._is_clearing = False
        self.tell("truncate", None)

    def tell(self, kind: str, value: Any) -> None:
        """An event for everybody who listens."""
        if not self._listeners:
            return
        text = json.dumps({"Type": kind, "Data": value}, ensure_ascii=False, separators=(",", ":"))
        text = text.encode("utf-8", "backslashreplace").decode()
        for waiting in tuple(self._listeners):
            if waiting.qsize() >= MOST_WAITING:
                self._listeners.discard(waiting)
                waiting.put_nowait(None)  # its end
            else:
                waiting.put_nowait(text)

    async def listen(self) -> AsyncGenerator[str | None, None]:
        """What is told from now on; None when it is time for a ping. Counts first, as Mailpit does for its page."""
        waiting: asyncio.Queue[str | None] = asyncio.Queue()
        self._listeners.add(waiting)
        loop = asyncio.get_running_loop()
        counting: float | None = loop.time() + PAUSE
        try:
            while True:
                try:
                    async with asyncio.timeout_at(loop.time() + STILL_HERE if counting is None else counting):
                        text = await waiting.get()
                except TimeoutError:
                    yield None if counting is None else self._counted()
                    counting = None
                    continue
                if text is None:
                    return
                yield text
                counting = loop.time() + PAUSE if counting is None else counting
        finally:
            self._listeners.discard(waiting)

    def _counted(self) -> str:
        messages = self._inbox.messages
        unread = sum(not message.marks.is_read for message in messages)
        counts = {"Total": len(messages), "Unread": unread, "Version": f"heloise {self._version}"}
        return json.dumps({"Type": "stats", "Data": counts})

    def _caught(self, message: CaughtMessage) -> None:
        if self._listeners:
            self.tell("new", summary_shape(message))

    def _left(self, message: CaughtMessage) -> None:
        if not self._is_clearing:
            self.tell("delete", {"ID": message.message_id})

    def _marked(self, message: CaughtMessage) -> None:
        marks = message.marks
        self.tell("update", {"ID": message.message_id, "Read": marks.is_read, "Tags": sorted(marks.tags)})
