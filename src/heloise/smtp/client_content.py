"""Content on its way to the peer, by DATA or by BDAT. RFC 5321 §4.1.1.4, RFC 3030 §2. Input: pieces; output: steps.

Both ways have one shape: `feed` gives what can be sent now, `finish` the last step, whose replies decide. Both raise
BareLineEndingError for octets that can not be sent that way.
"""

from collections.abc import Iterable
from typing import Protocol

from heloise.smtp.client_states import Expectation, Expected, Step
from heloise.smtp.command import Bdat
from heloise.smtp.stuffing import DotStuffer

_CHUNK = Expectation(Expected.CHUNK)


class OutgoingContent(Protocol):
    """One content being sent; `size` is in octets without transparency dots."""

    size: int

    def feed(self, piece: bytes) -> Iterable[Step]:
        """What can be sent of it, and of what came before."""
        ...

    def finish(self, ends: tuple[Expectation, ...]) -> Step:
        """The end of the content; its replies are `ends`."""
        ...


class OutgoingText:
    """After 354: dots are stuffed, a dot ends it."""

    def __init__(self) -> None:
        self.size = 0
        self._stuffer = DotStuffer()

    def feed(self, piece: bytes) -> Iterable[Step]:
        """The piece, stuffed."""
        self.size += len(piece)
        return (Step(self._stuffer.feed(piece), (), None),)

    def finish(self, ends: tuple[Expectation, ...]) -> Step:
        """The final dot."""
        return Step(self._stuffer.finish(), ends, None, self.size)


class OutgoingChunks:
    """By BDAT, a chunk for each piece; the last piece is held back, so that LAST goes with it and costs no turn."""

    def __init__(self, *, binary: bool) -> None:
        self.size = 0
        self._check = None if binary else DotStuffer()
        self._held = b""

    def feed(self, piece: bytes) -> Iterable[Step]:
        """The piece before this one."""
        self.size += len(piece)
        if self._check is not None:
            self._check.feed(piece)
        chunk, self._held = self._held, piece
        if not chunk:
            return ()
        line = Bdat(len(chunk)).encode()
        return (Step(line + chunk, (_CHUNK,), line),)

    def finish(self, ends: tuple[Expectation, ...]) -> Step:
        """The last piece with LAST; text gets the CRLF that it lacks."""
        chunk = self._held
        if self._check is not None and self._check.finish().startswith(b"\r\n"):
            chunk += b"\r\n"
        line = Bdat(len(chunk), last=True).encode()
        return Step(line + chunk, ends, line, self.size)
