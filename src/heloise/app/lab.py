"""The lab put together: a connection to a server, and what its engine says where the server is ours."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress

from heloise.inbox.sessions import CaughtSession, SessionBook
from heloise.lab.session import Event, Insight, LabSession
from heloise.mail.reply import Reply
from heloise.smtp.extension import ServerView
from heloise.smtp.registry import discover
from heloise.smtp.states import ServerState
from heloise.smtp.transcript import Direction
from heloise.world import AnyEndpoint, ClientTls, World

CONNECTING = 30.0  # seconds


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
) -> AsyncIterator[LabSession]:
    """A session with the server at `endpoint`, of which `book` knows where it is ours; the greeting is still to come.

    Raises:
        LinkError: there is no connection, or no handshake.
    """
    stream = await world.network.connect(endpoint, timeout=CONNECTING)
    try:
        encryption = await stream.start_tls(tls, timeout=CONNECTING, is_first=True) if tls_first else None
        insight: Insight | None = None if book is None else BookInsight(book, str(stream.local))
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
