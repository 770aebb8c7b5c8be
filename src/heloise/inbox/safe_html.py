"""HTML of a message made fit to be shown in a frame that can do nothing. Pure.

What holds it is the browser: a frame with a sandbox, and a policy (`policy`) that lets nothing be loaded or run.
Here is only changed what no policy covers: elements that make a browser call other hosts, or go elsewhere, without
loading anything into the page (`<link rel=preconnect>`, `<meta http-equiv=refresh>`, `<base>`), and those that would
show a hole in the text. Their names are made other names in the text of the document: a tag begins with nothing but
"<" and its name, so none is missed, however a browser reads the rest. Links get a target that the sandbox refuses, so
that a click on one leaves all as it is.
"""

import re
from collections.abc import Mapping
from urllib.parse import unquote

_DISARMED = re.compile(
    r"<(/?)(link|meta|base|iframe|frame|frameset|object|embed|applet|portal|fencedframe)(?=[\s/>]|\Z)",
    re.IGNORECASE | re.ASCII,
)
_LINK = re.compile(r"<(a|area)(?=[\s/])", re.IGNORECASE | re.ASCII)
_CID = re.compile(r"cid:([^\s\"'<>)]+)", re.IGNORECASE | re.ASCII)
_HOST = re.compile(r"[a-z0-9.-]+(:\d+)?", re.ASCII)


def disarmed(html: str, parts: Mapping[str, str]) -> str:
    """The document, with `cid:` addresses (RFC 2392) of these content ids made addresses of ours."""

    def address(found: re.Match[str]) -> str:
        return parts.get(unquote(found[1]), found[0])

    html = _DISARMED.sub(r"<\1x-\2", html)
    # Of an attribute that is given twice the first counts, so what the message says of it does not.
    html = _LINK.sub(r'<\1 target="_blank" rel="noreferrer noopener"', html)
    return _CID.sub(address, html)


def policy(host: str, parts: str) -> str:
    """The Content-Security-Policy for it: pictures out of the message itself, below the path `parts` of `host`."""
    # A source with a path can not name an IPv6 address.
    ours = f"http://{host}{parts}" if _HOST.fullmatch(host) else "'self'"
    return (
        f"sandbox; default-src 'none'; img-src data: {ours}; style-src 'unsafe-inline'; "
        "form-action 'none'; base-uri 'none'; frame-ancestors 'self'"
    )
