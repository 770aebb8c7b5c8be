"""HTML of a message made fit to be shown in a frame that can do nothing. Pure.

What holds it is the browser: a frame with a sandbox, and a policy (`policy`) that lets nothing be loaded or run.
Here is only changed what no policy covers: elements that make a browser call other hosts, or go elsewhere, without
loading anything into the page (`<link rel=preconnect>`, `<meta http-equiv=refresh>`, `<base>`), and those that would
show a hole in the text. Their names are made other names in the text of the document: a tag begins with nothing but
"<" and its name, so none is missed, however a browser reads the rest. Links get a target that the sandbox refuses, so
that a click on one leaves all as it is; and they are no links any more, since a browser may connect to the host of a
link at the moment it is pressed, whatever becomes of the click. A sign without width breaks each "href", so that it is
another attribute, in selectors as well, while text looks the same.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote

_DISARMED = re.compile(
    r"<(/?)(link|meta|base|iframe|frame|frameset|object|embed|applet|portal|fencedframe)(?=[\s/>]|\Z)",
    re.IGNORECASE | re.ASCII,
)
_LINK = re.compile(r"<(a|area)(?=[\s/])", re.IGNORECASE | re.ASCII)
_HREF = re.compile(r"(hre)(f)", re.IGNORECASE | re.ASCII)
_BROKEN = "hre\u2060f"  # U+2060 WORD JOINER
_SHEET = re.compile(r"<style.*?(?:</style|\Z)", re.IGNORECASE | re.ASCII | re.DOTALL)
_OF_LINKS = re.compile(r":(?:any-)?link(?![\w-])", re.IGNORECASE | re.ASCII)
# As a browser draws links, for those that say nothing themselves.
LOOK = f"<style>:where(a[{_BROKEN}]) {{ color: LinkText; text-decoration: underline; }}</style>"
_CID = re.compile(r"cid:([^\s\"'<>)]+)", re.IGNORECASE | re.ASCII)
_HOST = re.compile(r"[a-z0-9.-]+(:\d+)?", re.ASCII)


def disarmed(html: str, parts: Mapping[str, str]) -> str:
    """The document, with `cid:` addresses (RFC 2392) of these content ids made addresses of ours."""

    def address(found: re.Match[str]) -> str:
        return parts.get(unquote(found[1]), found[0])

    html = _DISARMED.sub(r"<\1x-\2", html)
    # Of an attribute that is given twice the first counts, so what the message says of it does not.
    html = _LINK.sub(r'<\1 target="_blank" rel="noreferrer noopener"', html)
    html = _SHEET.sub(lambda found: _OF_LINKS.sub(f"[{_BROKEN}]", found[0]), html)
    html = _HREF.sub("\\1\u2060\\2", html)
    html = _CID.sub(address, html)
    # At the end, where nothing depends on its order, and a document begins as it did.
    return html + LOOK if _LINK.search(html) else html


def policy(host: str, parts: str) -> str:
    """The Content-Security-Policy for it: pictures out of the message itself, below the path `parts` of `host`."""
    # A source with a path can not name an IPv6 address.
    ours = f"http://{host}{parts}" if _HOST.fullmatch(host) else "'self'"
    return (
        f"sandbox; default-src 'none'; img-src data: {ours}; style-src 'unsafe-inline'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )
