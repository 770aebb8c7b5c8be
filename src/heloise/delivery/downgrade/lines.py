"""Octets in any pieces → lines with their CRLF. RFC 5322 §2.1. A line that is too long comes in pieces.

Bare CR and bare LF end no line here: binary content may have them anywhere.
"""

LONGEST = 16_384  # octets of a line that are kept back in hope of its end


class LineSplitter:
    """Give octets to `feed`; what is left at the end is the last line, without CRLF."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, octets: bytes) -> list[bytes]:
        """The lines that are complete now, and the beginning of one that is too long."""
        lines = (self._rest + octets).split(b"\r\n")
        self._rest = lines.pop()
        found = [line + b"\r\n" for line in lines]
        if len(self._rest) > LONGEST:
            # A CR may be the first half of the end of the line.
            cut = len(self._rest) - self._rest.endswith(b"\r")
            found.append(self._rest[:cut])
            self._rest = self._rest[cut:]
        return found

    def finish(self) -> list[bytes]:
        """What is left."""
        rest = self.take_back()
        return [rest] if rest else []

    def take_back(self) -> bytes:
        """The beginning of a line, which is then to be given again."""
        rest, self._rest = self._rest, b""
        return rest


def has_bare_line_ending(line: bytes) -> bool:
    """Is there a CR, LF or NUL in a line (or piece of one) but for the CRLF at its end?"""
    text = line.removesuffix(b"\r\n")
    return b"\n" in text or b"\r" in text or b"\0" in text
