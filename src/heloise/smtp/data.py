"""Dot transparency and end of data. RFC 5321 §4.5.2. Input: octets after 354. Output: content, then the end.

Only CRLF . CRLF ends the data; whatever else looks like it (LF.LF, CR.CR, CRLF.LF …) is content, and bare CR or LF in
content makes the message refused at its real end, which keeps the session in step. Linear time: each octet is looked
at by `partition`, `replace` and the like only. Knows nothing of sessions.
"""

from typing import Final

from heloise.mail import causes
from heloise.mail.content import ContentFacts
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.limits import NO_RULES, Rules, SessionLimits

_END: Final = b"\r\n.\r\n"
_CR: Final = 13
_LF: Final = 10
_RECEIVED: Final = b"\nreceived:"


class TextDecoder:
    """Finds the end of the data and removes transparency dots, over pieces cut anywhere."""

    def __init__(self) -> None:
        # The text starts at the start of a line: as if CRLF had come before it.
        self._pending = b"\r\n"
        self._at_start = True

    def feed(self, octets: bytes) -> tuple[bytes, bytes | None]:
        """The content in `octets` and, when the data has ended, what came after it (else None)."""
        octets = self._pending + octets
        text, end, rest = octets.partition(_END)
        if end:
            return self._plain(text + b"\r\n"), rest
        # An end that has begun starts with a CR in the last four octets. A cut before a CR can split neither CRLF
        # nor the dot of the line before.
        cut = octets.find(b"\r", max(0, len(octets) - 4))
        if cut < 0:
            cut = len(octets)
        self._pending = octets[cut:]
        return (self._plain(octets[:cut]) if cut else b""), None

    def _plain(self, octets: bytes) -> bytes:
        plain = octets.replace(b"\r\n.", b"\r\n")
        if self._at_start:
            self._at_start = False
            return plain[2:]
        return plain


class ContentGauge:
    """Measures content as it passes: size, eighth bit, line endings, endless lines, Received fields."""

    def __init__(self, limits: SessionLimits) -> None:
        self._limits = limits
        self._after_cr = False
        self._line = 0  # octets since the last LF
        # The LF before the line that was not ended yet, and that line; None after the header. One is before the first.
        self._header: bytes | None = b"\n"
        self.size = 0
        self.eight_bit = False
        self.bare_ending = False
        self.endless_line = False
        self.received_fields = 0

    def update(self, octets: bytes) -> bool:
        """Take the next octets into account; False once they are more than the message may have."""
        self.size += len(octets)
        if not octets.isascii():
            self.eight_bit = True
        if octets:
            self._check_lines(octets)
        if self._header is not None:
            self._search_header(self._header + octets)
        return not self._limits.message_size or self.size <= self._limits.message_size

    def _check_lines(self, octets: bytes) -> None:
        if self._line + len(octets) > self._limits.text_line:  # else no line can be too long
            lines = octets.split(b"\n")
            longest = max(self._line + len(lines[0]), *map(len, lines))
            self.endless_line = self.endless_line or longest > self._limits.text_line
        if octets[-1] == _LF:
            self._line = 0
        else:
            end = octets.rfind(b"\n")
            self._line = len(octets) - end - 1 if end >= 0 else self._line + len(octets)
        if self._after_cr and octets[0] == _LF:
            octets = octets[1:]
        elif self._after_cr:
            self.bare_ending = True
        self._after_cr = octets[-1:] == b"\r"
        if self._after_cr:  # of a pair, perhaps, whose LF is still to come
            octets = octets[:-1]
        # To look for one octet is so much faster than to count any that all pairs are taken out before.
        rest = octets.replace(b"\r\n", b"")
        if _LF in rest or _CR in rest:
            self.bare_ending = True

    def _search_header(self, header: bytes) -> None:
        """Count Received fields, in any case, up to the empty line that ends the header. RFC 5321 §6.3."""
        end = header.find(b"\n\r\n")
        last = end if end >= 0 else header.rfind(b"\n")
        self.received_fields += header[: last + 1].lower().count(_RECEIVED)
        # Of a line that goes on its start is kept, as much as tells which field it is.
        self._header = None if end >= 0 else header[last : last + 64]

    def facts(self) -> ContentFacts:
        """What was seen."""
        return ContentFacts(size=self.size, eight_bit=self.eight_bit, binary=self.bare_ending or self._after_cr)

    def over_limit(self, rules: Rules = NO_RULES) -> Reply | None:
        """The refusal of a content that is too large already, or None."""
        limit = self._limits.message_size
        if limit and self.size > limit:
            return replies.size_over_limit(self.size, limit, rules.get("message_size"))
        return None

    def problem(self, *, binary_allowed: bool, rules: Rules = NO_RULES) -> Reply | None:
        """The refusal of a content that is not well-formed or too large, or None."""
        if (refusal := self.over_limit(rules)) is not None:
            return refusal
        if (self.bare_ending or self._after_cr) and not binary_allowed:
            return replies.CONTENT_LINE_ENDING
        if self.endless_line and not binary_allowed:
            cause = causes.CONTENT_LINE_TOO_LONG.because(rules.get("text_line"), text_line=self._limits.text_line)
            return replies.CONTENT_LINE_TOO_LONG.with_cause(cause)
        hops, maximum = self.received_fields, self._limits.received_fields
        if hops > maximum:
            cause = causes.CONTENT_LOOP.because(rules.get("received_fields"), hops=hops, received_fields=maximum)
            return replies.LOOP.with_cause(cause)
        return None
