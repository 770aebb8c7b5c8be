"""One SASL exchange as SMTP carries it: base64 in lines, "=" for nothing, "*" for never mind. RFC 4954 §4.

Input: the words after AUTH, and lines of the client. Output: replies, and questions for whoever knows the users.
"""

from base64 import b64decode
from collections.abc import Callable

from heloise.mail.encryption import ChannelBinding
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.events import CredentialsProposed
from heloise.smtp.sasl import cram_md5, external, oauth
from heloise.smtp.sasl.login import LoginServer
from heloise.smtp.sasl.mechanism import Challenge, MalformedResponse, ServerMechanism, Step
from heloise.smtp.sasl.plain import PlainServer
from heloise.smtp.sasl.scram import HASHES, ScramServer

IN_CLEAR = frozenset({"PLAIN", "LOGIN", *oauth.NAMES})  # whoever reads along has the password or the token
MECHANISMS = ("SCRAM-SHA-256", "PLAIN", "LOGIN")  # those that users with SCRAM-SHA-256 keys can use, the best first
ALL_MECHANISMS = (*HASHES, cram_md5.NAME, *oauth.NAMES, external.NAME, "PLAIN", "LOGIN")


def server_mechanism(
    name: str, nonce: str, *, hostname: str = "", binding: ChannelBinding | None = None, certified: str = ""
) -> ServerMechanism:
    """The server's side. Raises KeyError for a mechanism that there is not.

    `binding` is that of the connection, if the client was offered to use it; `certified` is whom its certificate
    stands for.
    """
    if name in HASHES:
        return ScramServer(name, nonce, binding)
    if name in oauth.NAMES:
        return oauth.OAuthServer(name)
    others: dict[str, Callable[[], ServerMechanism]] = {
        "PLAIN": PlainServer,
        "LOGIN": LoginServer,
        cram_md5.NAME: lambda: cram_md5.CramMd5Server(nonce, hostname),
        external.NAME: lambda: external.ExternalServer(certified),
    }
    return others[name]()


class Exchange:
    """The server's side of one AUTH command."""

    def __init__(self, name: str, mechanism: ServerMechanism) -> None:
        self._name = name
        self._mechanism = mechanism

    def begin(self, initial: str | None) -> Reply | CredentialsProposed:
        """`initial` is the initial response as it stands in the command; None when there is none."""
        if initial is None:
            return self._respond(None)
        return self._respond(b"") if initial == "=" else self.hear(initial.encode())

    def hear(self, line: bytes) -> Reply | CredentialsProposed:
        """A line of the client, without CRLF. 334 goes on, anything else is the end."""
        if line == b"*":
            return replies.AUTH_CANCELLED
        try:
            response = b64decode(line, validate=True)
        except ValueError:
            return replies.AUTH_BASE64
        return self._respond(response)

    def _respond(self, response: bytes | None) -> Reply | CredentialsProposed:
        try:
            step: Step = self._mechanism.respond(response)
        except MalformedResponse as problem:
            return replies.auth_malformed(self._name, str(problem))
        if isinstance(step, Challenge):
            return replies.auth_challenge(step.octets)
        return CredentialsProposed(self._name, step, self._mechanism)
