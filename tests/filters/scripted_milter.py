"""A milter in the same world that says what a test wants it to, well or wrongly."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field

from heloise.world import Endpoint, LinkError, Listening, Network, Stream

HANG = b"hang"
DIE = b"die"
CONTINUE, ACCEPT = b"c", b"a"


def packet(octets: bytes) -> bytes:
    """One packet of the octet that says what it is, and its data."""
    return len(octets).to_bytes(4, "big") + octets


@dataclass(slots=True)
class ScriptedMilter:
    """`answers` are packets by the octet of the command, `c` for all that is not there; HANG to say nothing, DIE to
    hang up; what is in `raw` is sent as it is. `heard` are the commands of all connections with their data."""

    answers: dict[bytes, list[bytes]] = field(default_factory=dict)
    raw: dict[bytes, bytes] = field(default_factory=dict)
    steps: int = 0
    version: int = 6
    heard: list[tuple[bytes, bytes]] = field(default_factory=list)
    macros: dict[bytes, dict[str, str]] = field(default_factory=dict)

    async def listen(self, network: Network, endpoint: Endpoint) -> Listening:
        """Serve from now on."""
        return await network.listen(endpoint, self._serve)

    def commands(self) -> str:
        """The octets of what was heard, without macros."""
        # Whether the farewell has come already, is chance.
        return b"".join([code for code, _ in self.heard if code not in (b"D", b"Q")]).decode()

    async def _serve(self, stream: Stream) -> None:
        rest = b""
        try:
            while True:
                while len(rest) < 4 or len(rest) < 4 + int.from_bytes(rest[:4], "big"):
                    octets = await stream.receive()
                    if not octets:
                        return
                    rest += octets
                size = int.from_bytes(rest[:4], "big")
                code, data, rest = rest[4:5], rest[5 : 4 + size], rest[4 + size :]
                self.heard.append((code, data))
                if not await self._answer(stream, code, data):
                    return
        except LinkError:
            return

    async def _answer(self, stream: Stream, code: bytes, data: bytes) -> bool:
        if code == b"D":
            words = data[1:-1].decode().split("\0")
            self.macros[data[:1]] = dict(zip(words[::2], words[1::2], strict=True))
            return True
        if code in (b"A", b"Q"):
            return code != b"Q"
        if code in self.raw:
            stream.send(self.raw[code])
            return True
        if code == b"O" and code not in self.answers:
            numbers = (self.version, 0x1FF if self.version >= 6 else 0x3F, self.steps)
            stream.send(packet(b"O" + b"".join([each.to_bytes(4, "big") for each in numbers])))
            return True
        for answer in self.answers.get(code, [CONTINUE]):
            if answer == HANG:
                await asyncio.Event().wait()
            if answer == DIE:
                return False
            stream.send(packet(answer))
        return True
