"""MT-Priority as a header field, for a next hop without MT-PRIORITY: a server behind it may know it again. RFC 6758 §3.

One such field that came with the message is taken out: there is one number for a message, that of its envelope.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from heloise.mail.content import Content, ContentFacts
from heloise.smtp.extensions import mt_priority

_LONGEST_HEADER = 131_072


@dataclass(frozen=True, slots=True)
class Tunnelled:
    """A content whose first `skipped` octets are replaced by `front`."""

    content: Content
    front: bytes
    skipped: int

    @property
    def size(self) -> int:
        """How many octets."""
        return self.content.size - self.skipped + len(self.front)

    async def chunks(self) -> AsyncIterator[bytes]:
        """The octets, the front first."""
        yield self.front
        left = self.skipped
        async for chunk in self.content.chunks():
            taken = min(left, len(chunk))
            left -= taken
            if taken < len(chunk):
                yield chunk[taken:]


async def tunnelled(content: Content, facts: ContentFacts, priority: int) -> tuple[Content, ContentFacts]:
    """`content` with the field on top, and its facts. Raises what reading the content raises."""
    header = b""
    async for chunk in content.chunks():
        header += chunk
        if b"\r\n\r\n" in header or header.startswith(b"\r\n") or len(header) >= _LONGEST_HEADER:
            break
    end = 0 if header.startswith(b"\r\n") else header.find(b"\r\n\r\n") + 2
    kept = mt_priority.without_field(header[:end]) if end > 1 else header[: (end := 0)]
    made = Tunnelled(content, mt_priority.field(priority) + kept, end)
    return made, replace(facts, size=made.size)
