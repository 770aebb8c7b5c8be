"""Asking a server everything: a few connections, one after the other, each for what would disturb the others.

RFC 5321 §4.1, RFC 3207, RFC 2920. What goes wrong with one question is told with it and stops none of the others. No
message is ever sent: after RCPT comes RSET.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace

from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.probe.examination import Examination, Exchanger, Heard, Question, TlsExamined
from heloise.probe.interview import Interview, connect
from heloise.probe.relaying import NOBODY, Examined, domain_of, host_of
from heloise.probe.x509 import CertificateFacts, read_certificate
from heloise.smtp.transaction import NO_OFFERS, Offers
from heloise.smtp.transcript import Recorder
from heloise.world import ClientTls, Endpoint, LinkError, LinkFault, ResolverError, World

_A_MOMENT = 2.0  # seconds for an answer that should not come
_ASKED = (
    (Question.NOOP, "NOOP"),
    (Question.UNKNOWN, "HELOISE"),
    (Question.HELP, "HELP"),
    (Question.VRFY, "VRFY postmaster"),
    (Question.VRFY_NOBODY, f"VRFY {NOBODY}"),
    (Question.EXPN, "EXPN postmaster"),
)


async def find_exchangers(world: World, domain: str) -> tuple[Exchanger, ...]:
    """The mail exchangers of a domain, the best first; none when it has none, or its name can not be looked up."""
    try:
        found = await world.resolver.mail_exchangers(domain)
    except (ResolverError, ValueError):
        return ()
    exchangers = []
    for each in sorted(found, key=lambda each: (each.preference, each.host)):
        host = each.host.removesuffix(".")
        try:
            addresses, trouble = (await world.resolver.addresses(host) if host else ()), ""
        except ResolverError as error:
            addresses, trouble = (), str(error)
        exchangers.append(Exchanger(host=host or ".", preference=each.preference, addresses=addresses, trouble=trouble))
    return tuple(exchangers)


async def examine(
    world: World,
    server: Examined,
    *,
    name: str,
    domain: str | None = None,
    exchangers: tuple[Exchanger, ...] = (),
    recorder: Recorder | None = None,
) -> Examination:
    """Ask the server everything; `name` is for its certificate, `domain` one of its own."""
    examining = _Examining(world, server, name, recorder)
    found = Examination(name=name, endpoint=server.endpoint, exchangers=exchangers)
    try:
        found = await examining.begin(found, domain)
    except LinkError as error:
        return replace(found, trouble=str(error))
    if found.greeting is None or found.greeting.severity is not Severity.COMPLETED:
        return found
    heard = dict(found.heard)
    heard |= await examining.ask_commands(found.offers)
    heard |= await examining.ask_mail(found.domain)
    heard |= await examining.ask_lines()
    pipelines = await examining.pipelines() if found.offers.has("PIPELINING") else None
    tls, under = found.tls, NO_OFFERS
    if tls is None and found.offers.has("STARTTLS"):
        tls, under = await examining.starttls()
    return replace(found, heard=heard, pipelines=pipelines, tls=tls, offers_under_tls=under)


class _Examining:
    """One server being asked."""

    def __init__(self, world: World, server: Examined, name: str, recorder: Recorder | None) -> None:
        self._world = world
        self._server = server
        self._name = name
        self._recorder = recorder

    @asynccontextmanager
    async def _connected(self) -> AsyncIterator[Interview]:
        server = self._server
        interview = await connect(self._world, server.endpoint, timeout=server.timeout, recorder=self._recorder)
        try:
            if server.tls is not None:
                await interview.start_tls(server.tls)
            yield interview
        finally:
            await interview.leave()

    @asynccontextmanager
    async def _greeted(self) -> AsyncIterator[Interview]:
        """Past EHLO, or HELO where that is refused."""
        async with self._connected() as interview:
            await interview.hear()
            reply = await interview.say(f"{self._hello} {self._server.hello_name}")
            if reply.severity is Severity.PERMANENT and not self._server.lmtp:
                await interview.say(f"HELO {self._server.hello_name}")
            interview.hello_is_over()
            yield interview

    @property
    def _hello(self) -> str:
        return "LHLO" if self._server.lmtp else "EHLO"

    async def begin(self, found: Examination, domain: str | None) -> Examination:
        """Greeting, EHLO, and HELO on a connection of its own. Raises LinkError: there is no server."""
        clock = self._world.clock
        begun = clock.monotonic()
        async with self._connected() as interview:
            greeting = await interview.hear()
            seconds = clock.monotonic() - begun
            peer = interview.peer
            literal = f"[{peer.host}]" if isinstance(peer, Endpoint) else "localhost"
            host = host_of(greeting, literal)
            found = replace(found, greeting=greeting, greeted_after=seconds, host=host)
            found = replace(found, domain=domain or domain_of(host))
            if self._server.tls is not None:
                found = replace(found, tls=await self._tls(interview, implicit=True))
            if greeting.severity is not Severity.COMPLETED:
                return found
            hello = await interview.say(f"{self._hello} {self._server.hello_name}")
            offers = Offers.parse(hello) if hello.severity is Severity.COMPLETED else NO_OFFERS
        found = replace(found, hello=hello, offers=offers)
        return found if self._server.lmtp else replace(found, heard={Question.HELO: await self._helo()})

    async def _helo(self) -> Heard:
        command = f"HELO {self._server.hello_name}"
        try:
            async with self._connected() as interview:
                await interview.hear()
                return Heard(command, await interview.say(command))
        except LinkError as error:
            return Heard(command, None, str(error))

    async def ask_commands(self, offers: Offers) -> dict[Question, Heard]:
        """Commands that tell about the server and its users."""
        asked = list(_ASKED)
        if offers.has("ETRN"):
            asked.append((Question.ETRN, "ETRN heloise-probe.invalid"))
        heard: dict[Question, Heard] = {}
        while asked:
            try:
                async with self._greeted() as interview:
                    while asked:
                        question, command = asked.pop(0)
                        heard[question] = await _ask(interview, command)
                        if heard[question].reply is None:
                            break
            except LinkError as error:
                for question, command in asked:
                    heard.setdefault(question, Heard(command, None, str(error)))
                break
        return heard

    async def ask_mail(self, domain: str) -> dict[Question, Heard]:
        """Is mail from nobody taken, and mail for Postmaster? RFC 5321 §4.5.1, §4.5.5. RCPT only, then RSET."""
        heard: dict[Question, Heard] = {}
        rows = ((Question.POSTMASTER, "<postmaster>"), (Question.DOMAIN_POSTMASTER, f"<postmaster@{domain}>"))
        try:
            async with self._greeted() as interview:
                for question, path in rows:
                    mail = await _ask(interview, "MAIL FROM:<>")
                    heard.setdefault(Question.NULL_SENDER, mail)
                    if mail.reply is None or mail.reply.severity is not Severity.COMPLETED:
                        break
                    heard[question] = await _ask(interview, f"RCPT TO:{path}")
                    await _ask(interview, "RSET")
        except LinkError as error:
            heard.setdefault(Question.NULL_SENDER, Heard("MAIL FROM:<>", None, str(error)))
        return heard

    async def ask_lines(self) -> dict[Question, Heard]:
        """Does a bare LF end a command? RFC 5321 §2.3.8."""
        command = "NOOP\\n"
        try:
            async with self._greeted() as interview:
                interview.send(b"NOOP\n", shown=b"NOOP (with a bare LF)")
                reply: Reply | None = await interview.hear(patience=_A_MOMENT)
                return {Question.BARE_LF: Heard(command, reply)}
        except LinkError as error:
            return {Question.BARE_LF: Heard(command, None, "" if error.fault is LinkFault.TIMED_OUT else str(error))}

    async def pipelines(self) -> bool:
        """Is a group of commands answered, each with one reply? RFC 2920 §3.1."""
        try:
            async with self._greeted() as interview:
                interview.send(b"RSET\r\nRSET\r\nRSET\r\nNOOP\r\n")
                replies = [await interview.hear() for _ in range(4)]
        except LinkError:
            return False
        return all(reply.severity is Severity.COMPLETED for reply in replies)

    async def starttls(self) -> tuple[TlsExamined, Offers]:
        """The handshake, what is offered after it, whether the certificate is believed, what came in between."""
        try:
            async with self._greeted() as interview:
                reply = await interview.say("STARTTLS")
                if reply.severity is not Severity.COMPLETED:
                    return TlsExamined(is_implicit=False, trouble=str(reply)), NO_OFFERS
                tls = await self._tls(interview, implicit=False)
                hello = await interview.say(f"{self._hello} {self._server.hello_name}")
        except LinkError as error:
            return TlsExamined(is_implicit=False, trouble=str(error)), NO_OFFERS
        offers = Offers.parse(hello) if hello.severity is Severity.COMPLETED else NO_OFFERS
        return replace(tls, answers_plaintext=await self._answers_plaintext()), offers

    async def _tls(self, interview: Interview, *, implicit: bool) -> TlsExamined:
        """After a handshake nobody verified (or before one, with STARTTLS said): what it is."""
        encryption = interview.encryption
        if not implicit:
            encryption = await interview.start_tls(ClientTls(server_name=self._name))
        return TlsExamined(
            is_implicit=implicit,
            encryption=encryption,
            certificate=_read(interview.certificate),
            unverified=await self._unverified(),
        )

    async def _unverified(self) -> str:
        """Why the certificate is not believed for this name; empty when it is."""
        ca_file = None if self._server.tls is None else self._server.tls.ca_file
        demand = ClientTls(server_name=self._name, verify=True, ca_file=self._server.ca_file or ca_file)
        server = self._server
        interview = None
        try:
            interview = await connect(self._world, server.endpoint, timeout=server.timeout, recorder=self._recorder)
            if server.tls is None:
                await interview.hear()
                await interview.say(f"{self._hello} {server.hello_name}")
                await interview.say("STARTTLS")
            await interview.start_tls(demand)
        except LinkError as error:
            return error.detail or str(error)
        finally:
            if interview is not None:
                interview.close()
        return ""

    async def _answers_plaintext(self) -> bool | None:
        """RFC 3207 §6, CVE-2011-0411: is a command that came with STARTTLS, in plaintext, answered under TLS?"""
        try:
            async with self._greeted() as interview:
                interview.send(b"STARTTLS\r\nNOOP\r\n")
                if (await interview.hear()).severity is not Severity.COMPLETED:
                    return False
                await interview.start_tls(ClientTls(server_name=self._name))
                await interview.hear(patience=_A_MOMENT)
        except LinkError:
            return False
        return True


async def _ask(interview: Interview, command: str) -> Heard:
    try:
        return Heard(command, await interview.say(command))
    except LinkError as error:
        return Heard(command, None, str(error))


def _read(der: bytes | None) -> CertificateFacts | None:
    try:
        return None if der is None else read_certificate(der)
    except (ValueError, IndexError, OverflowError):
        return None
