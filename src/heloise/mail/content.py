"""Content: the octets of a message, header and body, as they are sent after DATA. RFC 5321 §2.3.1.

Never text. Streamed in chunks, so that a large message is never whole in memory. Lines end with CRLF; transparency
dots are not part of it.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Protocol

from heloise.mail.facts import ContentFacts as ContentFacts  # for whoever wants both

CHUNK = 65536


def facts_of(octets: bytes) -> ContentFacts:
    """Those of a content of ours, which has CRLF and no NUL."""
    return ContentFacts(size=len(octets), eight_bit=not octets.isascii())


class Content(Protocol):
    """Octets that can be read, more than once."""

    @property
    def size(self) -> int:
        """How many octets."""
        ...

    def chunks(self) -> AsyncIterator[bytes]:
        """The octets from the start, in pieces of about `CHUNK`."""
        ...


@dataclass(frozen=True, slots=True)
class MemoryContent:
    """A content that is in memory, for small messages."""

    octets: bytes

    @property
    def size(self) -> int:
        """How many octets."""
        return len(self.octets)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The octets in pieces of `CHUNK`."""
        for start in range(0, len(self.octets), CHUNK):
            yield self.octets[start : start + CHUNK]
