"""A content in the form that a next hop takes, or why there is none. Reads; keeps nothing of it in memory or on disk.

The converted content is made anew each time it is read, since a message that waits for its next hop should not take
twice its room, and few are converted at all.
"""

from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

from heloise.delivery.downgrade.rewrite import Rewriter
from heloise.delivery.downgrade.survey import Changes, Surveyor, Unconvertible
from heloise.mail.content import Content, ContentFacts
from heloise.smtp.client_plan import WireForm


@dataclass(frozen=True, slots=True)
class Converted:
    """A content that fits. `breaks_signature`: its DKIM signature will not verify any more."""

    content: Content
    facts: ContentFacts
    breaks_signature: bool = False


async def convert(
    content: Content, facts: ContentFacts, form: WireForm, note: bytes, *, from_nobody: bool = False
) -> Converted | Unconvertible:
    """`content` in `form`. `note` is a header field that goes on top when something had to change; else the content
    is the one that was given. `from_nobody`: see `Surveyor`. Raises what reading the content raises."""
    surveyor = Surveyor(form, from_nobody=from_nobody)
    async with aclosing(_read(content)) as chunks:
        async for chunk in chunks:
            surveyor.feed(chunk)
    changes = surveyor.finish()
    if isinstance(changes, Unconvertible):
        return changes
    if not changes.has_any:
        return Converted(content, facts)
    return await _measured(content, changes, note)


async def _measured(content: Content, changes: Changes, note: bytes) -> Converted:
    """RFC 1870 §5: SIZE is said before anything is sent, so it is counted first."""
    size, eight_bit = 0, False
    async with aclosing(_rewritten(content, changes, note)) as pieces:
        async for piece in pieces:
            size += len(piece)
            eight_bit = eight_bit or not piece.isascii()
    converted = ConvertedContent(content, changes, note, size)
    return Converted(converted, ContentFacts(size=size, eight_bit=eight_bit), changes.break_signature)


class ConvertedContent:
    """See `heloise.mail.content.Content`."""

    def __init__(self, content: Content, changes: Changes, note: bytes, size: int) -> None:
        self._content = content
        self._changes = changes
        self._note = note
        self._size = size

    @property
    def size(self) -> int:
        """How many octets."""
        return self._size

    def chunks(self) -> AsyncIterator[bytes]:
        """The octets from the start, converted on the way."""
        return _rewritten(self._content, self._changes, self._note)


async def _rewritten(content: Content, changes: Changes, note: bytes) -> AsyncGenerator[bytes, None]:
    rewriter = Rewriter(changes)
    pieces = note
    async with aclosing(_read(content)) as chunks:
        async for chunk in chunks:
            pieces += rewriter.feed(chunk)
            if pieces:
                yield pieces
            pieces = b""
    pieces += rewriter.finish()
    if pieces:
        yield pieces


async def _read(content: Content) -> AsyncGenerator[bytes, None]:
    """The octets, by a generator that can be closed."""
    chunks = content.chunks()
    try:
        async for chunk in chunks:
            yield chunk
    finally:
        if isinstance(chunks, AsyncGenerator):
            await chunks.aclose()
