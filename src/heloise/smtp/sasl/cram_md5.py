"""CRAM-MD5: a digest of what the server has said, made with the password. RFC 2195.

The server has to know the password itself, and whoever reads along may guess it at his leisure. So it is off unless an
operator wants it, for programs that know nothing better.
"""

import hmac
import re

from heloise.smtp.sasl.mechanism import AsksOnce, Challenge, Credentials, DigestOffered, MalformedResponse, Step

NAME = "CRAM-MD5"
_RESPONSE = re.compile(r"([^\0]+) ([0-9a-f]{32})", re.ASCII)


def digest(password: str, said: bytes) -> str:
    """What a client answers to `said`. RFC 2195 §2."""
    return hmac.new(password.encode(), said, "md5").hexdigest()


def fits(password: str, offered: DigestOffered) -> bool:
    """Was it made with this password?"""
    return hmac.compare_digest(digest(password, offered.said), offered.digest)


class CramMd5Server(AsksOnce):
    """One challenge, which nobody has seen before, and one response."""

    def __init__(self, nonce: str, hostname: str) -> None:
        self._said = f"<{nonce}@{hostname}>".encode()

    def respond(self, response: bytes | None) -> Step:
        """See `ServerMechanism`."""
        if response is None:
            return Challenge(self._said)
        try:
            found = _RESPONSE.fullmatch(response.decode("utf-8"))
        except UnicodeDecodeError:
            raise MalformedResponse("CRAM-MD5 is in UTF-8") from None
        if found is None:
            raise MalformedResponse("CRAM-MD5 is answered by a user, a blank and 32 digits")
        return DigestOffered(found[1], self._said, found[2])


class CramMd5Client:
    """See `ClientMechanism`."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials
        self.is_complete = False

    @property
    def initial(self) -> None:
        """The server speaks first."""
        return None

    def answer(self, challenge: bytes) -> bytes:
        """See `ClientMechanism`."""
        if self.is_complete:
            raise MalformedResponse("CRAM-MD5 has one response")
        self.is_complete = True
        return f"{self._credentials.user} {digest(self._credentials.password, challenge)}".encode()
