"""Command lines out of octets. RFC 5321 §2.3.8, §4.5.3.1.4. Only CRLF ends a line.

A line that is too long, or that has a bare LF, is answered once, at the moment it is seen to be bad, and then
swallowed up to its CRLF: what stands in it is never taken for another command. Knows nothing of sessions.
"""

from typing import Final

from heloise.mail.reply import Reply
from heloise.smtp import replies

_CR: Final = 13
LONGEST_RESPONSE: Final = 12288  # octets, RFC 4954 §4


class InputBuffer:
    """Octets that came in and were not used yet, with a place in them.

    Octets are joined only when a piece ends inside a line; whole pieces are used without a copy.
    """

    def __init__(self, *, command_line: int, endless_line: int) -> None:
        self._octets = b""
        self._place = 0
        self._limit = command_line
        self._endless = endless_line
        self.is_exchange = False  # is a response of AUTH the next line? Set by the engine
        self._swallowed = -1  # octets of a bad line swallowed so far; -1 when none is being swallowed

    def append(self, octets: bytes) -> None:
        """More octets from the peer."""
        if self._place == len(self._octets):
            self._octets = octets
        else:
            self._octets = self._octets[self._place :] + octets
        self._place = 0

    def __len__(self) -> int:
        return len(self._octets) - self._place

    def take(self, limit: int) -> bytes:
        """At most `limit` octets, whatever they are."""
        piece = self._octets[self._place : self._place + limit]
        self._place += len(piece)
        return piece

    def put_back(self, octets: bytes) -> None:
        """Octets that belong to what comes next; only right after everything was taken."""
        self._octets, self._place = octets, 0

    def clear(self) -> None:
        """Forget all."""
        self._octets, self._place = b"", 0

    def line(self) -> bytes | Reply | None:
        """The next line without CRLF, or the reply to a bad one, or None when more octets are needed."""
        if self._swallowed >= 0:
            problem = self._swallow()
            if self._swallowed >= 0 or problem is not None:
                return problem
        octets, place = self._octets, self._place
        end = octets.find(b"\n", place)
        stop = end if end >= 0 else len(octets)
        complete = stop > place and octets[stop - 1] == _CR
        # Length first, and without the CR that may be the end: so that it makes no difference where octets are cut.
        length = stop - complete - place
        if length > self._limit and (problem := self._too_long(length)) is not None:
            return self._start_swallowing(problem)
        if end < 0:
            return None
        self._place = end + 1
        return octets[place : end - 1] if complete else self._start_swallowing(replies.LINE_ENDING)

    def _too_long(self, length: int) -> Reply | None:
        """RFC 4954 §4: AUTH and its responses may have more octets than other lines."""
        opening = self._octets[self._place : self._place + 5].upper()
        if not self.is_exchange and opening != b"AUTH ":
            return replies.LINE_TOO_LONG
        return replies.AUTH_LINE_TOO_LONG if length > max(LONGEST_RESPONSE, self._limit) else None

    def _start_swallowing(self, reply: Reply) -> Reply:
        self._swallowed = 0
        return reply

    def _swallow(self) -> Reply | None:
        """Drop octets up to CRLF. A line past the endless limit is the end of the session."""
        octets, place = self._octets, self._place
        end = octets.find(b"\r\n", place)
        stop = end + 2 if end >= 0 else len(octets) - octets.endswith(b"\r", place)
        self._swallowed += stop - place
        self._place = stop
        if self._swallowed > self._endless:
            return replies.FLOOD
        if end >= 0:
            self._swallowed = -1
        return None
