"""The shape of a SASL mechanism, and the values it speaks in. RFC 4422 §3.

A server side never decides whether somebody may come in: it reads what the client says and ends in a question, which
whoever knows the users answers. A client side has the credentials and answers challenges.
"""

from dataclasses import dataclass, field
from typing import Protocol, TypeAlias


class MalformedResponse(ValueError):
    """The other side said what the mechanism does not allow. The text never has what was said in it."""


class ServerNotProven(ValueError):
    """The server does not know the password itself, so it is not whom the client takes it for. RFC 5802 §5."""


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client proves itself with; `token` is one of OAuth 2.0. The secrets are in no repr."""

    user: str
    password: str = field(default="", repr=False)
    token: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class ScramKeys:
    """What a server keeps of a password: enough to check one, too little to log in with elsewhere. RFC 5802 §3."""

    salt: bytes = field(repr=False)
    iterations: int
    stored_key: bytes = field(repr=False)
    server_key: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class Challenge:
    """Octets for the client; its response is the next."""

    octets: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class PasswordOffered:
    """Is this the password of the user?"""

    user: str
    password: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class KeysWanted:
    """What are the keys of this user for this hash? `ServerMechanism.supply` goes on with them."""

    user: str
    hash_name: str = "sha256"


@dataclass(frozen=True, slots=True)
class DigestOffered:
    """Is this the digest (CRAM-MD5) of what the server has said, made with the secret of the user?"""

    user: str
    said: bytes = field(repr=False)
    digest: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class TokenOffered:
    """Is this a token (OAuth 2.0) of the user? When it is not, `ServerMechanism.refuse` says so first."""

    user: str
    token: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Proven:
    """The mechanism itself has seen (`is_genuine`) that the client knows the password of the user, or does not."""

    user: str
    is_genuine: bool


@dataclass(frozen=True, slots=True)
class Refused:
    """The client has heard why its token was refused; what is left is to say so once more."""

    user: str


Question: TypeAlias = PasswordOffered | KeysWanted | DigestOffered | TokenOffered | Proven | Refused
Step: TypeAlias = Challenge | Question


class AsksOnce:
    """The part of a server side that ends in one question: no keys are wanted, and a refusal needs no words before."""

    def supply(self, keys: ScramKeys) -> Challenge:
        """Never asked for."""
        raise AssertionError("this mechanism wants no keys")

    def refuse(self) -> Challenge | None:
        """Nothing."""
        return None


class ServerMechanism(Protocol):
    """The server's side of one exchange."""

    def respond(self, response: bytes | None) -> Step:
        """The client's next response; None when it began without one. Raises MalformedResponse."""
        ...

    def supply(self, keys: ScramKeys) -> Challenge:
        """The answer to KeysWanted. Others are never asked."""
        ...

    def refuse(self) -> Challenge | None:
        """What is to be said before a refusal; None when nothing is."""
        ...


class ClientMechanism(Protocol):
    """The client's side of one exchange."""

    @property
    def initial(self) -> bytes | None:
        """What is said before any challenge; None when the server speaks first."""
        ...

    def answer(self, challenge: bytes) -> bytes:
        """The response. Raises MalformedResponse, ServerNotProven."""
        ...

    @property
    def is_complete(self) -> bool:
        """Has everything been said and seen, so that the server may let us in?"""
        ...
