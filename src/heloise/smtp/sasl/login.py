"""LOGIN: user and password, each asked for. draft-murchison-sasl-login-00. Obsolete, and what many programs speak."""

from heloise.smtp.sasl.mechanism import AsksOnce, Challenge, Credentials, MalformedResponse, PasswordOffered, Step

NAME = "LOGIN"
_ASK_USER, _ASK_PASSWORD = b"Username:", b"Password:"  # clients compare them, though the draft has other words


class LoginServer(AsksOnce):
    """Two responses. The user may come with the command."""

    def __init__(self) -> None:
        self._user: str | None = None

    def respond(self, response: bytes | None) -> Step:
        """See `ServerMechanism`."""
        if response is None:
            return Challenge(_ASK_USER)
        try:
            text = response.decode("utf-8")
        except UnicodeDecodeError:
            raise MalformedResponse("LOGIN is in UTF-8") from None
        if not text or "\0" in text:
            raise MalformedResponse("LOGIN has a user and a password")
        if self._user is None:
            self._user = text
            return Challenge(_ASK_PASSWORD)
        return PasswordOffered(self._user, text)


class LoginClient:
    """What is asked for first is the user, whatever the server calls it."""

    def __init__(self, credentials: Credentials) -> None:
        self._left = [credentials.user.encode(), credentials.password.encode()]

    @property
    def initial(self) -> None:
        """The server asks first: not every server takes the user with the command."""
        return None

    def answer(self, challenge: bytes) -> bytes:
        """See `ClientMechanism`."""
        if not self._left:
            raise MalformedResponse("LOGIN has two responses")
        return self._left.pop(0)

    @property
    def is_complete(self) -> bool:
        """See `ClientMechanism`."""
        return not self._left
