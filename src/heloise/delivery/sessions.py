"""Conversations that are kept open for the next message to the same host, for some seconds. RFC 5321 §4.1.4.

A peer that has hung up meanwhile is found out when the next message begins; `heloise.delivery.relay` then dials anew.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, TypeAlias

from heloise.link.converse import Conversation
from heloise.world import Endpoint, UnixEndpoint

IDLE_TIME = 3.0  # seconds a peer is kept waiting for us; many count it as abuse when it is long
MOST_TRANSACTIONS = 100  # in one session: other hosts of the group are to have their share, too
MOST_IDLE = 200  # sessions to all hosts together

# The bool: LMTP. The name: of the host, since how it is protected, and for whom its certificate is, goes by it.
Place: TypeAlias = tuple[Endpoint | UnixEndpoint, bool, str]
Background: TypeAlias = Callable[[Coroutine[Any, Any, None]], None]


@dataclass(slots=True)
class _Idle:
    conversation: Conversation
    timer: asyncio.TimerHandle


class Sessions:
    """Idle conversations by where they lead."""

    def __init__(self) -> None:
        self._idle: dict[Place, list[_Idle]] = {}
        self._count = 0
        self._closed = False

    def has(self, place: Place) -> bool:
        """Is there one to this place?"""
        return place in self._idle

    def take(self, place: Place) -> Conversation | None:
        """The one that was used last; it belongs to the caller now."""
        waiting = self._idle.get(place)
        if waiting is None:
            return None
        idle = waiting.pop()
        if not waiting:
            del self._idle[place]
        self._count -= 1
        idle.timer.cancel()
        return idle.conversation

    def give(self, place: Place, conversation: Conversation, background: Background) -> None:
        """Keep it for the next message, or say QUIT when it can not be kept."""
        worn_out = conversation.transactions >= MOST_TRANSACTIONS or self._count >= MOST_IDLE
        if self._closed or worn_out or not conversation.usable:
            background(conversation.quit())
            return
        timer = asyncio.get_running_loop().call_later(IDLE_TIME, self._expire, place, conversation, background)
        self._idle.setdefault(place, []).append(_Idle(conversation, timer))
        self._count += 1

    def close(self, background: Background) -> None:
        """Say QUIT to all, and keep none from now on."""
        self._closed = True
        for place in tuple(self._idle):
            while (conversation := self.take(place)) is not None:
                background(conversation.quit())

    def _expire(self, place: Place, conversation: Conversation, background: Background) -> None:
        waiting = self._idle[place]
        waiting[:] = [idle for idle in waiting if idle.conversation is not conversation]
        if not waiting:
            del self._idle[place]
        self._count -= 1
        background(conversation.quit())
