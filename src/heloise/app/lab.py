"""The lab put together: a connection to a server, and what its engine says where the server is ours."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from importlib.metadata import version

from heloise.app.configured.authentication import auth_rules
from heloise.app.configured.policies import completing_domain, listener_policy
from heloise.app.configured.regime import Regime
from heloise.app.configured.tables import admission_policy, session_rules
from heloise.app.desk import CatchingDesk
from heloise.app.journal import Journal
from heloise.app.server.stopping import close_doors
from heloise.config.encrypting import ListenerTls
from heloise.config.judging import Greylisting
from heloise.config.listening import Listener, Protocol
from heloise.config.schema import Configuration
from heloise.inbox.inbox import Inbox
from heloise.inbox.sessions import CaughtSession, SessionBook
from heloise.lab.session import Event, Insight, LabSession
from heloise.mail.reply import Reply
from heloise.reception.admission import Admission
from heloise.reception.census import Census
from heloise.reception.desk import ReceptionDesk
from heloise.reception.door import Door
from heloise.reception.passing import PassingStream
from heloise.smtp.extension import ServerView
from heloise.smtp.registry import discover
from heloise.smtp.states import ServerState
from heloise.smtp.transcript import Direction, Recorder
from heloise.world import AnyEndpoint, ClientTls, Endpoint, Stream, World

CONNECTING = 30.0  # seconds
_STOP_PATIENCE = 5.0
_SESSIONS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class LabHouse:
    """A server of our own that is running: where, what it knows of its sessions, and what it speaks."""

    endpoint: Endpoint
    sessions: SessionBook
    lmtp: bool = False
    tls_first: bool = False


class _Disguised(PassingStream):
    """A connection that looks as if it came from another address."""

    def __init__(self, stream: Stream, client: str) -> None:
        super().__init__(stream)
        self._client = client

    @property
    def peer(self) -> AnyEndpoint:
        """That one; the port is the real one."""
        real = self._stream.peer
        return Endpoint(self._client, real.port) if isinstance(real, Endpoint) else real


@asynccontextmanager
async def lab_house(
    world: World, configuration: Configuration, journal: Journal, *, port: int | None, client: str | None
) -> AsyncIterator[LabHouse]:
    """A server that answers as this configuration says, on a free port of loopback: names, users, policy, limits and
    certificates are real, and each cause has its rule. It takes messages and forgets them; nothing is sent or kept.

    What would have an effect on others is left out: hooks, filters of other programs, the memory of greylisting.

    Args:
        world: in which it is.
        configuration: how it answers.
        journal: is told.
        port: it is the listener with this port; the first that takes mail when it is None.
        client: whoever connects comes from this address; None for where he does.

    Raises:
        ConfigError, TlsFileError: a file that it names can not be used.
        ValueError: nobody listens at that port.
        LinkError: there is no port.
    """
    index, listener = _listener(configuration, port)
    policy = replace(configuration.policy, hooks=None)
    configuration = replace(configuration, policy=policy, greylist=Greylisting())
    registry, book = discover(), SessionBook()
    regime = Regime(configuration, world, journal)
    inbox = Inbox(now=world.clock.now)
    desk = ReceptionDesk(
        hostname=configuration.hostname,
        sink=inbox,
        router=regime.router,
        names=regime.directory,
        queue=CatchingDesk(world, version("heloise"), lambda: len(inbox.messages)),
        journal=journal,
        world=world,
        route_report=regime.router.route_own,
        rewriting=regime.rewriting,
        tls=regime.certificates.tls,
        authority=regime.authority,
        policy=listener_policy(configuration, listener, world, journal),
        completes_in=completing_domain(configuration, listener),
        extensions=registry,
    )

    def recorder_for(session_id: str, admission: Admission) -> Recorder:
        return book.begin(session_id, admission.address, world.clock.now()).transcript

    door = Door(
        desk=desk,
        policy=admission_policy(configuration, listener, registry),
        registry=registry,
        limits=configuration.limits.session,
        rules=session_rules(configuration, index),
        census=Census(total=_SESSIONS, per_client=_SESSIONS),
        lmtp=listener.spoken is Protocol.LMTP,
        takes_mail=listener.protocol is not Protocol.ODMR,
        tls_first=listener.tls is ListenerTls.IMPLICIT,
        auth=auth_rules(configuration, listener),
        recorder_for=recorder_for,
        attend=book.attend,
    )

    async def serve(stream: Stream) -> None:
        await door.serve(stream if client is None else _Disguised(stream, client))

    listening = await world.network.listen(Endpoint("127.0.0.1", 0), serve)
    try:
        local = listening.local
        assert isinstance(local, Endpoint)
        yield LabHouse(
            endpoint=local,
            sessions=book,
            lmtp=listener.spoken is Protocol.LMTP,
            tls_first=listener.tls is ListenerTls.IMPLICIT,
        )
    finally:
        await close_doors([listening], [door], patience=_STOP_PATIENCE)
        await regime.close()


def _listener(configuration: Configuration, port: int | None) -> tuple[int, Listener]:
    """Raises ValueError."""
    for index, listener in enumerate(configuration.listeners):
        if port is None and listener.protocol is not Protocol.ODMR:
            return index, listener
        if port is not None and getattr(listener.address, "port", None) == port:
            return index, listener
    known = ", ".join(str(listener.address) for listener in configuration.listeners)
    raise ValueError(f"no listener has port {port}; there are {known}")


class BookInsight:
    """What a development server knows of the session with the client at `peer`. See `heloise.lab.session.Insight`."""

    def __init__(self, book: SessionBook, peer: str) -> None:
        self._book = book
        self._peer = peer
        self._found: CaughtSession | None = None

    @property
    def state(self) -> ServerState:
        """See there."""
        session = self._session
        if session is None:
            return ServerState.CONNECTED
        return ServerState.CLOSED if session.engine is None else session.engine.state

    @property
    def view(self) -> ServerView | None:
        """See there."""
        session = self._session
        return None if session is None or session.engine is None else session.engine.view

    def reply(self, number: int) -> Reply | None:
        """See there."""
        session = self._session
        said = [] if session is None else [line for line in session.transcript if line.direction is Direction.SERVER]
        return said[number].reply if number < len(said) else None

    @property
    def _session(self) -> CaughtSession | None:
        if self._found is None:
            self._found = self._book.of_peer(self._peer)
        return self._found


@asynccontextmanager
async def lab_session(
    world: World,
    endpoint: AnyEndpoint,
    *,
    hear: Callable[[Event], None],
    tls: ClientTls,
    book: SessionBook | None = None,
    lmtp: bool = False,
    tls_first: bool = False,
    client: str | None = None,
) -> AsyncIterator[LabSession]:
    """A session with the server at `endpoint`, of which `book` knows where it is ours, and which takes us for `client`
    if that is given; the greeting is still to come.

    Raises:
        LinkError: there is no connection, or no handshake.
    """
    stream = await world.network.connect(endpoint, timeout=CONNECTING)
    try:
        encryption = await stream.start_tls(tls, timeout=CONNECTING, is_first=True) if tls_first else None
        local = stream.local
        if client is not None and isinstance(local, Endpoint):
            local = Endpoint(client, local.port)
        insight: Insight | None = None if book is None else BookInsight(book, str(local))
        session = LabSession(stream, discover(), hear=hear, tls=tls, insight=insight, lmtp=lmtp)
        session.encryption = encryption
        serving = asyncio.create_task(session.serve())
        try:
            yield session
        finally:
            session.close()
            with suppress(asyncio.CancelledError):
                await serving
    finally:
        stream.close()
        await stream.wait_closed()
