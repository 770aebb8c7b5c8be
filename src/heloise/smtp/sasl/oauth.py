"""OAUTHBEARER and XOAUTH2: a token of OAuth 2.0 in place of a password. RFC 7628; XOAUTH2 is what came before it.

A token that is refused is answered by a challenge first, a JSON object that says so; the client answers it by one
octet, and only then comes 535 (RFC 7628 §3.2.3).
"""

import re

from heloise.smtp.sasl.mechanism import (
    AsksOnce,
    Challenge,
    Credentials,
    MalformedResponse,
    Refused,
    Step,
    TokenOffered,
)

OAUTHBEARER, XOAUTH2 = "OAUTHBEARER", "XOAUTH2"
NAMES = (OAUTHBEARER, XOAUTH2)
_TOKEN = r"[Bb]earer +([A-Za-z0-9._~+/-]+=*)"  # RFC 6750 §2.1
_NEW = re.compile(rf"n,(?:a=([^,\x01]+))?,\x01(?:[^\x01]+\x01)*?auth={_TOKEN}\x01(?:[^\x01]+\x01)*\x01")
_OLD = re.compile(rf"user=([^\x01]+)\x01auth={_TOKEN}\x01\x01")
_NAME = re.compile(r"(?:[^=]|=2C|=3D)+")
_REFUSAL = b'{"status":"invalid_token","schemes":"bearer","scope":"mail"}'


class OAuthServer(AsksOnce):
    """One response, or two when the token is refused.

    To whom the token belongs is not asked of the token alone: the client says who it is, and both have to agree.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._refused: str | None = None
        self._user = ""

    def respond(self, response: bytes | None) -> Step:
        """See `ServerMechanism`."""
        if response is None:
            return Challenge(b"")
        if self._refused is not None:
            return Refused(self._refused)  # RFC 7628 §3.2.3: it is a lone %x01; old clients send nothing
        found = _found(self._name, response)
        user = found[1] or ""
        if self._name == OAUTHBEARER:
            if not user or _NAME.fullmatch(user) is None:
                raise MalformedResponse("say who you are in a=")
            user = user.replace("=2C", ",").replace("=3D", "=")
        self._user = user
        return TokenOffered(user, found[2])

    def refuse(self) -> Challenge | None:
        """The object that says why."""
        self._refused = self._user
        return Challenge(_REFUSAL)


def _found(name: str, response: bytes) -> "re.Match[str]":
    try:
        found = (_NEW if name == OAUTHBEARER else _OLD).fullmatch(response.decode("utf-8"))
    except UnicodeDecodeError:
        raise MalformedResponse(f"{name} is in UTF-8") from None
    if found is None:
        raise MalformedResponse(f"{name} is a user and a bearer token")
    return found


class OAuthClient:
    """All is said at once; host= and port= are left out, since what they are for is told by TLS. RFC 7628 §3.1."""

    def __init__(self, name: str, credentials: Credentials) -> None:
        self._name = name
        self._credentials = credentials
        self.is_complete = True

    @property
    def initial(self) -> bytes:
        """See `ClientMechanism`."""
        user, token = self._credentials.user, self._credentials.token
        if self._name == XOAUTH2:
            return f"user={user}\1auth=Bearer {token}\1\1".encode()
        name = user.replace("=", "=3D").replace(",", "=2C")
        return f"n,a={name},\1auth=Bearer {token}\1\1".encode()

    def answer(self, challenge: bytes) -> bytes:
        """A challenge means that the token was refused; RFC 7628 §3.2.3 has one octet for an answer."""
        if not self.is_complete:
            raise MalformedResponse(f"{self._name} has no third response")
        self.is_complete = False
        return b"\1" if self._name == OAUTHBEARER else b""
