"""Which mechanism a client takes of those that a server offers, and what is said with it. RFC 4954 §4.

Input: who we are, the offer, how the connection is protected. Output: an exchange, or the reply in the server's place.
"""

from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field

from heloise.mail.encryption import ChannelBinding, Encryption
from heloise.mail.reply import Reply
from heloise.smtp import client_replies
from heloise.smtp.sasl import cram_md5, external, login, oauth, plain
from heloise.smtp.sasl.exchange import IN_CLEAR
from heloise.smtp.sasl.mechanism import ClientMechanism, Credentials, MalformedResponse, ServerNotProven
from heloise.smtp.sasl.scram import HASHES, PLUS, ScramClient

BY_TOKEN = oauth.NAMES
BOUND = tuple(name for name in HASHES if name.endswith(PLUS))
BY_PASSWORD = (*(name for name in HASHES if name not in BOUND), cram_md5.NAME, plain.NAME, login.NAME)
"""In the order of our liking: first those that prove the server as well, last those that show the password. Those that
are bound to the connection are used where an operator names them: SMTP has no word for which binding a server knows."""

CLIENT_MECHANISMS = (*BY_TOKEN, *BOUND, *BY_PASSWORD, external.NAME)

_LONGEST_COMMAND = 512  # RFC 4954 §4: with a longer one the initial response waits for a challenge
_STRUCK_OUT = b"****"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientLogin:
    """Who we are to a server. `mechanisms` are those that may be used, in the order of our liking; none given: all that
    the credentials are good for, but for EXTERNAL where there is a password or a token. `in_clear` allows those that
    show the secret to whoever reads along."""

    credentials: Credentials
    mechanisms: tuple[str, ...] = ()
    in_clear: bool = False

    @property
    def possible(self) -> tuple[str, ...]:
        """What may be used, the best first."""
        if self.mechanisms:
            return self.mechanisms
        if self.credentials.token:
            return BY_TOKEN
        return BY_PASSWORD if self.credentials.password else (external.NAME,)


def begin_login(
    who: ClientLogin, offer: str | None, encryption: Encryption | None, nonce: str
) -> "ClientExchange | Reply":
    """The exchange, or why there is none. `offer` is what stands behind AUTH; None when it is not offered."""
    if offer is None:
        return client_replies.LOGIN_NOT_OFFERED
    offered = {name.upper() for name in offer.split()}
    binding = None if encryption is None else encryption.binding
    fitting = [name for name in who.possible if name in offered and (binding is not None or not name.endswith(PLUS))]
    if not fitting:
        return client_replies.no_mechanism(offer, who.possible)
    safe = [name for name in fitting if encryption is not None or who.in_clear or name not in IN_CLEAR]
    if not safe:
        return client_replies.login_needs_tls(fitting[0])
    plus_offered = any(name.startswith("SCRAM-") and name.endswith(PLUS) for name in offered)
    if not any(name in BOUND for name in who.possible):
        binding = None  # then we are no client that could have used it
    made = _client_mechanism(safe[0], who.credentials, nonce, binding, plus_offered=plus_offered)
    return made if isinstance(made, Reply) else ClientExchange(safe[0], made)


def _client_mechanism(
    name: str, credentials: Credentials, nonce: str, binding: ChannelBinding | None, *, plus_offered: bool
) -> ClientMechanism | Reply:
    if name in HASHES:
        try:
            return ScramClient(name, credentials, nonce, binding, plus_offered=plus_offered)
        except ValueError as error:  # a name that RFC 4013 does not allow
            return client_replies.login_failed(name, str(error))
    if name in BY_TOKEN:
        return oauth.OAuthClient(name, credentials)
    others: dict[str, Callable[[Credentials], ClientMechanism]] = {
        cram_md5.NAME: cram_md5.CramMd5Client,
        plain.NAME: plain.PlainClient,
        login.NAME: login.LoginClient,
        external.NAME: external.ExternalClient,
    }
    return others[name](credentials)


@dataclass(slots=True)
class ClientExchange:
    """One AUTH command under way. `trouble` is set when the server says what can not be."""

    name: str
    mechanism: ClientMechanism = field(repr=False)
    trouble: Reply | None = None
    _waiting: bytes | None = field(default=None, repr=False)  # an initial response that was too long for the command

    def command(self) -> tuple[bytes, bytes]:
        """The command, and what a transcript may have of it."""
        alone = f"AUTH {self.name}\r\n".encode()
        initial = self.mechanism.initial
        if initial is None:
            return alone, alone
        line = b"%s %s\r\n" % (alone[:-2], b64encode(initial) or b"=")
        if len(line) > _LONGEST_COMMAND:
            self._waiting = initial
            return alone, alone
        return line, b"%s %s\r\n" % (alone[:-2], _STRUCK_OUT)

    def answer(self, challenge: str) -> bytes:
        """The line that answers a 334; "*" gives up, and `trouble` says why. May take its time."""
        if self._waiting is not None:
            initial, self._waiting = self._waiting, None
            return b64encode(initial) + b"\r\n"
        try:
            return b64encode(self.mechanism.answer(b64decode(challenge, validate=True))) + b"\r\n"
        except ServerNotProven as error:
            self.trouble = client_replies.login_failed(self.name, str(error))
        except MalformedResponse as error:
            self.trouble = client_replies.login_failed(self.name, str(error))
        except ValueError:  # not base64, or a password that can not be prepared: the text of it might be shown
            self.trouble = client_replies.login_failed(self.name, "a challenge that is not base64")
        return b"*\r\n"
