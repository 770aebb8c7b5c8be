"""A reply: code, enhanced status, lines and cause. RFC 5321 §4.2, RFC 2034.

A reply without a cause can not be constructed. The wire form is made once, at construction, so that the replies
kept as constants cost nothing to say.
"""

import re
from dataclasses import dataclass, field
from typing import Final

from heloise.mail.cause import Cause
from heloise.mail.status import EnhancedStatus, Severity

_SEVERITIES: Final = tuple(Severity)  # in the order of the first digit
_UNFIT = re.compile(r"[\x00-\x08\x0a-\x1f\x7f-\x9f]")
MAXIMUM_REPLY_LINE = 512  # RFC 5321 §4.5.3.1.5: octets, with code and CRLF


def printable(text: str, limit: int = 480) -> str:
    """`text` made fit for a reply line: no control characters, no line breaks, at most `limit` octets of UTF-8."""
    if len(text) <= limit and text.isascii() and text.isprintable():
        return text  # as nearly all are
    clean = _UNFIT.sub("?", text)
    if len(clean) <= limit and clean.isascii():
        return clean
    return clean.encode("utf-8", "replace")[:limit].decode("utf-8", "ignore")


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """What an SMTP server says to a command.

    `status` is None where RFC 2034 §4 has none: greeting, HELO/EHLO, 3yz. `lines` is the text, one item a line,
    without code and status.
    """

    code: int
    status: EnhancedStatus | None
    lines: tuple[str, ...]
    cause: Cause
    severity: Severity = field(init=False, repr=False, compare=False)
    """By the first digit alone, whatever the other two are. RFC 5321 §4.3.2."""
    _wire: bytes = field(default=b"", repr=False, compare=False)
    """Given by who has checked the words."""

    def __post_init__(self) -> None:
        if not self._wire:
            self._check()
            object.__setattr__(self, "_wire", self._encode())
        object.__setattr__(self, "severity", _SEVERITIES[self.code // 100])

    def _check(self) -> None:
        if not isinstance(self.cause, Cause):
            raise TypeError("a reply has a cause")
        if not (0 <= self.code <= 599):
            raise ValueError(f"a reply code has three digits, the first 0 to 5: {self.code}")
        if not self.lines:
            raise ValueError("a reply has at least one line")
        if self.status is not None and self.status.klass != self.code // 100:
            raise ValueError(f"status {self.status} does not go with code {self.code}")  # RFC 2034 §4
        if any(_UNFIT.search(line) for line in self.lines):
            raise ValueError("a reply line has no control characters; use printable()")

    def _encode(self) -> bytes:
        status = f"{self.status} " if self.status is not None else ""
        if len(self.lines) == 1:
            return f"{self.code:03d} {status}{self.lines[0]}\r\n".encode()
        last = len(self.lines) - 1
        return "".join(
            f"{self.code:03d}{' ' if index == last else '-'}{status}{line}\r\n" for index, line in enumerate(self.lines)
        ).encode()

    @property
    def text(self) -> str:
        """The lines joined by blanks."""
        return " ".join(self.lines)

    def encode(self) -> bytes:
        """The wire form, every line ended by CRLF."""
        return self._wire

    def with_cause(self, cause: Cause) -> "Reply":
        """The same words for another reason."""
        # On the way of every recipient: the words were checked and encoded when the first one was made.
        return Reply(code=self.code, status=self.status, lines=self.lines, cause=cause, _wire=self._wire)

    def with_line(self, line: str, cause: Cause) -> "Reply":
        """One other line, which is known to be printable, in place of one of ASCII, for another reason."""
        before = len(self._wire) - len(self.lines[-1]) - 2
        octets = self._wire[:before] + line.encode() + b"\r\n"
        return Reply(code=self.code, status=self.status, lines=(line,), cause=cause, _wire=octets)

    def spoken_as(self, octets: bytes) -> "Reply":
        """The same decision with other octets on the wire: what a server says that is broken on purpose."""
        made = self.with_cause(self.cause)
        object.__setattr__(made, "_wire", octets)
        return made

    def __str__(self) -> str:
        status = f"{self.status} " if self.status is not None else ""
        return f"{self.code} {status}{self.text}"
