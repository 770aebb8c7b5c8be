"""Dot transparency on the way out, and the end of data. RFC 5321 §4.5.2. Input: content; output: what follows 354.

Streaming: pieces may be cut anywhere, also inside CRLF. Linear time: `split`, `count` and `replace` only. Never lets a
bare CR or LF out (§2.3.8): behind it a careless server might take content for commands.
"""

from heloise.smtp.errors import LocalProtocolError

_CR, _DOT = 13, 46


class BareLineEndingError(LocalProtocolError):
    """The content has a bare CR or LF and can not be sent by DATA."""


class DotStuffer:
    """Makes one content fit to follow 354."""

    def __init__(self) -> None:
        self._at_line_start = True
        self._held = b""  # a CR at the end of a piece: its LF may be the start of the next

    def feed(self, chunk: bytes) -> bytes:
        """The wire form of the next piece.

        Raises:
            BareLineEndingError: a CR or LF stands alone.
        """
        if self._held:
            chunk = self._held + chunk
            self._held = b""
        if chunk.endswith(b"\r"):
            chunk, self._held = chunk[:-1], b"\r"
        if not chunk:
            return b""
        stuffed = chunk.replace(b"\r\n.", b"\r\n..") if _look_at_lines(chunk) else chunk
        if self._at_line_start and chunk.startswith(b"."):
            stuffed = b"." + stuffed
        self._at_line_start = chunk.endswith(b"\n")
        return stuffed

    def finish(self) -> bytes:
        """The final dot, with the CRLF before it when the content does not end with one.

        Raises:
            BareLineEndingError: the content ends with a bare CR.
        """
        if self._held:
            raise BareLineEndingError("a bare CR at the end of the content")
        return b".\r\n" if self._at_line_start else b"\r\n.\r\n"


def _look_at_lines(octets: bytes) -> bool:
    """May one of the lines begin with a dot? Raises BareLineEndingError."""
    # Cut at LF, which is faster than to search for CRLF: each line but the last has to end with CR.
    lines = octets.split(b"\n")
    last = lines.pop()
    dotted = last.startswith(b".")
    for line in lines:
        if not line or line[-1] != _CR:
            raise BareLineEndingError("a bare LF in the content")
        if line[0] == _DOT:
            dotted = True
    if octets.count(b"\r") != len(lines):
        raise BareLineEndingError("a bare CR in the content")
    return dotted
