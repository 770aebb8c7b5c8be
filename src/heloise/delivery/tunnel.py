"""MT-Priority as a header field, for a next hop without MT-PRIORITY: a server behind it may know it again. RFC 6758 §3.

One such field that came with the message is taken out: there is one number for a message, that of its envelope.
"""

from collections.abc import AsyncIterator
from dataclasses import dataclass, replace

from heloise.delivery.heading import header_of
from heloise.mail.content import Content, ContentFacts
from heloise.smtp.extensions import mt_priority


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
    header = await header_of(content)
    made = Tunnelled(content, mt_priority.field(priority) + mt_priority.without_field(header), len(header))
    return made, replace(facts, size=made.size)
