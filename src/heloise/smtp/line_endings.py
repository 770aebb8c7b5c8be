"""Bare LF becomes CRLF, in the content of clients that an operator has named. RFC 5321 §2.3.8.

What is mended here has passed the search for its end, so a dot that stood between bare LFs stays content: it ends
nothing (§4.1.1.4), and is stuffed again on its way out. A bare CR is left alone: it is refused as ever. Linear time.
"""

import re

_BARE = re.compile(rb"(?<!\r)\n")


class Mender:
    """Mends one content, in pieces cut anywhere; `mended` counts the line endings."""

    def __init__(self) -> None:
        self.mended = 0
        self._after_cr = False

    def feed(self, octets: bytes) -> bytes:
        """The piece with every bare LF as CRLF."""
        if not octets:
            return octets
        before = b"\r" if self._after_cr else b""
        self._after_cr = octets.endswith(b"\r")
        whole = before + octets
        bare = whole.count(b"\n") - whole.count(b"\r\n")
        if not bare:
            return octets
        self.mended += bare
        return _BARE.sub(b"\r\n", whole)[len(before) :]
