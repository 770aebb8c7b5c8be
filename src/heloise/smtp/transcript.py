"""Transcripts: what was said in a session, by both sides, fit to be shown. No secrets, no message text.

`Recorder` is what the engines call; `Transcript` is the recorder that keeps the lines. What follows AUTH is struck
out before it is kept (RFC 4954 §9), so that no later reader of a transcript has to think of it.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import Enum
from typing import Protocol

from heloise.mail.causes import FAULT_RULE
from heloise.mail.reply import Reply, printable
from heloise.smtp.command import Verb

STRUCK_OUT = "****"
CHALLENGE = 334
"""RFC 4954 §4: the exchange goes on. Of such a reply a transcript keeps the code only."""
_VERBS = frozenset(verb.value for verb in Verb)


class Direction(Enum):
    """Who said a line."""

    CLIENT = "C"
    SERVER = "S"
    NOTE = "-"  # nobody: a remark of ours


@dataclass(frozen=True, slots=True)
class TranscriptLine:
    """One command, one reply (its wire lines parted by a newline), one content or one remark."""

    direction: Direction
    text: str
    reply: Reply | None = None


class Recorder(Protocol):
    """Is told what is said. Called by the engines in the order of the wire; never blocks, never raises."""

    def command(self, line: bytes) -> None:
        """A line from the client that is not message text; with or without its CRLF."""
        ...

    def reply(self, reply: Reply) -> None:
        """A reply of the server."""
        ...

    def content(self, size: int) -> None:
        """The message text has been sent: `size` octets without transparency dots."""
        ...

    def note(self, text: str) -> None:
        """A remark: connected, lost, timed out."""
        ...


class Transcript:
    """Keeps at most `limit` lines; what comes after is counted in `left_out`."""

    def __init__(self, limit: int = 5000) -> None:
        self.lines: list[TranscriptLine] = []
        self.left_out = 0
        self._limit = limit
        self._secret = False  # inside an AUTH exchange
        self._refused_secret = False  # right after one that failed: a client that does not wait still sends its secret

    def __iter__(self) -> Iterator[TranscriptLine]:
        return iter(self.lines)

    def command(self, line: bytes) -> None:
        """Keep a line of the client, its secrets struck out."""
        self._keep(TranscriptLine(Direction.CLIENT, self._without_secrets(line)))

    def reply(self, reply: Reply) -> None:
        """Keep a reply."""
        if self._secret and reply.code == CHALLENGE:
            # A challenge is half of what an offline attack on the password needs.
            self._keep(TranscriptLine(Direction.SERVER, f"{CHALLENGE} {STRUCK_OUT}"))
            return
        if self._secret and reply.code >= 200:
            self._secret, self._refused_secret = False, reply.code >= 400
        self._keep(TranscriptLine(Direction.SERVER, _wire_text(reply), reply))

    def content(self, size: int) -> None:
        """Keep that there was a message, not the message."""
        self._keep(TranscriptLine(Direction.CLIENT, f"[message, {size} octets]"))

    def note(self, text: str) -> None:
        """Keep a remark."""
        self._keep(TranscriptLine(Direction.NOTE, printable(text)))

    def _keep(self, line: TranscriptLine) -> None:
        if len(self.lines) < self._limit:
            self.lines.append(line)
        else:
            self.left_out += 1

    def _without_secrets(self, line: bytes) -> str:
        text = printable(line.rstrip(b"\r\n").decode("utf-8", "replace"))
        words = text.split(maxsplit=2)
        verb = words[0].upper() if words else ""
        if self._secret or (self._refused_secret and len(words) == 1 and verb not in _VERBS):
            return STRUCK_OUT
        self._refused_secret = False
        if verb != "AUTH":
            return text
        self._secret = True
        return " ".join((*words[:2], STRUCK_OUT)) if len(words) > 2 else text


def _wire_text(reply: Reply) -> str:
    text = reply.encode().decode("utf-8", "backslashreplace").removesuffix("\r\n").replace("\r\n", "\n")
    return "\n".join(map(printable, text.split("\n"))) if reply.cause.kind is FAULT_RULE else text


def render(lines: Iterable[TranscriptLine], *, explained: bool = False) -> str:
    """The lines as `C: …` and `S: …`, a newline after each; `explained` adds why each reply was given."""
    return "".join(f"{line}\n" for entry in lines for line in _rendered(entry, explained))


def _rendered(entry: TranscriptLine, explained: bool) -> Iterator[str]:
    prefix = "--" if entry.direction is Direction.NOTE else f"{entry.direction.value}:"
    for text in entry.text.split("\n"):
        yield f"{prefix} {text}"
    if explained and entry.reply is not None:
        cause = entry.reply.cause
        yield f"     {cause}, {cause.clause}: {cause.kind.meaning}"
