"""EXTERNAL: the connection itself tells who the client is: by its certificate. RFC 4422 appendix A."""

from heloise.smtp.sasl.mechanism import AsksOnce, Challenge, Credentials, MalformedResponse, Proven, Step

NAME = "EXTERNAL"


class ExternalServer(AsksOnce):
    """One response: whom to act as, or nothing. `user` is whom the certificate stands for."""

    def __init__(self, user: str) -> None:
        self._user = user

    def respond(self, response: bytes | None) -> Step:
        """See `ServerMechanism`."""
        if response is None:
            return Challenge(b"")
        try:
            acting = response.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedResponse("EXTERNAL is in UTF-8") from None
        return Proven(self._user, is_genuine=bool(self._user) and acting in ("", self._user))


class ExternalClient:
    """All is said at once; without a user the server is to know who it is."""

    def __init__(self, credentials: Credentials) -> None:
        self._user = credentials.user

    @property
    def initial(self) -> bytes:
        """See `ClientMechanism`."""
        return self._user.encode()

    def answer(self, challenge: bytes) -> bytes:
        """A server that asks once more has not understood."""
        raise MalformedResponse("EXTERNAL has one response")

    @property
    def is_complete(self) -> bool:
        """See `ClientMechanism`."""
        return True
