"""Conversations that are kept open for the next message to the same host, for some seconds. RFC 5321 §4.1.4.

A peer that has hung up meanwhile is found out when the next message begins; `heloise.delivery.relay` then dials anew.
"""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from math import inf
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
    until: float  # by the clock of the event loop
    background: Background


class Sessions:
    """Idle conversations by where they lead.

    One timer for all of them, moved only when it fires: to give and to take one are done for each message.
    """

    def __init__(self) -> None:
        self._idle: dict[Place, list[_Idle]] = {}
        self._count = 0
        self._timer: asyncio.TimerHandle | None = None
        self._loop: asyncio.AbstractEventLoop | None = None  # asked for once: to ask is a system call each time
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
        return idle.conversation

    def give(self, place: Place, conversation: Conversation, background: Background) -> None:
        """Keep it for the next message, or say QUIT when it can not be kept."""
        worn_out = conversation.transactions >= MOST_TRANSACTIONS or self._count >= MOST_IDLE
        if self._closed or worn_out or not conversation.usable:
            background(conversation.quit())
            return
        loop = self._loop
        if loop is None:
            loop = self._loop = asyncio.get_running_loop()
        until = loop.time() + IDLE_TIME
        if self._timer is None:
            self._timer = loop.call_at(until, self._expire)
        self._idle.setdefault(place, []).append(_Idle(conversation, until, background))
        self._count += 1

    def close(self, background: Background) -> None:
        """Say QUIT to all, and keep none from now on."""
        self._closed = True
        if self._timer is not None:
            self._timer.cancel()
        for place in tuple(self._idle):
            while (conversation := self.take(place)) is not None:
                background(conversation.quit())

    def _expire(self) -> None:
        loop = asyncio.get_running_loop()
        now, soonest = loop.time(), inf
        for place, waiting in tuple(self._idle.items()):
            for idle in tuple(waiting):
                if idle.until > now:
                    soonest = min(soonest, idle.until)
                    continue
                waiting.remove(idle)
                self._count -= 1
                idle.background(idle.conversation.quit())
            if not waiting:
                del self._idle[place]
        self._timer = None if soonest == inf else loop.call_at(soonest, self._expire)
