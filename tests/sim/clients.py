"""Clients that bring letters: heloise's own, and one written without it. Both tell the judge what they were told."""

import asyncio
import random
from dataclasses import dataclass

from heloise.link.dial import DialFailure, dial
from heloise.mail.content import MemoryContent
from heloise.mail.envelope import Envelope, Parameter, Parameters, Recipient
from heloise.mail.path import NULL_REVERSE_PATH, ForwardPath, ReversePath
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.smtp.transaction import ClientOptions
from heloise.testing import Judge, Letter, SimulatedHost
from heloise.world import Endpoint, LinkError, Stream

_EXTENSIONS = discover()
# A commit that failed leaves it open what the disk has: see heloise/queue/README.md. No client is told that.
_IN_DOUBT = "451 4.3.0 The message could not be stored"


@dataclass(frozen=True, slots=True, kw_only=True)
class Sending:
    """One try: who sends what to which server."""

    host: SimulatedHost
    server: Endpoint
    judge: Judge
    letter: Letter
    recipients: tuple[str, ...]
    generator: random.Random

    @property
    def is_eight_bit(self) -> bool:
        """Does the letter need BODY=8BITMIME?"""
        return not self.letter.octets.isascii()


async def send_by_engine(sending: Sending) -> list[str]:
    """Send with heloise's client. The recipients that are to be tried again."""
    letter, draw = sending.letter, sending.generator.random
    attempt = sending.judge.attempt(letter, f"{sending.host.name} (engine)", sending.recipients)
    options = ClientOptions(hello_name=sending.host.name, verbose=draw() < 0.15, chunking=draw() < 0.3)
    conversation = await dial(sending.host.world, sending.server, options, _EXTENSIONS)
    if isinstance(conversation, DialFailure):
        for recipient in sending.recipients:
            attempt.refused(recipient, str(conversation.reply))
        return list(sending.recipients)
    body = Parameters((Parameter("BODY", "8BITMIME"),)) if sending.is_eight_bit else Parameters()
    envelope = Envelope(
        reverse_path=ReversePath.parse(f"<{letter.sender}>".encode()) if letter.sender else NULL_REVERSE_PATH,
        parameters=body,
        recipients=tuple(Recipient(ForwardPath.parse(f"<{each}>".encode())) for each in sending.recipients),
    )
    answers = await conversation.deliver(envelope, MemoryContent(letter.octets), content_facts(letter.octets))
    again = []
    for recipient, answer in zip(sending.recipients, answers, strict=True):
        if answer.is_taken:
            attempt.accepted(recipient, str(answer.reply))
        elif answer.ambiguous or str(answer.reply) == _IN_DOUBT:
            again.append(recipient)
        else:
            attempt.refused(recipient, str(answer.reply))
            if not answer.said_by_peer or answer.reply.code < 500:
                again.append(recipient)
    await conversation.quit()
    return again


async def send_by_hand(sending: Sending) -> list[str]:
    """Send with a client that knows nothing of heloise. The recipients that are to be tried again."""
    talk = _Talk(sending)
    try:
        async with asyncio.timeout(900):
            await talk.run()
    except (LinkError, TimeoutError, EOFError):
        pass
    finally:
        talk.hang_up()
    return talk.judge()


class _Talk:
    def __init__(self, sending: Sending) -> None:
        self._sending = sending
        letter = sending.letter
        self._attempt = sending.judge.attempt(letter, f"{sending.host.name} (by hand)", sending.recipients)
        self._stream: Stream | None = None
        self._input = b""
        self._answers: dict[str, str] = {}
        self._dot_sent = False

    async def run(self) -> None:
        sending = self._sending
        draw = sending.generator.random
        self._stream = await sending.host.world.network.connect(sending.server, timeout=30)
        if not (await self._reply()).startswith("2") or not (await self._ask("EHLO by.hand")).startswith("2"):
            return
        if draw() < 0.1:
            await self._ask("VERB ON")
        body = " BODY=8BITMIME" if sending.is_eight_bit else ""
        commands = [f"MAIL FROM:<{sending.letter.sender}>{body}"]
        commands += [f"RCPT TO:<{recipient}>" for recipient in sending.recipients]
        replies = await self._group(commands, together=draw() < 0.5)
        self._answers = dict(zip(sending.recipients, replies[1:], strict=True))
        if not replies[0].startswith("2"):
            self._answers = dict.fromkeys(sending.recipients, replies[0])
            return
        if not any(reply.startswith("2") for reply in self._answers.values()):
            return
        if draw() < 0.1:  # changes its mind
            await self._ask("RSET")
            self._overrule("450 changed its mind")
            return
        reply = await self._ask("DATA")
        if not reply.startswith("354"):
            self._overrule(reply)
            return
        await self._send_text(gives_up=draw() < 0.05)

    async def _send_text(self, *, gives_up: bool) -> None:
        assert self._stream is not None
        text = (b"\r\n" + self._sending.letter.octets).replace(b"\r\n.", b"\r\n..")[2:]
        size = self._sending.generator.choice((1000, 1460, 16384, len(text)))
        for start in range(0, len(text), size):
            self._stream.send(text[start : start + size])
            await self._stream.drain()
            if gives_up and start > len(text) // 2:
                self._stream.abort()
                self._overrule("450 went away")
                return
        self._dot_sent = True
        self._stream.send(b".\r\n")
        self._overrule("")
        self._overrule(await self._final())
        await self._ask("QUIT")

    def _overrule(self, reply: str) -> None:
        """What is said to the text holds for all who were accepted before; nothing said leaves them in doubt."""
        self._answers = {
            recipient: reply if old == "" or old.startswith("2") else old for recipient, old in self._answers.items()
        }

    def judge(self) -> list[str]:
        again = []
        for recipient in self._sending.recipients:
            reply = self._answers.get(recipient, "450 nothing came of it")
            if reply in ("", _IN_DOUBT):
                again.append(recipient)
            elif reply.startswith("2") and self._dot_sent:
                self._attempt.accepted(recipient, reply)
            else:
                self._attempt.refused(recipient, reply)
                if reply[0] != "5":
                    again.append(recipient)
        return again

    def hang_up(self) -> None:
        if self._stream is not None:
            self._stream.close()

    async def _ask(self, command: str) -> str:
        return (await self._group([command], together=True))[0]

    async def _group(self, commands: list[str], *, together: bool) -> list[str]:
        assert self._stream is not None
        if together:
            self._stream.send("".join(f"{command}\r\n" for command in commands).encode())
            return [await self._reply() for _ in commands]
        replies = []
        for command in commands:
            self._stream.send(f"{command}\r\n".encode())
            replies.append(await self._reply())
        return replies

    async def _final(self) -> str:
        while (reply := await self._reply()).startswith("050"):
            pass
        return reply

    async def _reply(self) -> str:
        assert self._stream is not None
        while True:
            line, end, rest = self._input.partition(b"\r\n")
            if end:
                self._input = rest
                if line[3:4] != b"-":
                    return line.decode()
                continue
            octets = await self._stream.receive()
            if not octets:
                raise EOFError
            self._input += octets
