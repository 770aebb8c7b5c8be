"""Dot transparency and end of data. RFC 5321 §4.5.2. Input: octets after 354. Output: content, then the end.

Only CRLF . CRLF ends the data; whatever else looks like it (LF.LF, CR.CR, CRLF.LF …) is content, and bare CR or LF in
content makes the message refused at its real end, which keeps the session in step. Linear time: each octet is looked
at by `find`, `split`, `count` and `replace` only. Knows nothing of sessions.
"""

from heloise.mail import causes
from heloise.mail.content import ContentFacts
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.limits import NO_RULES, Rules, SessionLimits

_END = b"\r\n.\r\n"
_CR = 13
_RECEIVED = b"\nreceived:"


class TextDecoder:
    """Finds the end of the data and removes transparency dots, over pieces cut anywhere."""

    def __init__(self) -> None:
        # The text starts at the start of a line: as if CRLF had come before it.
        self._pending = b"\r\n"
        self._at_start = True

    def feed(self, octets: bytes) -> tuple[bytes, bytes | None]:
        """The content in `octets` and, when the data has ended, what came after it (else None)."""
        octets = self._pending + octets
        end = octets.find(_END)
        if end >= 0:
            return self._plain(octets[: end + 2]), octets[end + 5 :]
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


def _received_fields(lines: bytes) -> int:
    """How many Received fields begin in these lines of a header, in any case."""
    lower = lines.lower()
    return lower.count(_RECEIVED) + lower.startswith(_RECEIVED[1:])


class ContentGauge:
    """Measures content as it passes: size, eighth bit, line endings, endless lines, Received fields."""

    def __init__(self, limits: SessionLimits) -> None:
        self._limits = limits
        self._after_cr = False
        self._line = 0  # octets since the last LF
        self._header: bytes | None = b""  # the line that was not ended yet; None after the header
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
        self._check_lines(octets)
        if self._header is not None:
            self._search_header(octets, self._header)
        return not self._limits.message_size or self.size <= self._limits.message_size

    def _check_lines(self, octets: bytes) -> None:
        # Cut at LF, which is faster than to search for CRLF: each line but the last has to end with CR.
        lines = octets.split(b"\n")
        pairs, line = 0, b""
        for line in lines:
            if line and line[-1] == _CR:
                pairs += 1
        if self._line + len(octets) > self._limits.text_line:  # else no line can be too long
            longest = max(self._line + len(lines[0]), *map(len, lines))
            self.endless_line = self.endless_line or longest > self._limits.text_line
        self._line = len(line) if len(lines) > 1 else self._line + len(line)
        cr = octets.count(b"\r")
        if self._after_cr:
            cr += 1
            pairs += len(lines) > 1 and not lines[0]
        if octets:
            self._after_cr = line.endswith(b"\r")
        if self._after_cr:  # of a pair, perhaps, whose LF is still to come
            cr -= 1
            pairs -= line.endswith(b"\r")
        if len(lines) - 1 != pairs or cr != pairs:
            self.bare_ending = True

    def _search_header(self, octets: bytes, started: bytes) -> None:
        """Count Received fields up to the empty line that ends the header. RFC 5321 §6.3."""
        header = started + octets
        end = -1 if header.startswith(b"\r\n") else header.find(b"\n\r\n")
        if end >= 0 or header.startswith(b"\r\n"):
            self.received_fields += _received_fields(header[: end + 1])
            self._header = None
            return
        rest = header.rfind(b"\n") + 1
        self.received_fields += _received_fields(header[:rest])
        self._header = header[rest : rest + 64]  # the start of a line, as much as tells which field it is

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
