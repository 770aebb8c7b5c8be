"""`heloise serve` as one object: configuration and world in, a running mail server out.

Started from the bottom up (queue, deliverer, listeners) and stopped from the top down, so that at every moment what is
accepted can be kept, and what is kept can be delivered. Takes no part in any decision.
"""

import asyncio
import resource
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from pathlib import PurePosixPath
from typing import Any, TypedDict

from heloise.app.configured.authentication import auth_rules
from heloise.app.configured.delivering import delivery_doors, delivery_options, make_deliverer
from heloise.app.configured.filtering import configured_filters
from heloise.app.configured.passports import make_office, retention_of
from heloise.app.configured.policies import (
    completing_domain,
    greylist_times,
    listener_policy,
    make_greylist,
    metering_of,
    waiting,
)
from heloise.app.configured.regime import Regime
from heloise.app.configured.tables import admission_policy, priority_fields, provider_policy, proxy_rules, session_rules
from heloise.app.desk import ServerDesk
from heloise.app.fetching import CountingRecorder, Fetched, fetch, fetched_json
from heloise.app.journal import Journal
from heloise.app.operator.control import serve_control
from heloise.app.operator.control_desk import ControlDesk, ControlError
from heloise.app.operator.crew_control import ShardDesk
from heloise.app.operator.metrics import measured
from heloise.app.operator.operations import Operation, OperationsDesk
from heloise.app.operator.queue_json import Json
from heloise.app.server.crew_queue import CrewQueue
from heloise.app.server.entrances import Entrance, Entrances
from heloise.app.server.failing import Faults
from heloise.app.server.health import health
from heloise.app.server.part import ALONE, Part, orphaned_shards, shard_directory
from heloise.app.server.recording import SessionTape
from heloise.app.server.resources import Budgets, ResourceWatch, descriptors_allowed, memory_allowed
from heloise.app.server.retiring import when_all_are_empty
from heloise.app.server.stopping import close_doors
from heloise.config.encrypting import ListenerTls
from heloise.config.kinds import read_endpoint
from heloise.config.listening import Listener, Protocol
from heloise.config.schema import Configuration
from heloise.delivery.background import Background
from heloise.delivery.deliverer import Deliverer
from heloise.delivery.on_demand import OnDemandRelay
from heloise.mail.cause import Rule
from heloise.policy.filter import Filter
from heloise.policy.meters import Meters
from heloise.policy.pipeline import PolicyPipeline
from heloise.queue.errors import StoreFault, StoreInUse
from heloise.queue.queue import Queue, QueueOptions
from heloise.queue.sqlite import SqliteStore
from heloise.reception.census import Census
from heloise.reception.desk import ReceptionDesk
from heloise.reception.door import Door, RecorderFactory, nobody_watches
from heloise.reception.pressure import Pressure
from heloise.smtp.registry import Registry, discover
from heloise.smtp.transaction import ClientOptions
from heloise.smtp.transcript import Recorder, Transcript
from heloise.world import AnyEndpoint, Files, Listening, World

_OPEN_TRIES, _OPEN_PAUSE = 50, 0.1  # seconds between two
STOP_PATIENCE = 30.0  # seconds that sessions and attempts get to end by themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreOptions:
    """How the queue's database is opened; other than the default only in a simulated world."""

    vfs: str | None = None
    exclusive: bool = False


@dataclass(slots=True)
class _Running:
    """What has been started so far, beside the entrances."""

    fetching: list[Door] = field(default_factory=list)
    retired: dict[Regime, list[Door]] = field(default_factory=dict)  # of before a reload, with somebody inside
    control: Listening | None = None


class MailServer:
    """One mail server. `start` and `stop` are each called once.

    `filters` are asked on all listeners, after those that are configured.

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
        filters: Sequence[Filter] = (),
    ) -> None:
        # What operators may ask beside what is done with the queue.
        self.operations: dict[str, Operation] = {"health": self._health, "metrics": self._metrics}
        self._why_not_ready: str | None = "the server is being started"
        journal.keep_time(world.clock.now)
        store = store if store is not None else StoreOptions()
        self._configuration = configuration
        self._part = part
        self._world = world
        self._journal = journal
        self._recorder_for = recorder_for
        self._filters = tuple(filters)
        self._registry = registry if registry is not None else discover()
        self._regime = Regime(configuration, world, journal)
        self._store_options = store
        self.queue = self._queue_in(shard_directory(configuration, part.index))
        self.passports = make_office(configuration, world, journal, vfs=store.vfs, exclusive=store.exclusive, part=part)
        self._meters = Meters()
        self._greylist = make_greylist(configuration, world, vfs=store.vfs, exclusive=store.exclusive)
        self._faults = Faults(configuration, world, journal)
        self.operations.update(self._faults.operations)
        self._background = Background()
        self._tape = SessionTape(world, self._background, journal)
        self._tape.use(configuration, part.share(configuration.recording.sessions))
        self.deliverer = self._deliverer_for(self.queue)
        self._adopted: list[tuple[Queue, Deliverer]] = []
        self._census = Census(**census_limits(configuration, part))
        self._allow_networks(configuration)
        self._pressure = Pressure()
        self._resources = ResourceWatch(budgets(configuration, part, world.files), self._pressure, world, journal)
        self._entrances = Entrances(world.network, self._door, has_unix_sockets=part.is_first)
        self._running = _Running()

    def _queue_in(self, directory: str) -> Queue:
        options, world = self._store_options, self._world
        sqlite = SqliteStore(
            directory, world, vfs=options.vfs, exclusive=options.exclusive, counts=self._journal.counts
        )
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
            self._regime.router,
            self._regime.mailboxes,
            self._journal,
            self._background,
            self._part,
        )

    @property
    def endpoints(self) -> Sequence[AnyEndpoint]:
        """Where it listens, in the order of the configuration, with the ports that were really given."""
        return [each.local for each in self._entrances.listening]

    @property
    def sessions(self) -> int:
        """How many are open."""
        return sum(door.sessions for door in self._doors)

    @property
    def configuration(self) -> Configuration:
        """The one it works by."""
        return self._configuration

    @property
    def _doors(self) -> list[Door]:
        """All behind which somebody may be."""
        retired = [door for doors in self._running.retired.values() for door in doors]
        return [*self._entrances.doors, *retired, *self._running.fetching]

    async def start(self) -> None:
        """Open the queue, begin to deliver, listen.

        Raises:
            StoreFault: the queue can not be opened.
            LinkError: an address can not be listened on; nothing is left running.
        """
        await self._open(self.queue)
        try:
            self.deliverer.start()
            self._regime.start()
            self._resources.start()
            await self._adopt()
            await self._listen()
            self._why_not_ready = None
        except BaseException:
            await self.stop()
            raise

    async def stop(self) -> None:
        """End sessions with 421, let running attempts end, close the queue. Nothing that was accepted is lost."""
        running, self._why_not_ready = self._running, "the server is being stopped"
        if running.control is not None:
            await running.control.close()
        await close_doors(self._entrances.listening, self._doors, patience=STOP_PATIENCE)
        await self._regime.stop()
        await self._resources.stop()
        await asyncio.gather(
            *(each.stop(STOP_PATIENCE) for each in (self.deliverer, *(each for _, each in self._adopted)))
        )
        for regime in (self._regime, *running.retired):
            await regime.close()
        await self._background.close()
        await self._tape.close()
        for queue in (self.queue, *(each for each, _ in self._adopted)):
            await queue.close()
        await self._greylist.close()
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
            desk=self._desk(self._regime),
            policy=provider_policy(self._registry),
            registry=self._registry,
            limits=configuration.limits.session,
            rules=session_rules(configuration),
            census=self._census,
            recorder_for=lambda session_id, admission: counts,
        )
        self._running.fetching.append(door)
        try:
            options = ClientOptions(hello_name=configuration.hostname)
            return await fetch(self._world, endpoint, options, self._registry, domains, door=door, counts=counts)
        finally:
            self._running.fetching.remove(door)

    async def fetch_for_control(self, server: str, domains: Sequence[str]) -> dict[str, Any]:
        """As `fetch`, in the words of the control socket. Raises ValueError for what is no address of a server."""
        transcript = Transcript()
        endpoint = read_endpoint(server, PurePosixPath(self._configuration.state))
        fetched = await self.fetch(endpoint, domains, recorder=transcript)
        return fetched_json(fetched, transcript)

    async def prepare(self, configuration: Configuration) -> "Change":
        """Another configuration, checked as a whole and ready to be used; nothing has changed. Of what a
        running server can not change (`heloise.config.differences.FIXED`) it has the values of the old one. Between
        `start` and `stop`.

        Raises:
            ConfigError: a file of names or users can not be used.
            TlsFileError: a certificate can not be used.
            LinkError: an address can not be listened on.
        """
        regime = await self._world.blocking.run(Regime, configuration, self._world, self._journal, self._regime)
        try:
            return Change(self, regime, await self._entrances.prepare(regime))
        except BaseException:
            await regime.close()
            raise

    async def adopt(self, regime: Regime, entrances: list[Entrance]) -> None:
        """See `Change.commit`."""
        before, configuration, part = self._regime, regime.configuration, self._part
        self._regime, self._configuration = regime, configuration
        regime.start()
        self._census.allow(**census_limits(configuration, part))
        self._allow_networks(configuration)
        self._greylist.times = greylist_times(configuration)
        self._faults.use(configuration)
        self._tape.use(configuration, part.share(configuration.recording.sessions))
        self._resources.budgets = budgets(configuration, part, self._world.files)
        for queue, deliverer in [(self.queue, self.deliverer), *self._adopted]:
            queue.keep_free(configuration.limits.minimum_free)
            doors = delivery_doors(configuration, self._world, self._registry, regime.mailboxes, self._background)
            deliverer.use(doors, regime.router.route_own, delivery_options(configuration, part))
        if self.passports is not None:
            self.passports.keep(retention_of(configuration, part))
        left = [*await self._entrances.commit(entrances), *self._running.fetching]
        await before.stop()
        self._running.retired[before] = left
        when_all_are_empty(left, lambda: self._background(self._forget(before)))

    async def drop(self, regime: Regime, entrances: list[Entrance]) -> None:
        """See `Change.abandon`."""
        await self._entrances.abandon(entrances)
        await regime.close()

    async def _health(self, request: Json) -> Json:
        """See `heloise.app.server.health`."""
        try:
            await self.queue.counts()
        except StoreFault as error:
            return health(f"the queue: {error}")
        return health(self._why_not_ready)

    async def _metrics(self, request: Json) -> Json:
        """See `heloise.app.operator.metrics`."""
        queues = [self.queue, *(each for each, _ in self._adopted)]
        dropped = 0 if self.passports is None else self.passports.dropped
        now = self._world.clock.now()
        try:
            return {"families": await measured(self._journal.counts, queues, now=now, passports_dropped=dropped)}
        except StoreFault as error:
            raise ControlError(str(error)) from error

    async def _forget(self, regime: Regime) -> None:
        self._running.retired.pop(regime, None)
        await regime.close()

    async def _listen(self) -> None:
        network, configuration = self._world.network, self._configuration
        await self._entrances.commit(await self._entrances.prepare(self._regime))
        self._running.control = await serve_control(network, self._part.control_socket(configuration), self.desk)
        if self._part.is_first:
            for listener, endpoint in zip(configuration.listeners, self.endpoints, strict=True):
                self._journal.server("listening", address=str(endpoint), protocol=listener.spoken.value)

    @property
    def desk(self) -> OperationsDesk:
        """What operators may ask."""
        return OperationsDesk(self.control_desk(), self.operations)

    def control_desk(self) -> ShardDesk:
        """What an operator asks, by the control socket or from the same process."""
        return ShardDesk(
            [
                ControlDesk(
                    queue,
                    self._world.clock,
                    journal=self._journal,
                    passports=self.passports if queue is self.queue else None,
                    routed=lambda path: self._regime.router.route_own(path),
                    retried=deliverer.forgive,
                    destinations=deliverer.destinations,
                    fetch=self.fetch_for_control,
                )
                for queue, deliverer in [(self.queue, self.deliverer), *self._adopted]
            ]
        )

    def _door(self, regime: Regime, listener: Listener, index: int) -> Door:
        configuration = regime.configuration
        return Door(
            desk=replace(
                self._desk(regime, client_ca=configuration.tls.client_ca if listener.client_certificates else None),
                policy=self._policy(regime, listener),
                waiting=waiting(configuration, listener),
                completes_in=completing_domain(configuration, listener),
            ),
            policy=admission_policy(configuration, listener, self._registry),
            registry=self._registry,
            limits=configuration.limits.session,
            rules=session_rules(configuration, index),
            lmtp=listener.spoken is Protocol.LMTP,
            takes_mail=listener.protocol is not Protocol.ODMR,
            tls_first=listener.tls is ListenerTls.IMPLICIT,
            auth=auth_rules(configuration, listener),
            census=self._census,
            maximum_sessions=listener.max_connections,
            recorder_for=self._tape.recorder_for(configuration, self._recorder_for),
            refusals=self._journal.counts.refusals,
            proxies=proxy_rules(configuration, index),
            attend=self._tape.attend(configuration, str(listener.address), self._faults.attend(configuration)),
        )

    def _allow_networks(self, configuration: Configuration) -> None:
        per_network = configuration.limits.connections_per_network
        self._census.allow_networks(per_network, configuration.rule("limits", "connections_per_network"))

    def _policy(self, regime: Regime, listener: Listener) -> PolicyPipeline | None:
        return listener_policy(
            regime.configuration,
            listener,
            self._world,
            self._journal,
            memory=self._greylist,
            metering=metering_of(regime.configuration, self._meters, self._part),
            filters=(
                *configured_filters(regime.configuration, listener, self._world, self._journal),
                *regime.filters,
                *self._filters,
            ),
            spool_directory=f"{shard_directory(self._configuration, self._part.index)}/spool",
            world_for=self._tape.world_for(regime.configuration),
        )

    def _desk(self, regime: Regime, *, client_ca: str | None = None) -> ReceptionDesk:
        configuration = regime.configuration
        return ReceptionDesk(
            hostname=configuration.hostname,
            sink=self.queue,
            router=regime.router,
            names=regime.directory,
            queue=ServerDesk(
                queue=self.queue,
                world=self._world,
                tables=regime.tables,
                forgive=self.deliverer.forgive,
                relay=OnDemandRelay(self.queue, self.deliverer),
                policies=regime.policies,
                minimum_free_rule=configuration.rule("limits", "minimum_free"),
                version=version("heloise"),
                whole=(None if self._part.is_alone else CrewQueue(self._world.network, configuration.control_socket)),
            ),
            journal=self._journal,
            world=self._world,
            route_report=regime.router.route_own,
            rewriting=regime.rewriting,
            pressure=self._pressure,
            tls=partial(regime.certificates.tls, client_ca) if client_ca is not None else regime.certificates.tls,
            authority=regime.authority,
            extensions=self._registry,
            priority_fields=priority_fields(configuration),
        )


class Change:
    """A reload that has been prepared: it is made, or not."""

    def __init__(self, server: MailServer, regime: Regime, entrances: list[Entrance]) -> None:
        self._server = server
        self._regime = regime
        self._entrances = entrances

    async def commit(self) -> None:
        """From now on the server works by the new configuration; sessions that are open end under the old one."""
        await self._server.adopt(self._regime, self._entrances)

    async def abandon(self) -> None:
        """Nothing changes. Raises LinkError when an address that was given up for it can not be had again."""
        await self._server.drop(self._regime, self._entrances)


class CensusLimits(TypedDict):
    """What `Census` is made with."""

    total: int
    per_client: int
    total_rule: Rule | None
    per_client_rule: Rule | None


def budgets(configuration: Configuration, part: Part, files: Files) -> Budgets:
    """What this process may have. Blocks, for moments."""
    limit, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    memory = configuration.limits.memory
    return Budgets(
        memory=part.share(memory_allowed(files) if memory is None else memory),
        descriptors=0 if limit == resource.RLIM_INFINITY else descriptors_allowed(limit),
        memory_rule=configuration.rule("limits", "memory"),
    )


def census_limits(configuration: Configuration, part: Part) -> CensusLimits:
    """How many sessions this process may have."""
    return {
        "total": part.share(configuration.limits.connections),
        "per_client": configuration.limits.connections_per_client,
        "total_rule": configuration.rule("limits", "connections"),
        "per_client_rule": configuration.rule("limits", "connections_per_client"),
    }
