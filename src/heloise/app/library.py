"""heloise for Python programs: a server that calls a function with each message, and `send`.

Everything here runs in the caller's own event loop; no thread is started for it.
"""

from collections.abc import Mapping, Sequence
from importlib.metadata import version
from types import TracebackType
from typing import Self

from heloise.app.catching import CatchingNames, CatchingRouter
from heloise.app.catching_users import catching_auth, catching_authority
from heloise.app.desk import CatchingDesk
from heloise.app.send import is_here, level_for
from heloise.app.server.stopping import close_doors
from heloise.faults.book import FaultBook
from heloise.faults.phrase import parse_phrase
from heloise.faults.receiver import Failing
from heloise.faults.rule import FaultRule
from heloise.link.send import send as send_to
from heloise.mail.envelope import Envelope
from heloise.net import real_world
from heloise.reception.admission import AdmissionPolicy
from heloise.reception.census import Census
from heloise.reception.desk import ReceptionDesk
from heloise.reception.door import Door
from heloise.reception.function import FunctionSink, Receive, ReceivedMessage
from heloise.reception.quiet import QuietJournal
from heloise.smtp.limits import SessionLimits
from heloise.smtp.registry import discover
from heloise.smtp.sasl.choosing import ClientLogin
from heloise.smtp.sasl.mechanism import Credentials
from heloise.smtp.transaction import ClientOptions, RecipientAnswer
from heloise.world import Endpoint, Listening, OutgoingTls, TlsLevel, World

__all__ = ["ReceivedMessage", "Server", "send"]

_SESSIONS = 10_000
_STOP_PATIENCE = 5.0


class Server:
    """An SMTP server that gives each message to `receive`, whose None means 250, and whose Reply is said instead.

        async def receive(message): ...
        async with heloise.Server(receive) as server:
            print(server.endpoint)

    Takes every recipient; sends nothing on. An exception of `receive` is answered by 451, the session lives on.

    Args:
        receive: called in the event loop that entered the context.
        host: address to listen on; port 0 takes a free one.
        hostname: what the server calls itself.
        lmtp: speak LMTP (RFC 2033).
        limits: sizes and times.
        faults: rules to fail by on purpose, or phrases that say some, such as "451 twice, then accept".
        seed: of what happens by chance.
        users: names and passwords of those who may log in (AUTH).
        anybody: others may log in as well, with any password.
        requires_auth: nobody brings mail without having logged in.

    Raises:
        ValueError: it requires AUTH, and nobody could log in.
    """

    def __init__(
        self,
        receive: Receive,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        hostname: str = "localhost",
        lmtp: bool = False,
        limits: SessionLimits | None = None,
        faults: Sequence[FaultRule | str] = (),
        seed: int = 0,
        users: Mapping[str, str] | None = None,
        anybody: bool = False,
        requires_auth: bool = False,
    ) -> None:
        if requires_auth and not users and not anybody:
            raise ValueError("nobody could log in: there are no users")
        self._users = dict(users or {})
        self._anybody = anybody
        self._auth = catching_auth(self._users, anybody=anybody, is_required=requires_auth)
        self._faults = tuple(parse_phrase(each) if isinstance(each, str) else each for each in faults)
        self._seed = seed
        self._receive = receive
        self._endpoint = Endpoint(host, port)
        self._hostname = hostname
        self._lmtp = lmtp
        self._limits = limits if limits is not None else SessionLimits()
        self._world: World | None = None
        self._listening: Listening | None = None
        self._door: Door | None = None

    @property
    def endpoint(self) -> Endpoint:
        """Where it listens, with the port that was really given."""
        return self._endpoint

    async def __aenter__(self) -> Self:
        """Begin to listen. Raises LinkError."""
        world = real_world()
        registry = discover()
        sink = FunctionSink(self._receive)
        journal = QuietJournal()
        book = FaultBook(self._faults, seed=self._seed, started=world.clock.monotonic())
        desk = ReceptionDesk(
            hostname=self._hostname,
            sink=sink,
            router=CatchingRouter(),
            names=CatchingNames(),
            queue=CatchingDesk(world, version("heloise"), lambda: sink.taken),
            journal=journal,
            world=world,
            authority=catching_authority(world, self._users, anybody=self._anybody),
            adds_trace=False,
        )
        self._door = Door(
            desk=desk,
            policy=AdmissionPolicy(keywords=registry.keywords - {"STARTTLS"}),  # there is no certificate
            registry=registry,
            limits=self._limits,
            census=Census(total=_SESSIONS, per_client=_SESSIONS),
            lmtp=self._lmtp,
            auth=self._auth,
            attend=Failing(book, world.clock.monotonic, journal) if book.rules else None,
        )
        self._listening = await world.network.listen(self._endpoint, self._door.serve)
        local = self._listening.local
        assert isinstance(local, Endpoint)
        self._world, self._endpoint = world, local
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """End sessions with 421 and stop listening. Bounded in time."""
        assert self._listening is not None
        assert self._door is not None
        assert self._world is not None
        await close_doors([self._listening], [self._door], patience=_STOP_PATIENCE)
        await self._world.blocking.close()


async def send(
    message: bytes,
    *,
    sender: str,
    recipients: Sequence[str],
    host: str = "127.0.0.1",
    port: int = 25,
    hello_name: str = "localhost",
    username: str | None = None,
    password: str | None = None,
    token: str | None = None,
    tls: TlsLevel | str | None = None,
    implicit_tls: bool = False,
    ca_file: str | None = None,
) -> tuple[RecipientAnswer, ...]:
    """Send one message to one server; line endings of any sort become CRLF. An empty `sender` is the null path.

    Args:
        message: header and body.
        sender: who gets reports.
        recipients: who gets the message.
        host: the server.
        port: 25 for other servers; 587, or 465 with `implicit_tls`, for those who log in.
        hello_name: what we call ourselves.
        username: log in as (AUTH, RFC 4954), by the best mechanism that the server offers; the password is shown under
            TLS only, or to a program on this machine.
        password: what proves it.
        token: one of OAuth 2.0 in place of a password.
        tls: "none", "may" (where it is offered), "encrypt" (never without), "verify" (and only with whom the name
            fits); by default "may", and "verify" for who logs in at another machine.
        implicit_tls: begin with TLS (RFC 8314).
        ca_file: authorities (PEM) to believe, in place of those of the system.

    Returns:
        One answer for each recipient, at least one of them taken.

    Raises:
        SmtpRefusal: nobody gets it; the reply and its cause say why. Also when the login is refused.
        LinkError: no connection, or it was lost.
        AddressError: a path is not written as RFC 5321 §4.1.2 asks.
        ValueError: `tls` is none of these words, or there is a name without password or token.
    """
    lines = [f"<{sender}>", *(f"<{recipient}>" for recipient in recipients)]
    envelope = Envelope.parse("\r\n".join(lines).encode())
    world = real_world()
    try:
        endpoint = Endpoint(host, port)
        login = None
        if username is not None:
            if not password and not token:
                raise ValueError("a username wants a password or a token")
            credentials = Credentials(username, password or "", token or "")
            login = ClientLogin(credentials=credentials, in_clear=is_here(endpoint))
        level = level_for(endpoint, None if tls is None else TlsLevel(tls), shows_login=login is not None)
        return await send_to(
            world,
            endpoint,
            envelope,
            message,
            options=ClientOptions(hello_name=hello_name, login=login),
            registry=discover(),
            tls=OutgoingTls(level=level, ca_file=ca_file),
            tls_first=implicit_tls,
        )
    finally:
        await world.blocking.close()
