"""Keeps the books of one session, from its recorder: each command gets one final reply, and each reply is in order.

Both engines have a recorder, so both can be audited. What breaks a rule raises AssertionError at once.
"""

import re

from heloise.mail.causes import CATALOGUE
from heloise.mail.reply import MAXIMUM_REPLY_LINE, Reply
from heloise.mail.status import Severity
from heloise.smtp.transcript import Transcript

_WIRE_LINE = re.compile(r"[0-5][0-9]{2}[ -][^\x00-\x08\x0a-\x1f\x7f-\x9f]*")
_HELLO = (b"EHLO", b"HELO", b"LHLO")
_CLOSING = (221, 421)
_GREETING = b"(greeting)"


class Ledger(Transcript):
    """A transcript that objects. `due` is how many final replies are still owed."""

    def __init__(self, *, lmtp: bool) -> None:
        super().__init__(limit=1 << 20)
        self.due = 1
        self.replies: list[Reply] = []
        self.commands = 0
        self._lmtp = lmtp
        self._verb = _GREETING
        self._recipients = 0
        self._closed = False

    def command(self, line: bytes) -> None:
        """The reply to the command before is out."""
        assert not self.due, f"no reply to {self._verb!r} before {line!r}"
        assert not self._closed, f"taken after the end: {line!r}"
        super().command(line)
        self.commands += 1
        self.due = 1
        self._verb = line.split(b" ")[0].strip().upper()

    def content(self, size: int) -> None:
        """In LMTP there is a final reply for each recipient. RFC 2033 §4.2."""
        super().content(size)
        assert self.due == 1, f"content while {self.due} replies are due"
        self.due = self._recipients if self._lmtp else 1
        self._verb = b"(content)"

    def reply(self, reply: Reply) -> None:
        """One final reply to each command, nothing after the farewell."""
        super().reply(reply)
        assert not self._closed, f"said after the end: {reply}"
        self.replies.append(reply)
        self._check_form(reply)
        if reply.severity is Severity.PROGRESS:
            return
        self._closed = reply.code in _CLOSING
        if reply.code == 421:  # RFC 5321 §3.8: may come at any time
            self.due = 0
            return
        assert self.due, f"a reply to no command: {reply}"
        self._count(reply)

    def _count(self, reply: Reply) -> None:
        if reply.severity is Severity.INTERMEDIATE:
            assert self._verb == b"DATA", f"{reply} to {self._verb!r}"
            return  # the final reply comes after the content
        self.due -= 1
        if reply.severity is not Severity.COMPLETED:
            return
        if self._verb == b"RCPT":
            self._recipients += 1
        elif self._verb in (b"MAIL", b"RSET", *_HELLO):
            self._recipients = 0

    def _check_form(self, reply: Reply) -> None:
        """RFC 5321 §4.2, §4.5.3.1.5, RFC 2034 §4."""
        assert CATALOGUE[reply.cause.id] is reply.cause.kind
        wire = reply.encode()
        assert wire.endswith(b"\r\n")
        lines = wire[:-2].decode().split("\r\n")
        assert len(lines) == len(reply.lines)
        for number, line in enumerate(lines, 1):
            assert _WIRE_LINE.fullmatch(line), f"not a reply line: {line!r}"
            assert len(line.encode()) + 2 <= MAXIMUM_REPLY_LINE, f"too long for a reply line: {line!r}"
            assert (line[3] == " ") == (number == len(lines))
        if reply.severity in (Severity.PROGRESS, Severity.INTERMEDIATE):
            assert reply.status is None
        elif self._verb in (*_HELLO, _GREETING, b"XCLIENT"):
            assert reply.status is None or reply.severity is not Severity.COMPLETED
        else:
            assert reply.status is not None, f"{reply} has no enhanced status"

    @property
    def wire(self) -> bytes:
        """All replies as they have to stand on the wire."""
        return b"".join(reply.encode() for reply in self.replies)
