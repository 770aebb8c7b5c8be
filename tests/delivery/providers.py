"""Peers with a will of their own: hidden limits, short sessions, few recipients, silence."""

from collections import deque
from collections.abc import Callable, Sequence
from typing import TypeAlias

from heloise.testing import SimulatedHost, SimulatedWorld
from heloise.world import Endpoint, Stream
from tests.delivery.house import Peer

Refusal: TypeAlias = Callable[[str], str | None]  # what to say to a line (empty: at the greeting), or None


class Provider(Peer):
    """A peer that may refuse with 421, and then closes the connection, as it must (RFC 5321 §3.8)."""

    def __init__(
        self, host: SimulatedHost, refusal: Callable[[str], str | None], extensions: Sequence[str] = ()
    ) -> None:
        super().__init__(host.name, extensions=extensions)
        self.host = host
        self.taken_at: list[float] = []
        self.refused = 0
        self.one_message_a_session = False
        self.most_recipients = 1000
        self._recipients = 0
        self._refusal = refusal

    def refuse_by(self, refusal: Refusal) -> None:
        """Refuse so from now on."""
        self._refusal = refusal

    @property
    def now(self) -> float:
        return self.host.world.clock.now()

    def taken_between(self, start: float, end: float) -> int:
        """How many messages it took in this time."""
        return sum(start <= moment < end for moment in self.taken_at)

    def _answer(self, line: str) -> str:
        if line[:4] == "RCPT":
            self._recipients += 1
            if self._recipients > self.most_recipients:
                return "452 4.5.3 too many recipients"
        elif line[:4] == "MAIL":
            self._recipients = 0
        return super()._answer(line)

    def _say(self, stream: Stream, line: str) -> bool:
        refusal = self._refusal(line)
        if refusal is not None:
            self.commands.append(line)
            self.refused += 1
            stream.send(refusal.encode() + b"\r\n")
            stream.close()
            return False
        if line == ".":
            self.taken_at.append(self.now)
        goes_on = super()._say(stream, line)
        if line == "." and self.one_message_a_session:
            stream.close()
            return False
        return goes_on


class SlidingLimit:
    """At most so many of `verb` in any stretch of `seconds`; what is refused is not counted."""

    def __init__(self, limit: int, seconds: float, verb: str, clock: Callable[[], float]) -> None:
        self._limit, self._seconds, self._verb, self._clock = limit, seconds, verb, clock
        self._seen: deque[float] = deque()

    def __call__(self, line: str) -> str | None:
        if line[:4] != self._verb:
            return None
        now = self._clock()
        while self._seen and self._seen[0] <= now - self._seconds:
            self._seen.popleft()
        if len(self._seen) >= self._limit:
            return "421 4.7.28 too much mail from you, come again later"
        self._seen.append(now)
        return None


class FixedLimit(SlidingLimit):
    """At most so many in each minute of the clock."""

    def __call__(self, line: str) -> str | None:
        if self._seen and self._seen[0] // self._seconds != self._clock() // self._seconds:
            self._seen.clear()
        while len(self._seen) > self._limit:
            self._seen.popleft()
        return super().__call__(line)


async def open_provider(
    simulation: SimulatedWorld,
    name: str,
    address: str,
    refusal: Refusal = lambda line: None,
    *,
    extensions: Sequence[str] = (),
) -> Provider:
    """A provider that listens."""
    host = simulation.host(name, address)
    provider = Provider(host, refusal, extensions)
    await host.world.network.listen(Endpoint(address, 25), provider.serve)
    return provider
