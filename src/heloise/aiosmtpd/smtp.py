"""`SMTP`: the server of one connection, as handlers and subclasses know it, and as an asyncio protocol.

Grammar, sequence, limits, TLS and content are the engine's (`heloise.smtp`); here are the parameters, what hooks may
call (`push`, `challenge_auth`), and the built-in mechanisms.
"""

import asyncio
import binascii
import inspect
import logging
import socket
import ssl
import warnings
from base64 import b64decode, b64encode
from collections.abc import Awaitable, Callable, Iterable
from importlib.metadata import version
from typing import Any, ClassVar, Protocol, TypeGuard, cast
from warnings import warn
from weakref import WeakKeyDictionary

from heloise.aiosmtpd import statuses
from heloise.aiosmtpd.authenticating import Dialogue
from heloise.aiosmtpd.proxy_protocol import introduced
from heloise.aiosmtpd.receiver import OLD_EHLO, HandlerReceiver
from heloise.aiosmtpd.sessions import (
    MISSING,
    AuthResult,
    Envelope,
    LoginPassword,
    Missing,
    Session,
    auth_mechanism,
    syntax,
)
from heloise.aiosmtpd.verbs import ASKED, registry
from heloise.link.serve import ServerConversation
from heloise.mail.encryption import Encryption
from heloise.mail.reply import Reply
from heloise.net import InputSpace, SocketStream, given_tls
from heloise.smtp import replies
from heloise.smtp.limits import AuthRules, SessionLimits
from heloise.smtp.server import ServerSession
from heloise.world import ServerTls

__all__ = [
    "CALL_LIMIT_DEFAULT",
    "DATA_SIZE_DEFAULT",
    "MISSING",
    "SMTP",
    "AuthCallbackType",
    "AuthMechanismType",
    "AuthResult",
    "AuthenticatorType",
    "Envelope",
    "LoginPassword",
    "Session",
    "TLSSetupException",
    "auth_mechanism",
    "syntax",
]

log = logging.getLogger("mail.log")
DATA_SIZE_DEFAULT = 2**25
CALL_LIMIT_DEFAULT = 20
BOGUS_LIMIT = 5  # unknown commands, in aiosmtpd; here the engine counts all refusals
AuthCallbackType = Callable[[str, bytes, bytes], bool]
AuthenticatorType = Callable[["SMTP", Session, Envelope, str, Any], AuthResult]
AuthMechanismType = Callable[["SMTP", list[str]], Awaitable[Any]]
_BASE = frozenset({"8BITMIME", "AUTH", "HELP", "SIZE", "SMTPUTF8", "STARTTLS", "VRFY"})
_spaces: "WeakKeyDictionary[asyncio.AbstractEventLoop, InputSpace]" = WeakKeyDictionary()
__ident__ = f"heloise {version('heloise')} for aiosmtpd"


class TLSSetupException(Exception):
    """A handshake has failed. Here the session ends, and no hook is told."""


def login_always_fail(mechanism: str, login: bytes, password: bytes) -> bool:
    """Nobody is known."""
    return False


class SMTP(asyncio.Protocol):
    """One connection. Parameters are those of aiosmtpd; `extensions` are more ESMTP keywords that heloise may offer,
    such as "PIPELINING" and "CHUNKING", which handlers do not notice.

    A subclass may have methods for commands, `smtp_VERB`, new ones and those that are here: they get the argument as
    it came, or None, and say the reply by `push`. `super().smtp_VERB(arg)` is what would have been without them.
    """

    command_size_limit = 512
    line_length_limit = 1001
    local_part_limit = 0
    AuthLoginUsernameChallenge = "User Name\x00"
    AuthLoginPasswordChallenge = "Password\x00"
    is_lmtp: ClassVar[bool] = False

    def __init__(
        self,
        handler: Any,
        *,
        data_size_limit: int | None = DATA_SIZE_DEFAULT,
        enable_SMTPUTF8: bool = False,
        decode_data: bool = False,
        hostname: str | None = None,
        ident: str | None = None,
        tls_context: ssl.SSLContext | None = None,
        require_starttls: bool = False,
        timeout: float = 300,
        auth_required: bool = False,
        auth_require_tls: bool = True,
        auth_exclude_mechanism: Iterable[str] | None = None,
        auth_callback: AuthCallbackType | None = None,
        command_call_limit: int | dict[str, int] | None = None,
        authenticator: AuthenticatorType | None = None,
        proxy_protocol_timeout: float | None = None,
        loop: asyncio.AbstractEventLoop | None = None,
        extensions: Iterable[str] = (),
    ) -> None:
        if proxy_protocol_timeout is not None and proxy_protocol_timeout <= 0:
            raise ValueError("proxy_protocol_timeout must be > 0")
        if auth_required and not auth_require_tls:
            warn("Requiring AUTH while not requiring TLS can lead to security vulnerabilities!", stacklevel=2)
        self.ident = ident or __ident__
        self.loop = loop if loop is not None else some_loop()
        self.event_handler = handler
        self.data_size_limit = data_size_limit
        self.enable_SMTPUTF8 = enable_SMTPUTF8
        self.hostname = hostname or socket.getfqdn()
        self.tls_context = tls_context
        self.require_starttls = bool(tls_context and require_starttls)
        self._decode_data = decode_data
        self._timeout_duration = timeout
        self._proxy_timeout = proxy_protocol_timeout
        self._auth_required, self._auth_require_tls = auth_required, auth_require_tls
        self._authenticator = authenticator
        self._auth_callback = auth_callback or login_always_fail
        self._call_limits = _call_limits(command_call_limit)
        self._auth_methods = self._mechanisms(handler, auth_exclude_mechanism or ())
        self._extensions = frozenset(each.upper() for each in extensions)
        self.hooks: dict[str, Callable[..., Any]] = {
            name.removeprefix("handle_"): getattr(handler, name) for name in dir(handler) if name.startswith("handle_")
        }
        ehlo = self.hooks.get("EHLO")
        self.ehlo_arguments = 0 if ehlo is None else len(inspect.signature(ehlo).parameters)
        if self.ehlo_arguments not in (0, OLD_EHLO, 5):
            raise RuntimeError("Unsupported EHLO Hook")
        if self.ehlo_arguments == OLD_EHLO:
            warn(
                "handle_EHLO() with four arguments is deprecated, take the responses as the fifth",
                DeprecationWarning,
                stacklevel=2,
            )
        self._smtp_methods: dict[str, Callable[[str | None], Awaitable[None]]] = {
            name.removeprefix("smtp_"): getattr(self, name)
            for name in dir(self)
            if name.startswith("smtp_") and not (self.is_lmtp and name in ("smtp_HELO", "smtp_EHLO"))
        }
        self.methods = {verb: method for verb, method in self._smtp_methods.items() if not _is_inherited(verb, method)}
        self.session: Session = self._create_session()
        self.envelope: Envelope = self._create_envelope()
        self.pushed = ""  # what a hook has said itself, the last of it
        self._stream: SocketStream | None = None
        self._engine: ServerSession | None = None
        self._conversation: ServerConversation | None = None
        self.dialogue: Dialogue | None = None  # of an AUTH that is going on
        self._receiver: HandlerReceiver | None = None
        self._task: asyncio.Task[None] | None = None

    # For subclasses

    def _create_session(self) -> Session:
        return Session(self.loop)

    def _create_envelope(self) -> Envelope:
        return Envelope()

    async def push(self, status: str | bytes) -> None:
        """Say a line now, before the reply that a hook returns."""
        octets = status if isinstance(status, bytes) else self._encoded(status)
        await self._send(octets + b"\r\n")
        self.pushed = octets.decode("utf-8", "replace").rpartition("\r\n")[2]

    async def challenge_auth(
        self, challenge: str | bytes, encode_to_b64: bool = True, log_client_response: bool = False
    ) -> Missing | bytes:
        """In a mechanism: ask the client, and get its answer decoded; MISSING when it has given up, or when that is no
        base64, and the client has been told so."""
        if self.dialogue is None:
            raise RuntimeError("a challenge belongs into AUTH")
        octets = challenge.encode() if isinstance(challenge, str) else challenge
        line = (await self.dialogue.ask(b64encode(octets) if encode_to_b64 else octets)).strip()
        if log_client_response:
            warn("AUTH interaction logging is enabled! Sensitive information might be leaked!", stacklevel=2)
            log.debug("%r >> %r", self.session.peer, line)
        if line == b"*":
            await self.push(statuses.AUTH_ABORTED)
            return MISSING
        try:
            return b64decode(line, validate=True)
        except binascii.Error:
            await self.push(statuses.AUTH_BASE64)
            return MISSING

    async def check_helo_needed(self, helo: str = "HELO") -> bool:
        """Is a hello missing? The client is told so."""
        if self.session.host_name:
            return False
        await self.push(statuses.HELLO_FIRST.format(helo))
        return True

    async def check_auth_needed(self, caller_method: str) -> bool:
        """Is a login missing? The client is told so."""
        if not self.lacks_login:
            return False
        await self.push(statuses.AUTH_REQUIRED)
        return True

    async def handle_exception(self, error: Exception) -> str:
        """What is said when a hook raises."""
        hook = getattr(self.event_handler, "handle_exception", None)
        if hook is not None:
            return cast(str, await hook(error))
        log.error("%r SMTP session exception", self.session.peer, exc_info=error)
        return statuses.FAULT.format(type(error).__name__, error)

    async def auth_PLAIN(self, _: "SMTP", args: list[str]) -> AuthResult:
        """RFC 4616."""
        given = await self._first_response(args, "")
        if not isinstance(given, bytes):
            return AuthResult(success=False)
        parts = given.split(b"\0")
        if len(parts) != 3:
            await self.push(statuses.AUTH_SPLIT)
            return AuthResult(success=False)
        return self._authenticate("PLAIN", LoginPassword(parts[1], parts[2]))

    async def auth_LOGIN(self, _: "SMTP", args: list[str]) -> AuthResult:
        """A name, then a password."""
        login = await self._first_response(args, self.AuthLoginUsernameChallenge)
        if not isinstance(login, bytes):
            return AuthResult(success=False)
        password = await self.challenge_auth(self.AuthLoginPasswordChallenge)
        if not isinstance(password, bytes):
            return AuthResult(success=False)
        return self._authenticate("LOGIN", LoginPassword(login, password))

    async def _first_response(self, args: list[str], challenge: str) -> Missing | bytes:
        if len(args) == 1:
            return await self.challenge_auth(challenge)
        try:
            return b64decode(args[1].encode(), validate=True)
        except (binascii.Error, ValueError):
            await self.push(statuses.AUTH_BASE64)
            return MISSING

    def _authenticate(self, mechanism: str, auth_data: Any) -> AuthResult:
        if self._authenticator is not None:
            return self._authenticator(self, self.session, self.envelope, mechanism, auth_data)
        if self._auth_callback(mechanism, *auth_data):
            return AuthResult(success=True, auth_data=auth_data)
        return AuthResult(success=False, handled=False)

    # Commands, to be overridden and called by who does

    @syntax("HELO hostname")
    async def smtp_HELO(self, hostname: str | None) -> None:
        """RFC 5321 §4.1.1.1."""
        await self._by_engine("HELO", hostname)

    @syntax("EHLO hostname")
    async def smtp_EHLO(self, hostname: str | None) -> None:
        """RFC 5321 §4.1.1.1."""
        await self._by_engine("EHLO", hostname)

    @syntax("MAIL FROM: <address>", " [SP <mail-parameters>]")
    async def smtp_MAIL(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.2."""
        await self._by_engine("MAIL", arg)

    @syntax("RCPT TO: <address>", " [SP <mail-parameters>]")
    async def smtp_RCPT(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.3."""
        await self._by_engine("RCPT", arg)

    @syntax("DATA")
    async def smtp_DATA(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.4; returns when the message has been answered."""
        await self._by_engine("DATA", arg)

    @syntax("RSET")
    async def smtp_RSET(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.5."""
        await self._by_engine("RSET", arg)

    @syntax("VRFY <address>")
    async def smtp_VRFY(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.6."""
        await self._by_engine("VRFY", arg)

    async def smtp_EXPN(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.7: not here."""
        await self._by_engine("EXPN", arg)

    @syntax("HELP [command]")
    async def smtp_HELP(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.8."""
        await self._by_engine("HELP", arg)

    @syntax("NOOP [ignored]")
    async def smtp_NOOP(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.9."""
        await self._by_engine("NOOP", arg)

    @syntax("QUIT")
    async def smtp_QUIT(self, arg: str | None) -> None:
        """RFC 5321 §4.1.1.10."""
        await self._by_engine("QUIT", arg)

    @syntax("STARTTLS", when="tls_context")
    async def smtp_STARTTLS(self, arg: str | None) -> None:
        """RFC 3207. The handshake begins when the method has returned."""
        await self._by_engine("STARTTLS", arg)

    @syntax("AUTH <mechanism>")
    async def smtp_AUTH(self, arg: str | None) -> None:
        """RFC 4954."""
        if await self.check_helo_needed("EHLO"):
            return
        args = (arg or "").split()
        status = self.login_refused(args)
        if status is None:
            status = await self.login(args)
        if status is not None:
            await self.push(status)

    async def _by_engine(self, verb: str, arg: str | None) -> None:
        assert self._receiver is not None, "a command belongs into a session"
        await self._receiver.command(verb, arg)

    # For the receiver

    @property
    def engine(self) -> ServerSession:
        """Of the session that is going on."""
        assert self._engine is not None
        return self._engine

    def flush(self) -> None:
        """Send what the engine has said until now."""
        octets = self.engine.data_to_send()
        if octets and self._stream is not None:
            self._stream.send(octets)

    async def call_hook(self, name: str, *arguments: Any) -> Any:
        """What the hook says; MISSING when there is none."""
        hook = self.hooks.get(name)
        return MISSING if hook is None else await hook(self, self.session, self.envelope, *arguments)

    def reply(self, status: str | None) -> Reply:
        """A status as a reply of the engine; None for what was pushed already. Raises ValueError: it is no reply."""
        if status is None:
            return replies.said_by_handler(self.pushed, b"")
        lines = status.split("\r\n")
        return replies.said_by_handler(lines[-1], self._encoded(status) + b"\r\n")

    async def described(self, error: Exception) -> str:
        """What is said for an exception; the hook for that may fail as well."""
        try:
            status = await self.handle_exception(error)
            replies.said_by_handler(status, b"")
            return status
        except Exception as inner:
            log.error("%r Exception in handle_exception()", self.session.peer, exc_info=inner)
            try:
                return statuses.FAULT.format(type(inner).__name__, inner)
            except Exception:
                return statuses.FAULT_UNTOLD

    def decoded(self, octets: bytes) -> bytes | str:
        """`Envelope.content`. Raises UnicodeDecodeError."""
        if not self._decode_data:
            return octets
        return octets.decode("utf-8", "surrogateescape") if self.enable_SMTPUTF8 else octets.decode("ascii")

    def call_limit(self, verb: str) -> int | None:
        """How often a command may be said."""
        limits = self._call_limits
        return None if limits is None else limits.get(verb, limits.get("*", CALL_LIMIT_DEFAULT))

    @property
    def lacks_login(self) -> bool:
        """Has somebody to log in first?"""
        return self._auth_required and not self.session.authenticated

    @property
    def is_secured(self) -> bool:
        """Does the session run under TLS?"""
        return self._engine is not None and self._engine.view.is_secured

    @property
    def login_offer(self) -> str:
        """What EHLO says about logins."""
        if self._auth_require_tls and not self.is_secured:
            return ""
        return "AUTH " + " ".join(sorted(self._auth_methods))

    @property
    def server_tls(self) -> ServerTls | None:
        """How to shake hands."""
        return None if self.tls_context is None else given_tls(self.tls_context)

    @property
    def transport(self) -> asyncio.BaseTransport | None:
        """The connection, or None."""
        return None if self._stream is None else self._stream.transport

    def begin_session(self) -> None:
        """A new connection, or one that is under TLS now."""
        transport = self.transport
        self.session = self._create_session()
        self.session.peer = None if transport is None else transport.get_extra_info("peername")
        if transport is not None and transport.get_extra_info("sslcontext") is not None:
            names = ("peercert", "cipher", "compression", "sslcontext", "ssl_object")
            self.session.ssl = {name: transport.get_extra_info(name) for name in names}

    def begin_envelope(self) -> None:
        """The transaction is over, or a new one begins."""
        self.envelope = self._create_envelope()

    def help(self, topic: str) -> str:
        """The answer to HELP."""
        forms = {
            verb: (method.__smtp_syntax__, method.__smtp_syntax_extended__ or "")
            for verb, method in self._smtp_methods.items()
            if self._syntax_available(method)
        }
        found = forms.get(topic.upper())
        if found is not None:
            return statuses.HELP_FORM.format(found[0] + (found[1] if self.session.extended_smtp else ""))
        code = statuses.HELP_UNKNOWN if topic else statuses.HELP_OK
        return statuses.HELP_LIST.format(code, " ".join(sorted(forms)))

    def _syntax_available(self, method: Any) -> TypeGuard["_Described"]:
        when = getattr(method, "__smtp_syntax_when__", None)
        return hasattr(method, "__smtp_syntax__") and (when is None or bool(getattr(self, when)))

    def login_refused(self, args: list[str]) -> str | None:
        """Why AUTH can not begin."""
        if not self.session.extended_smtp:
            return statuses.AUTH_AFTER_EHLO
        if self._auth_require_tls and not self.is_secured:
            return statuses.AUTH_NEEDS_TLS
        if self.session.authenticated:
            return statuses.AUTH_TWICE
        if not args:
            return statuses.AUTH_WITHOUT_NAME
        if len(args) > 2:
            return statuses.AUTH_TOO_MANY
        return None if args[0] in self._auth_methods else statuses.AUTH_UNKNOWN

    async def login(self, args: list[str]) -> str | None:
        """The whole of one AUTH; None when the client has been told how it ended."""
        status = await self.call_hook("AUTH", args)
        if status is not MISSING:
            return cast("str | None", status)
        return self._logged_in(await self._auth_methods[args[0]](self, args))

    def _logged_in(self, result: Any) -> str | None:
        session = self.session
        if isinstance(result, AuthResult):
            if result.success:
                session.authenticated, session.auth_data = True, result.auth_data
                session.login_data = getattr(result.auth_data, "login", None)
                return result.message or statuses.AUTH_SUCCESS
            return None if result.handled else result.message or statuses.AUTH_INVALID
        if result is None:  # from here on: what mechanisms returned before there was AuthResult
            return None
        if result is MISSING or result is False:
            return statuses.AUTH_INVALID
        session.login_data = result
        return statuses.AUTH_SUCCESS

    # The connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin to serve. From here on the transport is the stream's."""
        loop = asyncio.get_running_loop()
        space = _spaces.get(loop)
        if space is None:
            space = _spaces[loop] = InputSpace()
        self._stream = SocketStream(space)
        transport.set_protocol(self._stream)
        self._stream.connection_made(transport)
        self.begin_session()
        self.begin_envelope()
        log.info("Peer: %r", self.session.peer)
        self._task = loop.create_task(self._serve(self._stream))

    def shut_down(self) -> None:
        """End the session with 421."""
        if self._conversation is not None:
            self._conversation.shut_down()
        elif self._stream is not None:
            self._stream.abort()

    def abort(self) -> None:
        """End the session at once, whatever is going on."""
        if self._task is not None:
            self._task.cancel()
        if self._stream is not None:
            self._stream.abort()

    @property
    def is_over(self) -> bool:
        """Has there been a session that is over?"""
        return self._task is not None and self._task.done()

    async def wait_ended(self) -> None:
        """Until the session is over."""
        if self._task is not None:
            await asyncio.wait((self._task,))

    async def _serve(self, stream: SocketStream) -> None:
        if self._proxy_timeout is not None and not await self._introduced(stream, self._proxy_timeout):
            stream.close()
            return
        permitted = _BASE | self._extensions
        permitted -= frozenset() if self.tls_context is not None else {"STARTTLS"}
        permitted -= frozenset() if self.enable_SMTPUTF8 else {"SMTPUTF8"}
        # RFC 6531 §3.1: SMTPUTF8 goes with 8BITMIME.
        permitted -= {"8BITMIME"} if self._decode_data and not self.enable_SMTPUTF8 else frozenset()
        permitted -= frozenset() if self.data_size_limit else {"SIZE"}
        self._engine = ServerSession(
            hostname=self.hostname,
            registry=registry(),
            limits=SessionLimits(
                message_size=self.data_size_limit or 0,
                command_timeout=self._timeout_duration,
                data_timeout=self._timeout_duration,
            ),
            permitted=permitted,
            lmtp=self.is_lmtp,
            auth=AuthRules(mechanisms=tuple(self._auth_methods) or ("",)),
            asks=ASKED,
            own=frozenset(self.methods) - {"AUTH"},
        )
        encryption = _encryption_of(stream)
        if encryption is not None:
            self._engine.secured(encryption)
        self._receiver = HandlerReceiver(self)
        self._conversation = ServerConversation(self._engine, stream, self._receiver)
        await self._conversation.run()
        log.info("%r connection lost", self.session.peer)

    async def _introduced(self, stream: SocketStream, patience: float) -> bool:
        self.session.proxy_data = await introduced(stream, patience)
        status = await self.call_hook("PROXY", self.session.proxy_data) if self.session.proxy_data else False
        return status is not MISSING and bool(status)

    async def _send(self, octets: bytes) -> None:
        """Behind what the engine has said before."""
        assert self._stream is not None
        if self._engine is not None:
            octets = self._engine.data_to_send() + octets
        if octets:
            self._stream.send(octets)
            await self._stream.drain()

    def _encoded(self, status: str) -> bytes:
        return status.encode("utf-8", "surrogateescape") if self.enable_SMTPUTF8 else status.encode("ascii")

    def _mechanisms(self, handler: Any, excluded: Iterable[str]) -> dict[str, AuthMechanismType]:
        found = {
            getattr(method, "__auth_mechanism_name__", name.removeprefix("auth_").replace("__", "-")): method
            for owner in (self, handler)
            for name in dir(owner)
            if name.startswith("auth_") and callable(method := getattr(owner, name))
        }
        for name in excluded:
            found.pop(name, None)
        return found


class _Described(Protocol):
    """A method under `@syntax`."""

    __smtp_syntax__: str
    __smtp_syntax_extended__: str | None


def _is_inherited(verb: str, method: Any) -> bool:
    """Is it what `SMTP` itself does?"""
    return getattr(getattr(method, "__func__", None), "__module__", "") == __name__ or verb == "LHLO"


def _call_limits(given: int | dict[str, int] | None) -> dict[str, int] | None:
    if given is None:
        return None
    if isinstance(given, int):
        return {"*": given}
    if not isinstance(given, dict):
        raise TypeError("command_call_limit must be int or Dict[str, int]")
    if not all(isinstance(value, int) for value in given.values()):
        raise TypeError("All command_call_limit values must be int")
    return given


def _encryption_of(stream: SocketStream) -> Encryption | None:
    """Of a connection that began under TLS, before we were told of it."""
    connection = stream.transport.get_extra_info("ssl_object")
    if connection is None:
        return None
    cipher = connection.cipher()
    return Encryption(connection.version() or "TLS", cipher[0] if cipher is not None else "unknown", False)


def some_loop() -> asyncio.AbstractEventLoop:
    """The one that runs, or is set for this thread, or a new one that is set for it."""
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        pass
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # Python 3.12 warns that it makes one
        try:
            return asyncio.get_event_loop_policy().get_event_loop()
        except (DeprecationWarning, RuntimeError):
            loop = asyncio.new_event_loop()
            asyncio.set_event_loop(loop)
            return loop
