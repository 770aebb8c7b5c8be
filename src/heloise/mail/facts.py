"""What is known of a content without reading it again. By itself, since `content.py` can not be compiled."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class ContentFacts:
    """What is known of a content without reading it again.

    `size` in octets, with CRLF and without transparency dots (RFC 1870 §5); `eight_bit` when an octet is above 127
    (RFC 6152); `binary` when it has bare CR or LF, or NUL, and needs BINARYMIME (RFC 3030 §3). `mended` bare LFs were
    made CRLF when it came in; the queue does not keep how many.
    """

    size: int
    eight_bit: bool = False
    binary: bool = False
    mended: int = 0
