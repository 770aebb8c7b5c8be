"""What the lab in the terminal works at: a session with a server, in a loop of its own, so that what the server says is
shown at once while somebody types."""

import asyncio
from collections.abc import Coroutine
from contextlib import AsyncExitStack
from dataclasses import dataclass
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.app.lab import LabHouse, lab_house, lab_session
from heloise.cli.labscreen import LabScreen
from heloise.cli.terminal import console
from heloise.config import Configuration
from heloise.faults.book import FaultBook
from heloise.faults.phrase import parse_phrase
from heloise.lab.session import LabSession
from heloise.net import real_world
from heloise.observe.log import Log, LogLevel, standard_error
from heloise.reception.door import nobody_watches
from heloise.smtp.registry import Registry, discover
from heloise.world import AnyEndpoint, CertificateFiles, ClientTls, Endpoint, World

T = TypeVar("T")
USER, PASSWORD = "me", "secret"  # for AUTH, with the server of our own


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """With which server to speak, None for one of our own, and how. `timeout` in seconds is for each reply.

    One of our own answers as `configuration` says, at the listener with `port`, to somebody who comes from `client`;
    without a configuration it takes everything.
    """

    server: AnyEndpoint | None
    lmtp: bool
    tls: ClientTls
    tls_first: bool
    timeout: float
    certificate: CertificateFiles | None = None
    configuration: Configuration | None = None
    port: int | None = None
    client: str | None = None


class Bench:
    """A context: within it there is a session, and another one after `again`.

    Raises LinkError when it is entered: there is no connection.
    """

    def __init__(self, options: Options, *, brief: bool, is_typed: bool, world: World | None = None) -> None:
        self.options = options
        self.registry: Registry = discover()
        self.screen = LabScreen(console(), self.registry, brief=brief, is_typed=is_typed, lmtp=options.lmtp)
        self._world = world
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, name="heloise-lab", daemon=True)
        self._own: Catching | LabHouse | None = None
        self._faults: FaultBook | None = None
        self._house = AsyncExitStack()
        self._connection = AsyncExitStack()
        self._session: LabSession | None = None

    def __enter__(self) -> Self:
        self._thread.start()
        try:
            self._run(self._open())
        except BaseException:
            self.__exit__(None, None, None)
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, where: TracebackType | None
    ) -> None:
        self._run(self._close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    @property
    def session(self) -> LabSession:
        """The one that is open, or the last."""
        assert self._session is not None
        return self._session

    @property
    def can_fail(self) -> bool:
        """Is the server one that fails on purpose?"""
        return self._faults is not None

    def say(self, line: bytes) -> bool:
        """Say a line and wait for what is due; False when it did not come in time."""
        return self._run(self._say(line, raw=False))

    def say_octets(self, octets: bytes) -> bool:
        """The same with octets as they are."""
        return self._run(self._say(octets, raw=True))

    def again(self) -> None:
        """Hang up, and connect anew. Raises LinkError."""
        self._run(self._again())

    def fail(self, phrase: str) -> None:
        """Let our own server fail; no phrase: not any more. Raises ValueError."""
        faults = self._faults
        assert faults is not None
        rules = (parse_phrase(phrase),) if phrase else ()
        self._loop.call_soon_threadsafe(lambda: faults.add(*rules) if rules else faults.use(()))

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    async def _open(self) -> None:
        self._world = self._world if self._world is not None else real_world()
        world, options = self._world, self.options
        journal = Journal(Log(standard_error, world.clock, level=LogLevel.ERROR))
        if options.configuration is not None:
            house = lab_house(world, options.configuration, journal, port=options.port, client=options.client)
            self._own = await self._house.enter_async_context(house)
        elif options.server is None:
            catch = CatchOptions(
                endpoint=Endpoint("127.0.0.1", 0),
                lmtp=options.lmtp,
                certificate=options.certificate,
                users={USER: PASSWORD},
            )
            running = await self._house.enter_async_context(catching(world, catch, journal, nobody_watches))
            self._own, self._faults = running, running.faults
        self._welcome()
        await self._connect()

    def _welcome(self) -> None:
        server, configuration = self.options.server, self.options.configuration
        if configuration is not None:
            client = self.options.client
            whom = "somebody on this machine" if client is None else f"somebody at {client}"
            what = (
                f": a server that answers as {configuration.places.file} says, to {whom}. It keeps and sends nothing."
            )
        elif server is None:
            what = ": a mail server to say things to. It takes everything and sends nothing anywhere."
        else:
            what = f": what you type goes to {server}, as it is."
        self.screen.welcome(
            what, f'The user "{USER}" may log in with the password "{PASSWORD}" (AUTH).' if self.can_fail else ""
        )

    async def _connect(self) -> None:
        assert self._world is not None
        options, own = self.options, self._own
        target = own.endpoint if own is not None else options.server
        assert target is not None
        self._session = await self._connection.enter_async_context(
            lab_session(
                self._world,
                target,
                hear=self.screen.hear,
                tls=options.tls,
                book=None if own is None else own.sessions,
                lmtp=options.lmtp or (own is not None and own.lmtp),
                tls_first=options.tls_first or (isinstance(own, LabHouse) and own.tls_first),
                client=options.client,
            )
        )
        self.screen.connected(self._session, str(target))
        await self._wait()

    async def _say(self, octets: bytes, *, raw: bool) -> bool:
        (self.session.say_octets if raw else self.session.say)(octets)
        return await self._wait()

    async def _wait(self) -> bool:
        """For all that is due, and then for the place where the session stands."""
        try:
            async with asyncio.timeout(self.options.timeout):
                await self.session.settled()
        except TimeoutError:
            self.screen.remark(f"no reply within {self.options.timeout:g} seconds")
            return False
        if self.session.is_over:
            await asyncio.sleep(0)
        self.screen.settled(self.session)
        return True

    async def _again(self) -> None:
        await self._connection.aclose()
        await self._connect()

    async def _close(self) -> None:
        await self._connection.aclose()
        await self._house.aclose()
        if self._world is not None:
            await self._world.blocking.close()
