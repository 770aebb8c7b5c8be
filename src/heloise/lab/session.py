"""One dialogue of the lab: lines go out as they were typed, each reply is told with what is known of it. RFC 5321 §3.

Nothing is mended: whoever types says what he likes, when he likes. What a line is (a command, text of the message,
octets of a chunk, a response to AUTH) follows from what the server has said. With a server of ours the replies are the
engine's own, with their causes, and so is the state; of another server there are its words.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from heloise.lab.following import Follower
from heloise.mail.encryption import Encryption
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.smtp.command import Bdat, Command, Hello, Plain, Verb, parse_command
from heloise.smtp.errors import RemoteProtocolError
from heloise.smtp.extension import Extension, ServerView
from heloise.smtp.registry import Registry
from heloise.smtp.reply_reader import ReplyReader
from heloise.smtp.states import ServerState
from heloise.smtp.transaction import NO_OFFERS, Offers
from heloise.smtp.transcript import Direction, Transcript, TranscriptLine
from heloise.world import ClientTls, LinkError, Stream

KEPT = 2000  # lines of the transcript
HANDSHAKE_TIME = 30.0  # seconds
_SETTLING = 0.005  # seconds between two looks at an engine that is shaking hands
_LOOKS = 400
_CLOSING = 421  # RFC 5321 §3.8: may come at any time


class Insight(Protocol):
    """What is known of a server that is ours."""

    @property
    def state(self) -> ServerState:
        """Where its engine stands."""
        ...

    @property
    def view(self) -> ServerView | None:
        """What its engine knows of the session; None when it is over."""
        ...

    def reply(self, number: int) -> Reply | None:
        """The reply it has said as this one of the session, counted from 0; None when it was not kept."""
        ...


class Kind(Enum):
    """What the next line will be taken for."""

    COMMAND = "command"
    TEXT = "text"  # of the message, until a dot
    CHUNK = "chunk"  # counted octets
    RESPONSE = "response"  # to a challenge of AUTH
    NOTHING = "nothing"  # the session is over


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something was said, or happened. `state` is where the session stands after it."""

    line: TranscriptLine
    state: ServerState


@dataclass(frozen=True, slots=True)
class _Due:
    """A reply that is due: for which verb, and whether it ends a message."""

    verb: str
    ends_message: bool = False
    last: bool = True


class LabSession:
    """One session. `hear` is called with each event as it comes; `tls` is what a handshake after STARTTLS demands.

    `serve` has to run, in a task, from the beginning to the end.
    """

    def __init__(
        self,
        stream: Stream,
        registry: Registry,
        *,
        hear: Callable[[Event], None],
        tls: ClientTls,
        insight: Insight | None = None,
        lmtp: bool = False,
    ) -> None:
        self.transcript = Transcript(KEPT)
        self.encryption: Encryption | None = None
        self.offers: Offers = NO_OFFERS
        self._stream = stream
        self._registry = registry
        self._hear = hear
        self._tls = tls
        self._insight = insight
        self._lmtp = lmtp
        self._follower = Follower(registry.transitions)
        self._due: deque[_Due] = deque((_Due(""),))
        self._news = asyncio.Event()
        self._heard = 0  # replies
        self._chunk_left = 0
        self._chunk_last = False
        self._recipients = 0  # accepted, of the open transaction
        self._text_size = 0  # octets of the message so far
        self._over = False

    # What is known

    @property
    def state(self) -> ServerState:
        """Where the session stands: by the engine where it is ours, else by what was said."""
        if self._over:
            return ServerState.CLOSED
        return self._follower.state if self._insight is None else self._insight.state

    @property
    def kind(self) -> Kind:
        """What the next line will be taken for."""
        if self._over:
            return Kind.NOTHING
        if self._chunk_left:
            return Kind.CHUNK
        match self._follower.state:
            case ServerState.TEXT:
                return Kind.TEXT
            case ServerState.AUTHENTICATING:
                return Kind.RESPONSE
            case _:
                return Kind.COMMAND

    @property
    def chunk_left(self) -> int:
        """Octets that are still to come of the chunk."""
        return self._chunk_left

    @property
    def is_over(self) -> bool:
        """Has the session ended?"""
        return self._over

    @property
    def is_waiting(self) -> bool:
        """Is something due of the server: a reply, its part of a handshake, or the end after its last word?"""
        at_an_end = self._follower.state in (ServerState.SECURING, ServerState.CLOSED)
        return not self._over and (bool(self._due) or at_an_end)

    def offers_now(self, extension: Extension) -> bool:
        """May this extension be used, as far as is known? By the engine where it is ours, else by the last EHLO."""
        view = None if self._insight is None else self._insight.view
        if view is None:
            return self.offers.has(extension.keyword)
        return extension.keyword in view.permitted and extension.advertise(view) is not None

    # What is done

    def say(self, line: bytes) -> None:
        """Send a line; its CRLF is added."""
        octets = line + b"\r\n"
        match self.kind:
            case Kind.TEXT:
                self._say_text(line)
            case Kind.CHUNK:
                self._say_chunk(octets)
                return
            case Kind.NOTHING:
                return
            case _:
                self._command(line)
        self._stream.send(octets)

    def say_octets(self, octets: bytes) -> None:
        """Send octets as they are, line endings and all; where a command belongs one reply is due for each CRLF."""
        if self.kind in (Kind.COMMAND, Kind.RESPONSE):
            for line in octets.split(b"\r\n")[:-1]:
                self._command(line)
        else:
            self._tell(TranscriptLine(Direction.CLIENT, repr(octets)[2:-1]))
        self._stream.send(octets)

    async def settled(self) -> None:
        """Wait until nothing is due any more."""
        while self.is_waiting:
            self._news.clear()
            await self._news.wait()

    async def serve(self) -> None:
        """Hear what the server says, until the connection ends."""
        reader = ReplyReader()
        try:
            while octets := await self._stream.receive():
                reader.feed(octets)
                await self._read(reader)
        except LinkError as error:
            self._end(f"the connection is lost: {error}")
        except RemoteProtocolError as error:
            self._end(f"what the server says is no reply: {error}")
        else:
            self._end("the server has closed the connection")

    def close(self) -> None:
        """Hang up."""
        self._end()
        self._stream.close()

    # Hearing

    async def _read(self, reader: ReplyReader) -> None:
        while True:
            # RFC 2034 §4: what looks like a status in the greeting and in the answer to EHLO is a word.
            reader.success_has_status = not self._due or self._due[0].verb not in ("", Verb.EHLO, Verb.LHLO, Verb.HELO)
            reply = reader.next_reply()
            if reply is None:
                return
            self._take(reply)
            if self._follower.state is ServerState.SECURING:
                await self._secure()

    def _take(self, said: Reply) -> None:
        known = None if self._insight is None else self._insight.reply(self._heard)
        reply = known if known is not None and known.code == said.code else said
        self._heard += 1
        if said.severity is not Severity.PROGRESS:
            self._follow(reply)
        self.transcript.reply(reply)
        self._tell(TranscriptLine(Direction.SERVER, _text(reply), reply))
        self._wake()

    def _follow(self, reply: Reply) -> None:
        """Where the session stands now, for one who knows only words."""
        if not self._due:
            if reply.code == _CLOSING:
                self._follower.ended()
            return
        due = self._due.popleft()
        if due.ends_message:
            self._follower.finished(reply)
            self._recipients = 0
        elif not due.verb:
            self._follower.greeted(reply)
        else:
            self._follower.answered(due.verb, reply, last=due.last)
            self._count(due.verb, reply)

    def _count(self, verb: str, reply: Reply) -> None:
        if reply.severity is not Severity.COMPLETED:
            return
        if verb == Verb.RCPT:
            self._recipients += 1
        elif verb in (Verb.EHLO, Verb.LHLO):
            self.offers = Offers.parse(reply)
        elif verb == Verb.HELO:
            self.offers = NO_OFFERS
        if verb in (Verb.EHLO, Verb.LHLO, Verb.HELO, Verb.RSET, Verb.MAIL):
            self._recipients = 0

    async def _secure(self) -> None:
        self.encryption = await self._stream.start_tls(self._tls, timeout=HANDSHAKE_TIME)
        self._follower.secured()
        self.offers = NO_OFFERS
        for _ in range(_LOOKS):  # the server's last word of the handshake is still on its way through it
            if self._insight is None or self._insight.state is not ServerState.SECURING:
                break
            await asyncio.sleep(_SETTLING)
        self._note(str(self.encryption))
        self._wake()

    # Saying

    def _command(self, line: bytes) -> None:
        if self._follower.state is ServerState.AUTHENTICATING:
            self._due.append(_Due("AUTH"))
            self._tell_command(line)
            return
        command = parse_command(line)
        self._tell_command(line)
        if isinstance(command, Bdat) and command.size:
            self._chunk_left, self._chunk_last = command.size, command.last
        else:
            self._due.append(_due(command, line))

    def _say_text(self, line: bytes) -> None:
        self._tell_content(line)
        if line == b".":
            self.transcript.content(self._text_size)
            self._text_size = 0
            self._due.extend([_Due("", ends_message=True)] * (self._recipients if self._lmtp else 1))
        else:
            self._text_size += len(line.removeprefix(b".")) + 2

    def _say_chunk(self, octets: bytes) -> None:
        """What is more than the chunk is not sent: as a command it would be a surprise."""
        piece, rest = octets[: self._chunk_left], octets[self._chunk_left :]
        self._chunk_left -= len(piece)
        self._tell_content(piece.rstrip(b"\r\n"))
        if not self._chunk_left:
            self._due.append(_Due(Verb.BDAT, last=self._chunk_last))
        self._stream.send(piece)
        if rest.strip():
            self._note(f"the chunk was full: {len(rest)} octets were not sent")

    # Telling

    def _tell_command(self, line: bytes) -> None:
        before = len(self.transcript.lines)
        self.transcript.command(line)
        if len(self.transcript.lines) > before:
            self._tell(self.transcript.lines[-1])

    def _tell_content(self, line: bytes) -> None:
        shown = line.decode("utf-8", "replace")
        self._tell(TranscriptLine(Direction.CLIENT, shown))

    def _note(self, text: str) -> None:
        self.transcript.note(text)
        self._tell(TranscriptLine(Direction.NOTE, text))

    def _tell(self, line: TranscriptLine) -> None:
        self._hear(Event(line=line, state=self.state))

    def _wake(self) -> None:
        self._news.set()

    def _end(self, how: str = "") -> None:
        if self._over:
            return
        self._over = True
        self._follower.ended()
        if how:
            self._note(how)
        self._wake()


def _due(command: Command | Reply, line: bytes) -> _Due:
    if isinstance(command, Bdat):
        return _Due(Verb.BDAT, last=command.last)
    if isinstance(command, Hello | Plain):
        return _Due(command.verb)
    if not isinstance(command, Reply):
        return _Due(command.verb)
    return _Due(line.partition(b" ")[0].decode("ascii", "replace").upper() or "?")


def _text(reply: Reply) -> str:
    return reply.encode().decode("utf-8", "backslashreplace").removesuffix("\r\n").replace("\r\n", "\n")
