"""Answers the engine's proposals by a handler's hooks. One for each connection.

A hook says the whole reply, with its code; the engine takes it for the decision and commits. What hooks are told to do
to the envelope is theirs: only that nobody brings mail without a sender or a recipient in it is looked at.

A command that a subclass has a method for (`smtp_MAIL`) goes to the method, as it came. When that asks its superclass,
the engine reads the command and the hooks decide it there and then (`command`); when it does not, the engine is brought
to where the session says it is. A method runs in a task of its own where it has to wait for the client (DATA, AUTH).
"""

import logging
from collections import defaultdict
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any
from warnings import warn

from heloise.aiosmtpd import statuses
from heloise.aiosmtpd.authenticating import VERB as AUTH
from heloise.aiosmtpd.authenticating import Dialogue
from heloise.aiosmtpd.sessions import MISSING
from heloise.mail.encryption import Encryption
from heloise.mail.envelope import Parameters
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Plain, Verb
from heloise.smtp.events import (
    CommandProposed,
    ConnectionProposed,
    ContentProposed,
    ContentReceived,
    ExpandProposed,
    Fact,
    HelloProposed,
    MailProposed,
    MessageProposed,
    Proposal,
    RecipientProposed,
    SessionEnded,
    TlsProposed,
    TransactionReset,
    VerifyProposed,
)
from heloise.world import LinkError, ServerTls, Stream

if TYPE_CHECKING:
    from heloise.aiosmtpd.smtp import SMTP

log = logging.getLogger("mail.log")
_ORDER = ("SIZE", "8BITMIME", "SMTPUTF8", "STARTTLS", "AUTH")  # of keywords in EHLO; others come after
_FREE_OF_TLS = (ConnectionProposed, TlsProposed)
_VERBS: dict[type, str] = {
    MailProposed: "MAIL",
    RecipientProposed: "RCPT",
    ContentProposed: "DATA",
    VerifyProposed: "VRFY",
    ExpandProposed: "EXPN",
    TlsProposed: "STARTTLS",
}
_UPPER = frozenset({"BODY"})  # values that are words, and compared as such


class HandlerReceiver:
    """See `heloise.link.serve.Receiver`. `server` is the one that hooks are given."""

    def __init__(self, server: "SMTP") -> None:
        self._server = server
        self._chunks: list[bytes] = []
        self._is_trusted = True  # what handle_STARTTLS has said of the handshake
        self._calls: dict[str, int] = defaultdict(int)
        self._dialogue: Dialogue | None = None  # of AUTH
        self._method: Dialogue | None = None  # of smtp_DATA, that waits for the message
        self._is_inner = False  # a method has handed its command on

    async def answer(self, proposal: Proposal, say: Callable[[str], None]) -> tuple[Reply, ...]:
        """The hook's word."""
        server = self._server
        server.pushed = ""
        try:
            refusal = self._refusal(proposal)
            status = refusal if refusal is not None else await self._decide(proposal)
            reply = server.reply(status)
        except Exception as error:  # whatever comes out of a hook is the handler's, and is told as it wants
            reply = server.reply(await server.described(error))
            self._method = self._dialogue = None
        if server.is_lmtp and isinstance(proposal, MessageProposed):
            return (reply,) * len(proposal.envelope.recipients)  # RFC 2033 §4.2
        return (reply,)

    async def note(self, fact: Fact) -> None:
        """Content is kept until it is whole; the engine has seen to it that there is no more than `data_size_limit`."""
        match fact:
            case ContentReceived(octets=octets):
                self._chunks.append(octets)
            case TransactionReset():
                self._forget()
                if self._method is not None and self._method.is_waiting:
                    await self._content_refused(self._method)
            case SessionEnded():
                for each in (self._dialogue, self._method):
                    if each is not None:
                        each.cancel()

    async def mistaken(self) -> None:
        """It is no matter of a handler."""

    def fault(self, error: Exception) -> None:
        """A bug of the adapter's."""
        log.error("%r SMTP session exception", self._server.session.peer, exc_info=error)

    def tls(self) -> ServerTls | None:
        """By the context that the server was given."""
        return self._server.server_tls

    def secured(self, encryption: Encryption) -> None:
        """Nothing that was said before counts (RFC 3207 §4.2): hooks get another session."""
        server = self._server
        server.begin_session()
        self._forget()
        hook = server.hooks.get("STARTTLS")
        self._is_trusted = hook is None or bool(hook(server, server.session, server.envelope))

    def not_secured(self, error: LinkError) -> None:
        """The session is over."""
        log.info("%r TLS handshake failed: %s", self._server.session.peer, error)

    async def turned(self, stream: Stream, is_stopping: Callable[[], bool]) -> None:
        """There is no ATRN here."""

    # Whether it may be said at all

    def _refusal(self, proposal: Proposal) -> str | None:
        server, verb = self._server, self._verb(proposal)
        if verb == Verb.QUIT or not verb or (self._dialogue is not None and verb == AUTH):
            return None
        if not self._is_trusted:
            return statuses.NOT_SECURE
        free = verb in ("NOOP", "EHLO", "LHLO", "STARTTLS")
        if server.require_starttls and not server.is_secured and not free:
            return statuses.TLS_REQUIRED
        self._calls[verb] += 1
        limit = server.call_limit(verb)
        if limit is not None and self._calls[verb] > limit:
            return statuses.TOO_OFTEN.format(verb)
        return None if verb in server.methods else self._premature(verb)

    def _premature(self, verb: str) -> str | None:
        """Why something else has to be said first."""
        server = self._server
        if verb in ("MAIL", "RCPT", "DATA", AUTH) and not server.session.host_name:
            return statuses.HELLO_FIRST.format("EHLO" if verb == AUTH else "HELO")
        if verb in ("MAIL", "RCPT", "DATA", "VRFY", "HELP") and server.lacks_login:
            return statuses.AUTH_REQUIRED
        return None

    def _verb(self, proposal: Proposal) -> str:
        if isinstance(proposal, HelloProposed | CommandProposed):
            return str(proposal.command.verb)
        return _VERBS.get(type(proposal), "")

    # What hooks say

    async def _decide(self, proposal: Proposal) -> str | None:
        server, envelope = self._server, self._server.envelope
        match proposal:
            case ConnectionProposed():
                return statuses.GREETING.format(server.hostname, server.ident)
            case HelloProposed(command=hello, reply=reply):
                self._forget()
                return await (
                    self._helo(hello.name) if hello.verb is Verb.HELO else self._ehlo(hello.name, reply.lines[1:])
                )
            case MailProposed(command=mail):
                address = str(mail.reverse_path).removeprefix("<").removesuffix(">") or "<>"
                options = _options(mail.parameters)
                envelope.smtp_utf8 = "SMTPUTF8" in mail.parameters
                status = await server.call_hook("MAIL", address, options)
                if status is not MISSING:
                    return _text(status)
                envelope.mail_from = address
                envelope.mail_options.extend(options)
                return statuses.OK
            case RecipientProposed(command=rcpt):
                if not envelope.mail_from:
                    return statuses.MAIL_FIRST
                address = str(rcpt.forward_path).removeprefix("<").removesuffix(">")
                options = _options(rcpt.parameters)
                status = await server.call_hook("RCPT", address, options)
                if status is not MISSING:
                    return _text(status)
                envelope.rcpt_tos.append(address)
                envelope.rcpt_options.extend(options)
                return statuses.OK
            case ContentProposed():
                self._chunks.clear()
                return statuses.GO_AHEAD if envelope.rcpt_tos else statuses.RCPT_FIRST
            case MessageProposed():
                if self._method is None:
                    return await self._message()
                await self._has_ended(self._method, _COME)
                return None
            case VerifyProposed(text=text):
                status = await server.call_hook("VRFY", text.removeprefix("<").removesuffix(">"))
                return statuses.CANNOT_VERIFY if status is MISSING else _text(status)
            case TlsProposed():
                return statuses.NO_TLS if server.server_tls is None else statuses.TLS_GO_AHEAD
            case CommandProposed(command=command):
                return await self._command(command)
            case _:
                return statuses.NO_EXPN  # of what is left only EXPN was ever there

    async def _helo(self, name: str) -> str:
        server = self._server
        server.session.extended_smtp = False
        status = await server.call_hook("HELO", name)
        if status is not MISSING:
            return _text(status)
        server.session.host_name = name
        return statuses.HELO.format(server.hostname)

    async def _ehlo(self, name: str, offers: tuple[str, ...]) -> str | None:
        server = self._server
        server.session.extended_smtp = True
        lines = [statuses.EHLO_LINE.format(each) for each in (server.hostname, *_ordered(offers, server.login_offer))]
        ehlo_hook = getattr(server, "ehlo_hook", None)
        if ehlo_hook is not None:
            warn("Use handler.handle_EHLO() instead of .ehlo_hook()", DeprecationWarning, stacklevel=2)
            for line in lines:
                await server.push(line)
            lines = []
            await ehlo_hook()
        if "EHLO" not in server.hooks:
            server.session.host_name = name
            return "\r\n".join([*lines, statuses.EHLO_LAST])
        if server.ehlo_arguments == OLD_EHLO:
            for line in lines:
                await server.push(line)
            return _text(await server.call_hook("EHLO", name))
        answer = await server.call_hook("EHLO", name, [*lines, statuses.EHLO_LAST])
        return "\r\n".join(map(_text, answer))

    async def _message(self) -> str:
        server, envelope = self._server, self._server.envelope
        octets = b"".join(self._chunks)
        self._chunks.clear()
        envelope.original_content = octets
        try:
            envelope.content = server.decoded(octets)
        except UnicodeDecodeError:
            self._forget()
            return statuses.STRICT_ASCII
        status = await server.call_hook("DATA")
        process = getattr(server.event_handler, "process_message", None)
        if status is MISSING and process is not None:
            warn("Use handler.handle_DATA() instead of .process_message()", DeprecationWarning, stacklevel=2)
            status = process(server.session.peer, envelope.mail_from, envelope.rcpt_tos, envelope.content)
            if isinstance(status, Awaitable):
                status = await status
            status = MISSING if status is None else status
        self._forget()
        return statuses.OK if status is MISSING else _text(status)

    async def _command(self, command: Plain) -> str | None:
        server, verb, argument = self._server, command.verb, command.argument
        if verb == AUTH:
            return await self._login(argument)
        method = None if self._is_inner else server.methods.get(verb)
        if method is not None:
            await self._by_method(verb, method, argument)
            return None
        if verb == Verb.HELP:
            return server.help(argument)
        if verb == Verb.RSET:
            self._forget()
        if verb == Verb.RSET and (rset_hook := getattr(server, "rset_hook", None)) is not None:
            warn("Use handler.handle_RSET() instead of .rset_hook()", DeprecationWarning, stacklevel=2)
            await rset_hook()
        status = await server.call_hook(verb, *([argument or None] if verb == Verb.NOOP else []))
        if status is MISSING:
            return statuses.BYE if verb == Verb.QUIT else statuses.OK
        return _text(status)

    async def _login(self, argument: str) -> str | None:
        """AUTH, or a line of the dialogue that it began."""
        server = self._server
        if self._dialogue is None:
            method = server.methods.get(AUTH)
            if method is None and (refusal := server.login_refused(argument.split())) is not None:
                return refusal
            self._dialogue = Dialogue(
                (lambda _: server.login(argument.split())) if method is None else (lambda _: method(argument or None))
            )
            server.dialogue = self._dialogue
            challenge, status = await self._dialogue.advance(None)
        else:
            challenge, status = await self._dialogue.advance(argument.encode("latin-1"))
        if challenge is not None:
            return statuses.CHALLENGE + challenge.decode("latin-1")
        self._dialogue = server.dialogue = None
        return status

    # Methods of a subclass

    async def command(self, verb: str, argument: str | None) -> None:
        """What the engine and the hooks make of a command that a method hands on; the client is told. For DATA it takes
        until the message has come and is answered. Raises what hooks raise."""
        server, engine = self._server, self._server.engine
        early = self._premature(verb)
        if early is not None:
            await server.push(early)
            return
        line = verb if argument is None else f"{verb} {argument}"
        inner = engine.reconsider(line.encode("utf-8", "surrogateescape"))
        if inner is None:
            server.pushed = statuses.SAID
            return
        self._is_inner = True
        try:
            reply = server.reply(await self._decide(inner))
        finally:
            self._is_inner = False
        engine.resolve_inner(inner, reply)
        server.pushed = statuses.SAID
        waits = isinstance(inner, ContentProposed) and reply.code == _GO_AHEAD
        if waits and self._method is not None and await self._method.ask(b"") == _COME:
            await server.push(await self._message())
        server.flush()

    async def _by_method(self, verb: str, method: Callable[[str | None], Awaitable[None]], argument: str) -> None:
        self._method = Dialogue(lambda _: method(argument or None))
        if await self._has_ended(self._method, b""):
            self._follow(verb, argument)

    async def _has_ended(self, method: Dialogue, line: bytes) -> bool:
        """True when it has ended, False when it waits for the message."""
        challenge, _ = await method.advance(line)
        if challenge is None:
            self._method = None
            return True
        self._server.pushed = statuses.SAID
        return False

    async def _content_refused(self, method: Dialogue) -> None:
        """The engine has said why; what the method does after that is its own."""
        try:
            await self._has_ended(method, _REFUSED)
        except Exception as error:
            self._method = None
            await self._server.push(await self._server.described(error))

    def _follow(self, verb: str, argument: str) -> None:
        """What a method has done to session and envelope without the engine happens there as well, in silence."""
        server, engine = self._server, self._server.engine
        if server.session.host_name and not engine.view.hello_name:
            hello = verb if verb in ("HELO", "EHLO", "LHLO") else "LHLO" if server.is_lmtp else "EHLO"
            self._quietly(f"{hello} {argument}", f"{hello} localhost")
        envelope = server.envelope
        if envelope.mail_from and engine.envelope is None:
            self._quietly(f"MAIL {argument}", "MAIL FROM:<> SMTPUTF8", "MAIL FROM:<>")
        taken = engine.envelope
        if envelope.rcpt_tos and taken is not None and not taken.recipients:
            self._quietly(f"RCPT {argument}", "RCPT TO:<postmaster>")

    def _quietly(self, *lines: str) -> None:
        """The first of them that the engine takes."""
        engine = self._server.engine
        self._server.flush()
        for line in lines:
            inner = engine.reconsider(line.encode("utf-8", "surrogateescape"))
            if inner is not None:
                engine.resolve_inner(inner, replies.said_by_handler(statuses.SAID, b""))
            engine.data_to_send()
            if inner is not None:
                return

    def _forget(self) -> None:
        self._chunks.clear()
        self._server.begin_envelope()


OLD_EHLO = 4  # arguments
_GO_AHEAD = 354
_COME, _REFUSED = b"", b"refused"  # what became of the content that a method waits for


def _options(parameters: Parameters) -> list[str]:
    """As they were given, with keywords in upper case."""
    return [str(each).upper() if each.keyword in _UPPER else str(each) for each in parameters]


def _ordered(offers: tuple[str, ...], auth: str) -> list[str]:
    """aiosmtpd's order; HELP is said last by whoever asks."""
    by_keyword = {each.partition(" ")[0]: each for each in offers}
    by_keyword.pop("HELP", None)
    if auth:
        by_keyword[AUTH] = auth
    first = [by_keyword.pop(keyword) for keyword in _ORDER if keyword in by_keyword]
    return [*first, *by_keyword.values()]


def _text(status: Any) -> str:
    if isinstance(status, bytes):
        return status.decode("utf-8", "surrogateescape")
    if not isinstance(status, str):
        raise TypeError(f"a hook returns its reply as text, not {status!r}")
    return status
