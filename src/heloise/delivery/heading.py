"""The header of a content that is about to be sent, for the few who have to look at it."""

from heloise.mail.content import Content

_LONGEST = 131_072  # octets; a longer one is as if there were none


async def header_of(content: Content) -> bytes:
    """All of the header, up to its last CRLF; empty when it is endless. Raises what reading the content raises."""
    header = b""
    async for chunk in content.chunks():
        header += chunk
        if header.startswith(b"\r\n"):
            return b""
        end = header.find(b"\r\n\r\n")
        if end >= 0:
            return header[: end + 2]
        if len(header) >= _LONGEST:
            return b""
    return header if header.endswith(b"\r\n") else b""  # a message may be nothing but a header
