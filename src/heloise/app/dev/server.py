"""`heloise dev`: the development mail server. The same server with another sink: everything is caught."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from importlib.metadata import version

from heloise.app.catching import CatchingNames, CatchingRouter
from heloise.app.catching_users import catching_auth, catching_authority
from heloise.app.desk import CatchingDesk
from heloise.app.dev.inbox_files import load
from heloise.app.dev.link_checking import LinkChecker
from heloise.app.dev.releasing import RelayOptions, Release, releasing
from heloise.app.journal import Journal
from heloise.app.server.stopping import close_doors
from heloise.faults.book import FaultBook
from heloise.faults.receiver import Failing
from heloise.faults.rule import FaultRule
from heloise.inbox.inbox import Inbox, Retention
from heloise.inbox.mailboxes import BY_ADDRESS, Grouping
from heloise.inbox.sessions import SessionBook, Telling, Together
from heloise.inbox.store import InboxFile, InboxKeeper
from heloise.lint.attending import SessionLint
from heloise.mail.violation import Violation
from heloise.passport.memory import MemoryPassports
from heloise.reception.admission import Admission, AdmissionPolicy, Audience
from heloise.reception.census import Census
from heloise.reception.desk import ReceptionDesk
from heloise.reception.door import Door, RecorderFactory, Visit
from heloise.smtp.limits import SessionLimits
from heloise.smtp.registry import discover
from heloise.smtp.transcript import Recorder
from heloise.world import CertificateFiles, Endpoint, ServerTls, World

_STOP_PATIENCE = 5.0
_SESSIONS = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class CatchOptions:
    """Where to listen, and as whom. Safe by default: loopback, and nothing is ever sent on.

    `faults` are rules to fail by, chance among them from `seed`; with `magic` recipients may ask for faults themselves.
    `pedantic` refuses what other servers bear. With a `certificate` there is STARTTLS, and implicit TLS at
    `tls_endpoint` if that is given. `users` and their passwords may log in, and with `anybody` others with any
    password; nobody has to, unless it `requires_auth`. `store` is a file that keeps the inbox over a restart, `load`
    are files with messages to begin with; mail is released by `relay` only.
    `check_links` permits to ask public web servers for the links of a message, `check_private_links` others as well.
    """

    endpoint: Endpoint = field(default=Endpoint("127.0.0.1", 1025))
    hostname: str = "localhost"
    lmtp: bool = False
    limits: SessionLimits = field(default=SessionLimits())
    certificate: CertificateFiles | None = None
    faults: tuple[FaultRule, ...] = ()
    seed: int = 0
    magic: bool = True
    pedantic: bool = False
    retention: Retention = field(default=Retention())
    grouping: Grouping = BY_ADDRESS
    tls_endpoint: Endpoint | None = None
    users: Mapping[str, str] = field(default_factory=dict)
    anybody: bool = False
    requires_auth: bool = False
    store: str | None = None
    load: tuple[str, ...] = ()
    check_links: bool = False
    check_private_links: bool = False
    relay: RelayOptions | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Catching:
    """A development server that is running. `violations` are those of all its sessions, the first of them; `store` is
    the file that keeps its messages, `release` gives them to others, where there is one; `started_at` in seconds since
    the epoch."""

    endpoint: Endpoint
    tls_endpoint: Endpoint | None
    inbox: Inbox
    sessions: SessionBook
    faults: FaultBook
    violations: list[Violation]
    passports: MemoryPassports
    lmtp: bool = False
    started_at: float = 0.0
    store: str | None = None
    release: Release | None = None
    links: LinkChecker | None = None


VIOLATIONS = 10_000


class _Watch:
    """Knows what each session needs to be kept, looked at, and made to fail."""

    def __init__(self, world: World, options: CatchOptions, journal: Journal, watched_by: RecorderFactory) -> None:
        clock = world.clock
        self.sessions = SessionBook()
        self.faults = FaultBook(options.faults, seed=options.seed, started=clock.monotonic())
        self.violations: list[Violation] = []
        self._failing = Failing(self.faults, clock.monotonic, journal, magic=options.magic)
        self._now = clock.now
        self._pedantic = options.pedantic
        self._watched_by = watched_by
        self._lints: dict[str, SessionLint] = {}

    def recorder_for(self, session_id: str, admission: Admission) -> Recorder:
        """Who takes the session down."""
        session = self.sessions.begin(session_id, admission.address, self._now())

        def tell(violation: Violation) -> None:
            session.violated(violation)
            if len(self.violations) < VIOLATIONS:
                self.violations.append(violation)

        lint = self._lints[session_id] = SessionLint(session_id, tell, pedantic=self._pedantic)
        watching = self._watched_by(session_id, admission)
        recorders: list[Recorder] = [session.transcript, lint, Telling(self.sessions.news)]
        return Together(recorders if watching is None else [*recorders, watching])

    def attend(self, visit: Visit) -> Visit:
        """What fails stands next to reception; the lint and the book of sessions see what it makes of it."""
        lint = self._lints.pop(visit.session_id)
        return self.sessions.attend(lint.attend(self._failing(visit)))


@asynccontextmanager
async def catching(
    world: World, options: CatchOptions, journal: Journal, recorder_for: RecorderFactory
) -> AsyncIterator[Catching]:
    """Run a development server while the context is open.

    Raises:
        LinkError: an address can not be listened on.
        InboxFault: the file of `options.store` can not be used.
        NotLoaded: a file of `options.load` can not be read.
        NotReleased: the queue of released mail can not be opened.
    """
    inbox = Inbox(retention=options.retention, grouping=options.grouping, now=world.clock.now)
    watch = _Watch(world, options, journal, recorder_for)
    inbox.on_caught(watch.sessions.caught)
    passports = MemoryPassports(world.clock.now)
    inbox.on_left(lambda message: passports.forget(message.message_id))
    journal.keep_passports(passports)
    tls = None if options.certificate is None else ServerTls(certificates=(options.certificate,))
    desk = ReceptionDesk(
        hostname=options.hostname,
        sink=inbox,
        router=CatchingRouter(),
        names=CatchingNames(),
        queue=CatchingDesk(world, version("heloise"), lambda: len(inbox)),
        journal=journal,
        world=world,
        words="ESMTP heloise dev",
        tls=lambda: tls,
        authority=catching_authority(world, options.users, anybody=options.anybody),
    )
    async with AsyncExitStack() as open_doors:
        if options.store is not None:
            keeper = InboxKeeper(InboxFile(options.store), inbox, world, journal.inbox_trouble)
            open_doors.push_async_callback(keeper.close)
            await keeper.open()
        for path in options.load:
            await load(path, inbox, world)
        release = None
        if options.relay is not None:
            opened = releasing(world, options.relay, inbox, journal, hostname=options.hostname, store=options.store)
            release = await open_doors.enter_async_context(opened)
            release.on_change(watch.sessions.news.tell)
        endpoint = await _open(world, open_doors, _door(desk, options, watch), options.endpoint)
        tls_endpoint = None
        if tls is not None and options.tls_endpoint is not None:
            door = _door(desk, options, watch, tls_first=True)
            tls_endpoint = await _open(world, open_doors, door, options.tls_endpoint)
        yield Catching(
            endpoint=endpoint,
            tls_endpoint=tls_endpoint,
            inbox=inbox,
            sessions=watch.sessions,
            faults=watch.faults,
            violations=watch.violations,
            passports=passports,
            lmtp=options.lmtp,
            started_at=world.clock.now(),
            store=options.store,
            release=release,
            links=_links(world, options),
        )


def _links(world: World, options: CatchOptions) -> LinkChecker | None:
    if not (options.check_links or options.check_private_links):
        return None
    return LinkChecker(world, private=options.check_private_links, agent=f"heloise/{version('heloise')}")


def _door(desk: ReceptionDesk, options: CatchOptions, watch: _Watch, *, tls_first: bool = False) -> Door:
    registry = discover()
    keywords = registry.keywords if options.certificate is not None else registry.keywords - {"STARTTLS"}
    everything = dict.fromkeys(keywords, Audience.ANY)
    return Door(
        desk=desk,
        policy=AdmissionPolicy(keywords=keywords, audiences=everything),
        registry=registry,
        limits=options.limits,
        census=Census(total=_SESSIONS, per_client=_SESSIONS),
        lmtp=options.lmtp,
        tls_first=tls_first,
        auth=catching_auth(options.users, anybody=options.anybody, is_required=options.requires_auth),
        recorder_for=watch.recorder_for,
        attend=watch.attend,
    )


async def _open(world: World, open_doors: AsyncExitStack, door: Door, endpoint: Endpoint) -> Endpoint:
    listening = await world.network.listen(endpoint, door.serve)

    async def close() -> None:
        await close_doors([listening], [door], patience=_STOP_PATIENCE)

    open_doors.push_async_callback(close)
    local = listening.local
    assert isinstance(local, Endpoint)
    return local
