"""Who is logged in to the pages of the admin listener: the token of [admin] is shown once, then a cookie stands for it.

The cookie is a number nobody can guess, kept here as its hash, and ends with the server, after `LASTING` seconds, or
when somebody logs out. No script can read it (HttpOnly), and no page of a stranger can send it (SameSite=Strict).
"""

import hashlib
import hmac
from collections import OrderedDict

from heloise.web.exchange import Request
from heloise.world import Clock, Entropy

COOKIE = "heloise_admin"
LASTING = 12 * 3600.0  # seconds
MOST = 200  # who are logged in at once; then the first of them has to log in again
_TRIES = 10  # wrong tokens from one address
_WITHIN = 300.0  # seconds
_ADDRESSES = 1000


class Logins:
    """Those who are logged in."""

    def __init__(self, token: str, clock: Clock, entropy: Entropy) -> None:
        self._token = token.encode()
        self._clock = clock
        self._entropy = entropy
        self._known: OrderedDict[bytes, float] = OrderedDict()  # hash of the cookie → until when
        self._wrong: OrderedDict[str, tuple[int, float]] = OrderedDict()  # by address: how often, since when

    def is_token(self, text: str) -> bool:
        """Is it the token? Takes the same time whatever is right of it."""
        return hmac.compare_digest(text.encode(), self._token)

    def is_known(self, request: Request) -> bool:
        """Does the request show the cookie of somebody who is logged in?"""
        cookie = cookie_of(request)
        return cookie is not None and self._known.get(_hash(cookie), 0.0) > self._clock.monotonic()

    def may_try(self, address: str) -> bool:
        """Has this address not guessed too often?"""
        count, since = self._wrong.get(address, (0, 0.0))
        return count < _TRIES or self._clock.monotonic() - since > _WITHIN

    def failed(self, address: str) -> None:
        """Somebody there has shown a wrong token."""
        now = self._clock.monotonic()
        count, since = self._wrong.pop(address, (0, now))
        self._wrong[address] = (1, now) if now - since > _WITHIN else (count + 1, since)
        if len(self._wrong) > _ADDRESSES:
            self._wrong.popitem(last=False)

    def enter(self, request: Request) -> str:
        """Let somebody in: the Set-Cookie field."""
        value = self._entropy.octets(24).hex()
        self._known[_hash(value)] = self._clock.monotonic() + LASTING
        if len(self._known) > MOST:
            self._known.popitem(last=False)
        return _cookie(request, value, LASTING)

    def leave(self, request: Request) -> str:
        """Forget whoever asks: the Set-Cookie field."""
        cookie = cookie_of(request)
        if cookie is not None:
            self._known.pop(_hash(cookie), None)
        return _cookie(request, "", 0)


def cookie_of(request: Request) -> str | None:
    """The value of our cookie. RFC 6265 §4.2."""
    for pair in request.headers.get("cookie", "").split(";"):
        name, _, value = pair.strip().partition("=")
        if name == COOKIE:
            return value
    return None


def _hash(cookie: str) -> bytes:
    return hashlib.sha256(cookie.encode()).digest()


def _cookie(request: Request, value: str, seconds: float) -> str:
    """Secure where a proxy in front of us says that the browser came by HTTPS."""
    secure = "; Secure" if request.headers.get("x-forwarded-proto", "").lower() == "https" else ""
    return f"{COOKIE}={value}; Path=/; Max-Age={seconds:.0f}; HttpOnly; SameSite=Strict{secure}"
