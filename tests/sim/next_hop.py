"""A mail server that is not heloise: takes mail as it pleases, tells the judge, and is written without our engine.

By SMTP, or by LMTP with an answer for each recipient after the text.
"""

import asyncio
import random
from contextlib import suppress
from dataclasses import dataclass, field

from heloise.testing import Judge, SimulatedHost
from heloise.world import Endpoint, LinkError, Listening, Stream


@dataclass(frozen=True, slots=True, kw_only=True)
class Temper:
    """How often, per stage of a conversation, it says 4yz, says 5yz, hangs up, says nothing."""

    delays: float = 0.0
    refuses: float = 0.0
    leaves: float = 0.0
    sleeps: float = 0.0
    esmtp: bool = True
    lmtp: bool = False  # answers for each recipient after the text, RFC 2033
    slow: float = 0.0  # seconds before each answer, at most


GENTLE = Temper()
_OFFERS = "250-here\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SIZE\r\n250 ENHANCEDSTATUSCODES"
PATIENCE = 1200.0  # seconds that a session may last


@dataclass(slots=True)
class _Transaction:
    sender: str = ""
    recipients: list[str] = field(default_factory=list)


class NextHop:
    """Listens on port 25 of `host`."""

    def __init__(self, host: SimulatedHost, judge: Judge, generator: random.Random, temper: Temper) -> None:
        self.temper = temper
        self._host = host
        self._judge = judge
        self._generator = generator
        self._listening: Listening | None = None

    async def up(self) -> None:
        """Listen; nothing happens when it does."""
        if self._listening is None:
            endpoint = Endpoint(self._host.network.addresses[0], 25)
            self._listening = await self._host.network.listen(endpoint, self._serve)

    async def down(self) -> None:
        """Refuse connections."""
        listening, self._listening = self._listening, None
        if listening is not None:
            await listening.close()

    async def _serve(self, stream: Stream) -> None:
        with suppress(LinkError, TimeoutError, _Left):
            async with asyncio.timeout(PATIENCE):
                await _Session(self, stream).run()

    def draw(self, stage: str) -> str:
        """What to do at a stage: ok, 4, 5, leave or sleep."""
        temper, lot = self.temper, self._generator.random()
        for word, rate in (("4", temper.delays), ("5", temper.refuses), ("leave", temper.leaves)):
            if lot < rate:
                return word
            lot -= rate
        return "sleep" if lot < temper.sleeps else "ok"

    async def pause(self) -> None:
        """Before each answer."""
        if self.temper.slow:
            await asyncio.sleep(self._generator.uniform(0, self.temper.slow))

    def took(self, transaction: _Transaction, octets: bytes) -> None:
        """Responsibility was taken, and is about to be told."""
        self._judge.arrived(self._host.name, transaction.sender, transaction.recipients, octets)

    def grounds(self, *addresses: str) -> None:
        """It said 5yz for these."""
        for address in addresses:
            self._judge.ground(address, f"{self._host.name} says so")

    def half(self) -> bool:
        """Now and then."""
        return self._generator.random() < 0.5


class _Left(Exception):
    """The conversation is over."""


class _Session:
    def __init__(self, hop: NextHop, stream: Stream) -> None:
        self._hop = hop
        self._stream = stream
        self._input = b""
        self._transaction: _Transaction | None = None
        self._verdict = {"4": "450 4.3.0 not now", "5": "550 5.7.1 never"}

    async def run(self) -> None:
        await self._stage("greeting", "220 here", "421 4.3.2 later", "554 5.3.2 no mail here", domain=True)
        while (line := await self._line()) is not None:
            verb, _, rest = line.partition(" ")
            match verb.upper():
                case "EHLO" | "HELO" if self._hop.temper.lmtp:
                    await self._say("500 5.5.1 LHLO")
                case "LHLO" if self._hop.temper.lmtp:
                    await self._say(_OFFERS)
                case "EHLO" if self._hop.temper.esmtp:
                    await self._say(_OFFERS)
                case "EHLO":
                    await self._say("502 5.5.1 what?")
                case "HELO":
                    await self._say("250 here")
                case "MAIL":
                    await self._mail(rest)
                case "RCPT":
                    await self._rcpt(rest)
                case "DATA":
                    await self._data()
                case "RSET" | "NOOP":
                    self._transaction = None if verb.upper() == "RSET" else self._transaction
                    await self._say("250 fine")
                case "QUIT":
                    await self._say("221 bye")
                    return
                case _:
                    await self._say("500 5.5.1 what?")

    async def _mail(self, rest: str) -> None:
        if await self._stage("mail", "250 fine", "450 4.7.1 not now", "550 5.7.1 not from you", domain=True):
            self._transaction = _Transaction(_path(rest))

    async def _rcpt(self, rest: str) -> None:
        if self._transaction is None:
            await self._say("503 5.5.1 MAIL first")
            return
        path = _path(rest)
        if await self._stage("rcpt", "250 fine", "450 4.2.1 busy", "550 5.1.1 nobody", recipients=[path]):
            self._transaction.recipients.append(path)

    async def _data(self) -> None:
        transaction = self._transaction
        if transaction is None or not transaction.recipients:
            await self._say("503 5.5.1 nobody to give it to")
            return
        self._transaction = None
        recipients = transaction.recipients
        if not await self._stage("data", "354 go", "451 4.3.0 not now", "554 5.6.0 no", recipients=recipients):
            return
        text = await self._text()
        for part in _parts(transaction) if self._hop.temper.lmtp else [transaction]:
            await self._decide(part, text)

    async def _decide(self, transaction: _Transaction, text: bytes) -> None:
        word = self._hop.draw("content")
        if word == "ok" or (word == "leave" and self._hop.half()):
            self._hop.took(transaction, text)
            await self._obey("250 2.0.0 taken" if word == "ok" else None, word)
        else:
            if word == "5":
                self._hop.grounds(*transaction.recipients)
            await self._obey({"4": "451 4.3.0 not now", "5": "554 5.6.0 no"}.get(word), word)

    async def _stage(
        self, stage: str, yes: str, later: str, never: str, *, recipients: list[str] | None = None, domain: bool = False
    ) -> bool:
        word = self._hop.draw(stage)
        if word == "5":
            self._hop.grounds(
                *(recipients or []), *(["rough.example", "mxed.example", "store.example"] if domain else [])
            )
        await self._obey({"ok": yes, "4": later, "5": never}.get(word), word)
        return word == "ok"

    async def _obey(self, answer: str | None, word: str) -> None:
        if word == "sleep":
            while await self._stream.receive():
                pass
            raise _Left
        if answer is None:
            if self._hop.half():
                self._stream.abort()
            raise _Left
        await self._say(answer)

    async def _say(self, line: str) -> None:
        await self._hop.pause()
        self._stream.send(line.encode() + b"\r\n")

    async def _line(self) -> str | None:
        while b"\r\n" not in self._input:
            octets = await self._stream.receive()
            if not octets:
                return None
            self._input += octets
        line, _, self._input = self._input.partition(b"\r\n")
        return line.decode()

    async def _text(self) -> bytes:
        parts = [self._input]
        tail = b"\r\n" + self._input
        while b"\r\n.\r\n" not in tail:
            octets = await self._stream.receive()
            if not octets:
                raise _Left
            parts.append(octets)
            tail = tail[-5:] + octets
        text, _, self._input = (b"\r\n" + b"".join(parts)).partition(b"\r\n.\r\n")
        return (text + b"\r\n").replace(b"\r\n..", b"\r\n.")[2:]


def _parts(transaction: _Transaction) -> list[_Transaction]:
    """One for each recipient."""
    return [_Transaction(transaction.sender, [recipient]) for recipient in transaction.recipients]


def _path(rest: str) -> str:
    return rest[rest.index("<") + 1 : rest.index(">")]
