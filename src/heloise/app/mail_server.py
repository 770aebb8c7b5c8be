"""`heloise serve` as one object: configuration and world in, a running mail server out.

Started from the bottom up (queue, deliverer, listeners) and stopped from the top down, so that at every moment what is
accepted can be kept, and what is kept can be delivered. Takes no part in any decision.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Any

from heloise.app.address_files import AddressFiles
from heloise.app.addressing import local_mailboxes, lookup_sources
from heloise.app.certificate_watch import CertificateWatch
from heloise.app.control import serve_control
from heloise.app.control_desk import ControlDesk
from heloise.app.crew_control import ShardDesk
from heloise.app.crew_queue import CrewQueue
from heloise.app.delivering import make_deliverer
from heloise.app.desk import RequestPolicies, ServerDesk
from heloise.app.fetching import CountingRecorder, Fetched, fetch, fetched_json
from heloise.app.journal import Journal
from heloise.app.onward import rewriting
from heloise.app.part import ALONE, Part, orphaned_shards, shard_directory
from heloise.app.passports import make_office
from heloise.app.stopping import close_doors
from heloise.app.table_watch import TableWatch, read_tables
from heloise.app.tables import (
    admission_policy,
    etrn_policy,
    provider_policy,
    proxy_rules,
    session_rules,
    sites_on_demand,
)
from heloise.app.users_file import auth_rules, make_authority
from heloise.config.encrypting import ListenerTls
from heloise.config.kinds import read_endpoint
from heloise.config.listening import Listener, Protocol
from heloise.config.schema import Configuration
from heloise.delivery.background import Background
from heloise.delivery.deliverer import Deliverer
from heloise.delivery.on_demand import OnDemandRelay
from heloise.queue.errors import StoreInUse
from heloise.queue.queue import Queue, QueueOptions
from heloise.queue.sqlite import SqliteStore
from heloise.reception.census import Census
from heloise.reception.door import Door, RecorderFactory, nobody_watches
from heloise.reception.on_request import Pace
from heloise.reception.reception import ReceptionDesk
from heloise.routing.directory import Directory
from heloise.routing.rewriting import RewritingRouter
from heloise.routing.router import Router
from heloise.routing.tables import RoutingTables
from heloise.smtp.registry import Registry, discover
from heloise.smtp.transaction import ClientOptions
from heloise.smtp.transcript import Recorder, Transcript
from heloise.world import AnyEndpoint, Listening, UnixEndpoint, World

_OPEN_TRIES, _OPEN_PAUSE = 50, 0.1  # seconds between two
STOP_PATIENCE = 30.0  # seconds that sessions and attempts get to end by themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """How the queue's database is opened; other than the default only in a simulated world."""

    vfs: str | None = None
    exclusive: bool = False


@dataclass(slots=True)
class _Running:
    """What has been started so far."""

    listening: list[Listening] = field(default_factory=list)
    doors: list[Door] = field(default_factory=list)
    control: Listening | None = None


class MailServer:
    """One mail server. `start` and `stop` are each called once.

    Raises:
        ConfigError: a file of names or users can not be used.
        TlsFileError: a certificate can not be used.
    """

    def __init__(
        self,
        configuration: Configuration,
        world: World,
        journal: Journal,
        *,
        store: StoreOptions | None = None,
        recorder_for: RecorderFactory = nobody_watches,
        registry: Registry | None = None,
        part: Part = ALONE,
    ) -> None:
        store = store if store is not None else StoreOptions()
        self._configuration = configuration
        self._part = part
        self._world = world
        self._journal = journal
        self._recorder_for = recorder_for
        self._registry = registry if registry is not None else discover()
        files = AddressFiles(configuration, world.files, world.clock)
        self._tables = read_tables(configuration, files)
        self._mailboxes = local_mailboxes(configuration, world)
        self._lookups = lookup_sources(configuration, world)
        self._local_router = Router(self._tables, self._mailboxes, self._lookups)
        self._rewriting = rewriting(configuration, self._local_router, world.clock)
        self._router = (
            self._local_router if self._rewriting is None else RewritingRouter(self._local_router, self._rewriting)
        )
        self._directory = Directory(self._tables, self._lookups)
        self._table_watch = TableWatch(configuration, files, world, journal, self._use_tables)
        self._authority = make_authority(configuration, world, journal)
        self._certificates = CertificateWatch(configuration, world, journal)
        self._store_options = store
        self.queue = self._queue_in(shard_directory(configuration, part.index))
        self.passports = make_office(configuration, world, journal, vfs=store.vfs, exclusive=store.exclusive, part=part)
        self._background = Background()
        self.deliverer = self._deliverer_for(self.queue)
        self._adopted: list[tuple[Queue, Deliverer]] = []
        self._census = Census(
            total=part.share(configuration.limits.connections),
            per_client=configuration.limits.connections_per_client,
            total_rule=configuration.rule("limits", "connections"),
            per_client_rule=configuration.rule("limits", "connections_per_client"),
        )
        self._policies = RequestPolicies(
            etrn=etrn_policy(configuration),
            pace=Pace(configuration.etrn.interval),
            etrn_interval_rule=configuration.rule("etrn", "interval"),
            sites=sites_on_demand(configuration),
        )
        self._running = _Running()

    def _queue_in(self, directory: str) -> Queue:
        options, world = self._store_options, self._world
        sqlite = SqliteStore(directory, world, vfs=options.vfs, exclusive=options.exclusive)
        return Queue(
            sqlite,
            world,
            spool_directory=sqlite.spool_directory,
            options=QueueOptions(minimum_free=self._configuration.limits.minimum_free),
        )

    def _deliverer_for(self, queue: Queue) -> Deliverer:
        return make_deliverer(
            self._configuration,
            queue,
            self._world,
            self._registry,
            self._router,
            self._mailboxes,
            self._journal,
            self._background,
            self._part,
        )

    @property
    def endpoints(self) -> Sequence[AnyEndpoint]:
        """Where it listens, in the order of the configuration, with the ports that were really given."""
        return [each.local for each in self._running.listening]

    @property
    def sessions(self) -> int:
        """How many are open."""
        return sum(door.sessions for door in self._running.doors)

    async def start(self) -> None:
        """Open the queue, begin to deliver, listen.

        Raises:
            StoreFault: the queue can not be opened.
            LinkError: an address can not be listened on; nothing is left running.
        """
        await self._open(self.queue)
        try:
            self.deliverer.start()
            self._table_watch.start()
            self._certificates.start()
            await self._adopt()
            await self._listen()
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End sessions with 421, let running attempts end, close the queue. Nothing that was accepted is lost."""
        running = self._running
        if running.control is not None:
            await running.control.close()
        await close_doors(running.listening, running.doors, patience=STOP_PATIENCE)
        await self._table_watch.stop()
        await self._certificates.stop()
        await asyncio.gather(
            *(each.stop(STOP_PATIENCE) for each in (self.deliverer, *(each for _, each in self._adopted)))
        )
        await self._lookups.close()
        await self._background.close()
        for queue in (self.queue, *(each for each, _ in self._adopted)):
            await queue.close()
        if self.passports is not None:
            await self.passports.close()

    async def _open(self, queue: Queue) -> None:
        """When the process above several is killed, the others end a moment later; until then the queues are theirs."""
        tries = 1 if self._part.is_alone else _OPEN_TRIES
        while tries:
            tries -= 1
            try:
                await queue.open()
                break
            except StoreInUse:
                if not tries:
                    raise
                await asyncio.sleep(_OPEN_PAUSE)

    async def _adopt(self) -> None:
        """Deliver what is in the queues of processes that there are no longer, since there were more of them."""
        if not self._part.is_first:
            return
        for index in orphaned_shards(self._configuration, self._world.files, self._part.count):
            queue = self._queue_in(shard_directory(self._configuration, index))
            await self._open(queue)
            deliverer = self._deliverer_for(queue)
            self._adopted.append((queue, deliverer))
            deliverer.start()

    async def fetch(
        self, endpoint: AnyEndpoint, domains: Sequence[str], *, recorder: Recorder | None = None
    ) -> Fetched:
        """Fetch mail from a provider by ATRN (RFC 2645), into the queue. Between `start` and `stop`."""
        configuration = self._configuration
        counts = CountingRecorder(recorder)
        door = Door(
            desk=self._desk(),
            policy=provider_policy(self._registry),
            registry=self._registry,
            limits=configuration.limits.session,
            rules=session_rules(configuration),
            census=self._census,
            recorder_for=lambda session_id, admission: counts,
        )
        self._running.doors.append(door)
        try:
            options = ClientOptions(hello_name=configuration.hostname)
            return await fetch(self._world, endpoint, options, self._registry, domains, door=door, counts=counts)
        finally:
            self._running.doors.remove(door)

    async def fetch_for_control(self, server: str, domains: Sequence[str]) -> dict[str, Any]:
        """As `fetch`, in the words of the control socket. Raises ValueError for what is no address of a server."""
        transcript = Transcript()
        endpoint = read_endpoint(server, PurePosixPath(self._configuration.state))
        fetched = await self.fetch(endpoint, domains, recorder=transcript)
        return fetched_json(fetched, transcript)

    def _use_tables(self, tables: RoutingTables) -> None:
        """A file of names has changed: what is asked from now on is answered from these."""
        self._tables = tables
        self._local_router.use(tables)
        self._directory.use(tables)

    async def _listen(self) -> None:
        network, configuration = self._world.network, self._configuration
        for index, listener in enumerate(configuration.listeners):
            if isinstance(listener.address, UnixEndpoint) and not self._part.is_first:
                continue
            door = self._door(listener, index)
            self._running.listening.append(await network.listen(listener.address, door.serve))
            self._running.doors.append(door)
        self._running.control = await serve_control(
            network, self._part.control_socket(configuration), self.control_desk()
        )
        if self._part.is_first:
            for listener, endpoint in zip(configuration.listeners, self.endpoints, strict=True):
                self._journal.server("listening", address=str(endpoint), protocol=listener.protocol.value)

    def control_desk(self) -> ShardDesk:
        """What an operator asks, by the control socket or from the same process."""
        return ShardDesk(
            [
                ControlDesk(
                    queue,
                    self._world.clock,
                    journal=self._journal,
                    passports=self.passports if queue is self.queue else None,
                    routed=self._router.route_own,
                    retried=deliverer.forgive,
                    destinations=deliverer.destinations,
                    fetch=self.fetch_for_control,
                )
                for queue, deliverer in [(self.queue, self.deliverer), *self._adopted]
            ]
        )

    def _door(self, listener: Listener, index: int) -> Door:
        configuration = self._configuration
        return Door(
            desk=self._desk(),
            policy=admission_policy(configuration, listener, self._registry),
            registry=self._registry,
            limits=configuration.limits.session,
            rules=session_rules(configuration, index),
            lmtp=listener.protocol is Protocol.LMTP,
            takes_mail=listener.protocol is not Protocol.ODMR,
            tls_first=listener.tls is ListenerTls.IMPLICIT,
            auth=auth_rules(configuration, listener),
            census=self._census,
            maximum_sessions=listener.max_connections,
            recorder_for=self._recorder_for,
            proxies=proxy_rules(configuration, index),
        )

    def _desk(self) -> ReceptionDesk:
        configuration = self._configuration
        return ReceptionDesk(
            hostname=configuration.hostname,
            sink=self.queue,
            router=self._router,
            names=self._directory,
            queue=ServerDesk(
                queue=self.queue,
                world=self._world,
                tables=self._tables,
                forgive=self.deliverer.forgive,
                relay=OnDemandRelay(self.queue, self.deliverer),
                policies=self._policies,
                minimum_free_rule=configuration.rule("limits", "minimum_free"),
                version=version("heloise"),
                whole=(None if self._part.is_alone else CrewQueue(self._world.network, configuration.control_socket)),
            ),
            journal=self._journal,
            world=self._world,
            route_report=self._router.route_own,
            rewriting=self._rewriting,
            tls=self._certificates.tls,
            authority=self._authority,
        )
