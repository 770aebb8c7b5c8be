"""`heloise dev`: the development mail server. The same server with another sink: everything is caught."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

from heloise.app.catching import CatchingNames, CatchingRouter
from heloise.app.desk import CatchingDesk
from heloise.app.journal import Journal
from heloise.app.stopping import close_doors
from heloise.faults.book import FaultBook
from heloise.faults.receiver import Failing
from heloise.faults.rule import FaultRule
from heloise.inbox.inbox import Inbox
from heloise.reception.admission import AdmissionPolicy, Audience
from heloise.reception.census import Census
from heloise.reception.door import Door, RecorderFactory
from heloise.reception.reception import ReceptionDesk
from heloise.smtp.limits import SessionLimits
from heloise.smtp.registry import discover
from heloise.world import CertificateFiles, Endpoint, ServerTls, World

_STOP_PATIENCE = 5.0
_SESSIONS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchOptions:
    """Where to listen, and as whom. Safe by default: loopback, and nothing is ever sent on.

    `faults` are rules to fail by, chance among them from `seed`; with `magic` recipients may ask for faults themselves.
    With a `certificate` STARTTLS is offered.
    """

    endpoint: Endpoint = field(default=Endpoint("127.0.0.1", 1025))
    hostname: str = "localhost"
    lmtp: bool = False
    limits: SessionLimits = field(default=SessionLimits())
    certificate: CertificateFiles | None = None
    faults: tuple[FaultRule, ...] = ()
    seed: int = 0
    magic: bool = True


@dataclass(frozen=True, slots=True)
class Catching:
    """A development server that is running."""

    endpoint: Endpoint
    inbox: Inbox
    faults: FaultBook


@asynccontextmanager
async def catching(
    world: World, options: CatchOptions, journal: Journal, recorder_for: RecorderFactory
) -> AsyncIterator[Catching]:
    """Run a development server while the context is open.

    Raises:
        LinkError: the address can not be listened on.
    """
    inbox = Inbox()
    tls = None if options.certificate is None else ServerTls(certificates=(options.certificate,))
    desk = ReceptionDesk(
        hostname=options.hostname,
        sink=inbox,
        router=CatchingRouter(),
        names=CatchingNames(),
        queue=CatchingDesk(world, version("heloise"), lambda: len(inbox.messages)),
        journal=journal,
        world=world,
        words="ESMTP heloise dev",
        tls=lambda: tls,
    )
    faults = FaultBook(options.faults, seed=options.seed, started=world.clock.monotonic())
    registry = discover()
    keywords = registry.keywords if tls is not None else registry.keywords - {"STARTTLS"}
    everything = dict.fromkeys(keywords, Audience.ANY)
    door = Door(
        desk=desk,
        policy=AdmissionPolicy(keywords=keywords, audiences=everything),
        registry=registry,
        limits=options.limits,
        census=Census(total=_SESSIONS, per_client=_SESSIONS),
        lmtp=options.lmtp,
        recorder_for=recorder_for,
        attend=Failing(faults, world.clock.monotonic, journal, magic=options.magic),
    )
    listening = await world.network.listen(options.endpoint, door.serve)
    try:
        local = listening.local
        assert isinstance(local, Endpoint)
        yield Catching(local, inbox, faults)
    finally:
        await close_doors([listening], [door], patience=_STOP_PATIENCE)
