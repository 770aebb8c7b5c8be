"""How caught HTML and its pictures are shown to a browser: nothing in it runs, or loads from elsewhere."""

import re
from collections.abc import Mapping

from heloise.inbox.message import CaughtMessage

# Whatever the message says, in an origin of its own; `img-src` is for pictures that came along with it.
_POLICY = (
    "default-src 'none'; img-src 'self' data:; style-src 'unsafe-inline'; font-src data:; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'self'; sandbox allow-popups allow-popups-to-escape-sandbox"
)
HTML_POLICY: Mapping[str, str] = {"Content-Security-Policy": _POLICY}
PART_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": "default-src 'none'; style-src 'unsafe-inline'; sandbox",
    # A page in a sandbox has no origin, so what it shows would never be of the same one.
    "Cross-Origin-Resource-Policy": "cross-origin",
}
_CID = re.compile(r"""(?P<front>=\s*["']?|\(\s*["']?)cid:(?P<id>[^\s"'<>()]{1,998})""", re.IGNORECASE)


def with_inline_images(html: str, message: CaughtMessage, base: str) -> str:
    """The HTML with `cid:` links (RFC 2392) led to `base` and the number of the part."""
    numbers = {part.content_id: part.number for part in message.parts.walk() if part.content_id}

    def led(found: re.Match[str]) -> str:
        number = numbers.get(found["id"])
        return found[0] if number is None else f"{found['front']}{base}{number}"

    return _CID.sub(led, html)
