"""PLAIN: user and password in one response. RFC 4616. Only as safe as the connection it goes over."""

from heloise.smtp.sasl.mechanism import AsksOnce, Challenge, Credentials, MalformedResponse, PasswordOffered, Step

NAME = "PLAIN"


class PlainServer(AsksOnce):
    """One response: who to act as, who one is, the password; parted by NUL."""

    def respond(self, response: bytes | None) -> Step:
        """See `ServerMechanism`. To act as another user is not offered, so the first part is empty or the second."""
        if response is None:
            return Challenge(b"")
        try:
            acting, user, password = response.decode("utf-8").split("\0")
        except ValueError:  # RFC 4616 §2: there are two NULs, and all of it is UTF-8
            raise MalformedResponse("PLAIN has three parts in UTF-8") from None
        if not user or not password or acting not in ("", user):
            raise MalformedResponse("PLAIN has a user, a password, and nobody else to act as")
        return PasswordOffered(user, password)


class PlainClient:
    """All is said at once."""

    def __init__(self, credentials: Credentials) -> None:
        self._credentials = credentials

    @property
    def initial(self) -> bytes:
        """See `ClientMechanism`."""
        return f"\0{self._credentials.user}\0{self._credentials.password}".encode()

    def answer(self, challenge: bytes) -> bytes:
        """A server that asks once more has not understood."""
        raise MalformedResponse("PLAIN has one response")

    @property
    def is_complete(self) -> bool:
        """See `ClientMechanism`."""
        return True
