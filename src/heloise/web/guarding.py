"""Who may ask a server that has no passwords: programs on this machine, and pages that it served itself.

A page of a stranger in a browser on this machine must neither read nor change anything: not by a name of its own that
leads here (DNS rebinding: the Host has to be ours), not by a form, a picture or a script (what changes something and
comes from a browser has to be of our own origin, and be JSON or have a field of ours in its header, which a browser
asks for leave to send elsewhere).
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from heloise.web.exchange import JSON, HttpProblem, Request

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
OUR_FIELD = "x-heloise"
"""What a page of ours says when it sends something else than JSON, such as a file; the value does not matter."""
_READING = ("GET", "HEAD")
_OURS = ("same-origin", "none")  # a page of ours, or the address bar


def check_caller(request: Request, hosts: Collection[str]) -> None:
    """May this request be answered by a server that is known as `hosts`? Raises HttpProblem: 403, 415."""
    host = request.headers.get("host", "")
    if host_of(host) not in hosts:
        raise HttpProblem(403, "the Host of the request is not this server; use its address or localhost")
    check_origin(request)


def check_origin(request: Request) -> None:
    """Does what changes something come from a program, or from a page of ours? Raises HttpProblem: 403, 415."""
    if request.method in _READING:
        return
    host = request.headers.get("host", "")
    origin, site = request.headers.get("origin"), request.headers.get("sec-fetch-site")
    if (origin is not None and urlsplit(origin).netloc != host) or (site is not None and site not in _OURS):
        raise HttpProblem(403, "a page of another origin may not change anything here")
    is_plain = content_type_of(request) != JSON and OUR_FIELD not in request.headers
    if (origin is not None or site is not None) and is_plain:
        raise HttpProblem(415, f"what changes something is sent by a browser as {JSON}")


def host_of(text: str) -> str | None:
    """The host of a Host field or netloc, without port and brackets, in lower case; None when there is none."""
    try:
        return urlsplit(f"//{text}").hostname
    except ValueError:  # brackets that are not closed
        return None


def content_type_of(request: Request) -> str:
    """Without parameters, in lower case."""
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
