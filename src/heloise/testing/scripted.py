"""Scripted SMTP peers: a server that says what a script tells, over any network, real or simulated.

    S: 220 mx.test           say a line; several in a row go out in one write
    C: EHLO                  hear a line that starts so; `*` stands for anything
    ! message                hear a text up to the final dot, and keep it
    ! octets 10              hear 10 octets (after BDAT)
    ! raw 250 ok\\n           say octets, with Python's escapes
    ! wait 5                 say nothing for 5 seconds
    ! silence                say nothing until the client is gone
    ! drop                   close the connection
    ! reset                  break it
    # a remark

After its last line a script answers QUIT with 221. The first connection gets the first script, and so on; the last
script serves all that follow.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self, TypeAlias, assert_never

from heloise.world import Endpoint, LinkError, Listening, Network, Stream, UnixEndpoint

_LOOPBACK = Endpoint("127.0.0.1", 0)
_AT_EXIT = 5.0  # seconds that a script has to end when the test is over


@dataclass(frozen=True, slots=True)
class Say:
    """Octets to the client."""

    octets: bytes


@dataclass(frozen=True, slots=True)
class Hear:
    """A line from the client."""

    pattern: str

    def fits(self, line: str) -> bool:
        """Does `line` start as the pattern says?"""
        return re.match(".*".join(map(re.escape, self.pattern.split("*"))), line) is not None


@dataclass(frozen=True, slots=True)
class HearMessage:
    """A text that ends with a dot."""


@dataclass(frozen=True, slots=True)
class HearOctets:
    """So many octets."""

    count: int


@dataclass(frozen=True, slots=True)
class Wait:
    """Some seconds of silence."""

    seconds: float


@dataclass(frozen=True, slots=True)
class Silence:
    """No word until the client has gone."""


@dataclass(frozen=True, slots=True)
class Leave:
    """The end of the connection; `broken` by a reset."""

    broken: bool


Step: TypeAlias = Say | Hear | HearMessage | HearOctets | Wait | Silence | Leave


def parse_script(text: str) -> tuple[Step, ...]:
    """Read a script. Raises ValueError for a line that is none."""
    steps: list[Step] = []
    for line in filter(None, (line.strip() for line in text.splitlines())):
        if line.startswith("#"):
            continue
        step = _parse_line(line)
        if isinstance(step, Say) and steps and isinstance(steps[-1], Say):
            steps[-1] = Say(steps[-1].octets + step.octets)
        else:
            steps.append(step)
    return tuple(steps)


def _parse_line(line: str) -> Step:
    head, _, rest = line.partition(" ")
    match head:
        case "S:":
            return Say(rest.encode() + b"\r\n")
        case "C:":
            return Hear(rest)
        case "!":
            return _parse_order(*rest.partition(" ")[::2])
        case _:
            raise ValueError(f"a script line starts with S:, C:, ! or #, not {line!r}")


def _parse_order(order: str, argument: str) -> Step:
    match order:
        case "message":
            return HearMessage()
        case "octets":
            return HearOctets(int(argument))
        case "raw":
            return Say(argument.encode().decode("unicode_escape").encode("latin-1"))
        case "wait":
            return Wait(float(argument))
        case "silence":
            return Silence()
        case "drop" | "reset":
            return Leave(broken=order == "reset")
        case _:
            raise ValueError(f"no such order in a script: {order!r}")


class ScriptMismatchError(AssertionError):
    """The client did something else than the script says."""


class ScriptedPeer:
    """Listens while the `async with` block runs; leaving it checks that every script was followed.

    Attributes:
        endpoint: where to dial.
        commands: the lines heard, of all connections.
        messages: the texts heard, with their transparency dots, without the final one.
        octets: what was heard between lines (BDAT chunks).
        connections: how many there were.
    """

    def __init__(self, network: Network, *scripts: str, endpoint: Endpoint | UnixEndpoint = _LOOPBACK) -> None:
        self.endpoint = endpoint
        self.commands: list[str] = []
        self.messages: list[bytes] = []
        self.octets: list[bytes] = []
        self.connections = 0
        self._network = network
        self._scripts = [parse_script(script) for script in scripts]
        self._listening: Listening | None = None
        self._open = 0
        self._over = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._mismatches: list[str] = []

    async def __aenter__(self) -> Self:
        self._listening = await self._network.listen(self.endpoint, self._serve)
        self.endpoint = self._listening.local
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._listening is not None
        await self._listening.close()
        self._over.set()
        if error is None:
            async with asyncio.timeout(_AT_EXIT):
                await self._idle.wait()
            if self._mismatches:
                raise ScriptMismatchError("; ".join(self._mismatches))

    async def is_over_within(self, seconds: float) -> bool:
        """Wait so long; True at once when the test has left the block: nobody waits for what would come."""
        try:
            async with asyncio.timeout(seconds):
                return await self._over.wait()
        except TimeoutError:
            return False

    async def _serve(self, stream: Stream) -> None:
        script = self._scripts[min(self.connections, len(self._scripts) - 1)]
        self.connections += 1
        self._open += 1
        self._idle.clear()
        try:
            await _Performance(self, stream).play(script)
        except ScriptMismatchError as error:
            self._mismatches.append(str(error))
        except LinkError:
            pass  # the client broke the connection; what it missed shows in its answers
        finally:
            self._open -= 1
            if not self._open:
                self._idle.set()


class _Performance:
    """One script on one connection."""

    def __init__(self, peer: ScriptedPeer, stream: Stream) -> None:
        self._peer = peer
        self._stream = stream
        self._input = b""

    async def play(self, script: Sequence[Step]) -> None:
        for step in script:
            match step:
                case Say(octets):
                    self._stream.send(octets)
                case Hear():
                    await self._hear(step)
                case HearMessage():
                    self._peer.messages.append(await self._hear_message())
                case HearOctets(count):
                    self._peer.octets.append(await self._take(count))
                case Wait(seconds):
                    if await self._peer.is_over_within(seconds):
                        return
                case Silence():
                    await self._hear_out()
                    return
                case Leave(broken):
                    self._leave(broken)
                    return
                case _:
                    assert_never(step)
        await self._part()

    async def _hear(self, step: Hear) -> None:
        line = await self._line()
        if line is None:
            raise ScriptMismatchError(f"the client left, {step.pattern!r} was due")
        self._peer.commands.append(line)
        if not step.fits(line):
            self._stream.abort()
            raise ScriptMismatchError(f"the client said {line!r}, {step.pattern!r} was due")

    async def _hear_message(self) -> bytes:
        if await self._until(b".\r\n", whole_line=True):
            text, self._input = b"", self._input[3:]
            return text
        if not await self._until(b"\r\n.\r\n"):
            raise ScriptMismatchError("the client left in the middle of the text")
        text, _, self._input = self._input.partition(b"\r\n.\r\n")
        return text + b"\r\n"

    async def _part(self) -> None:
        """The script is over: QUIT is fine, hanging up too."""
        line = await self._line()
        if line is None:
            return
        self._peer.commands.append(line)
        if line.upper() != "QUIT":
            raise ScriptMismatchError(f"the client said {line!r} after the end of the script")
        self._stream.send(b"221 bye\r\n")

    def _leave(self, broken: bool) -> None:
        if broken:
            self._stream.abort()
        else:
            self._stream.close()

    async def _hear_out(self) -> None:
        while await self._stream.receive():
            pass

    async def _line(self) -> str | None:
        if not await self._until(b"\n"):
            return None
        line, _, self._input = self._input.partition(b"\n")
        return line.removesuffix(b"\r").decode("utf-8", "replace")

    async def _take(self, count: int) -> bytes:
        while len(self._input) < count:
            if not await self._more():
                raise ScriptMismatchError(f"the client left, {count} octets were due")
        octets, self._input = self._input[:count], self._input[count:]
        return octets

    async def _until(self, mark: bytes, *, whole_line: bool = False) -> bool:
        """Read until `mark` is there; with `whole_line` only see whether the input starts with it."""
        while True:
            if whole_line and (len(self._input) >= len(mark) or not mark.startswith(self._input)):
                return self._input.startswith(mark)
            if not whole_line and mark in self._input:
                return True
            if not await self._more():
                return False

    async def _more(self) -> bool:
        octets = await self._stream.receive()
        self._input += octets
        return bool(octets)
