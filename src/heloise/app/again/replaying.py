"""Sessions played again with a configuration: the real engine, reception, policy and tables, and nothing behind them.

Nothing is sent and nothing is kept: the sink takes every message and forgets it, the network refuses everything, the
clock shows the time of the session. Checks hear from the DNS what they heard then. What memory or other programs
decided, or the DNS where its answers were not kept and it is not to be asked, is taken from the record as it was, since
nobody could decide it again.
"""

import time
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from importlib.metadata import version
from ipaddress import ip_address
from typing import Any

from heloise.app.again.dns_answers import Question, RecordedResolver
from heloise.app.again.recorded import RecordedSession, Said, Step, StepKind
from heloise.app.configured.authentication import auth_rules
from heloise.app.configured.policies import completing_domain, listener_policy
from heloise.app.configured.regime import Regime
from heloise.app.configured.tables import admission_policy, session_rules
from heloise.app.desk import CatchingDesk
from heloise.app.journal import Journal
from heloise.config.judging import Greylisting
from heloise.config.listening import Listener, Protocol
from heloise.config.schema import Configuration
from heloise.mail.causes import CATALOGUE
from heloise.mail.content import ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply
from heloise.mail.sink import Companion, Submission, Taken
from heloise.net import DnsResolver, real_world
from heloise.policy.pipeline import PolicyPipeline
from heloise.policy.weight import OFF
from heloise.reception.census import Census
from heloise.reception.desk import ReceptionDesk
from heloise.reception.reception import Reception
from heloise.reception.spokesmen import Spokesmen
from heloise.routing.router import Accepted, Routing
from heloise.smtp import replies
from heloise.smtp.events import (
    ContentReceived,
    CredentialsProposed,
    Fact,
    MessageProposed,
    Proposal,
    QueueRunProposed,
    SessionEnded,
    StatusProposed,
    TransactionReset,
    TurnProposed,
)
from heloise.smtp.registry import Registry, discover
from heloise.smtp.server import ServerSession
from heloise.smtp.transcript import Recorder
from heloise.world import AnyEndpoint, Endpoint, LinkError, LinkFault, ServerTls, Stream, UnixEndpoint, World

_HEAD = b"Subject: replay\r\n\r\n"
_PIECE = (b"x" * 76 + b"\r\n") * 800
_ANY_NUMBER = 1 << 30  # of sessions: nobody else is there
_WITHOUT_CONTENT = ("mail", "no recipient", "recipients")  # states in which a message was not let begin
_FACTS = (ContentReceived, TransactionReset, SessionEnded)
# By memory, by the state of the machine, or by others: nothing that could be decided again.
_GIVEN = (
    "greylist.", "quota.", "budget.", "storage.", "milter.", "rspamd.", "etrn.", "atrn.", "help.status", "fault.",
    "session.too-many-connections", "session.early-talker", "session.shutdown", "session.idle", "session.fault",
    "mailbox.full", "mailbox.locked", "lookup.failed", "content.line-ending", "content.loop", "content.line-too-long",
)  # fmt: skip
# By hooks and filters, or with points of theirs; without any of them by checks.
_BY_POLICY = ("policy.",)
_BY_DNS = ("hello.unresolved", "client.no-name", "client.listed", "sender.", "route.null-mx")


@dataclass(frozen=True, slots=True)
class Outcome:
    """What one step came to: the replies, and where recipients would go. `missing` are questions for the DNS whose
    answers are not in the record."""

    said: tuple[Said, ...] = ()
    routes: tuple[str, ...] = ()
    was_given: bool = False
    missing: tuple[Question, ...] = ()


class _Stopped:
    """The clock of a session."""

    def __init__(self) -> None:
        self.time = 0.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class _NoNetwork:
    """Nobody is there."""

    async def connect(self, endpoint: AnyEndpoint, *, timeout: float, local_address: str | None = None) -> Stream:
        raise LinkError(LinkFault.REFUSED, "a replay connects to nobody")

    async def listen(self, endpoint: AnyEndpoint, serve: Any) -> Any:
        raise LinkError(LinkFault.LOCAL, "a replay does not listen")

    def load_tls(self, demand: ServerTls) -> None:
        """Nothing to load: nobody shakes hands."""


class _Forgetting:
    """A sink that takes everything and keeps nothing. See `heloise.mail.sink`."""

    def begin(self, submission: Submission) -> "_Forgotten":
        return _Forgotten(submission)


class _Forgotten:
    def __init__(self, submission: Submission) -> None:
        self._submission = submission

    async def write(self, octets: bytes) -> None:
        """Nothing of it is kept."""

    async def commit(self, facts: ContentFacts, companions: Sequence[Companion] = ()) -> Taken:
        return Taken(self._submission.message_id)

    async def abort(self) -> None:
        """Nothing is there."""


class _WatchedRouter:
    """The real router; `last` is what it said."""

    def __init__(self, real: Any) -> None:
        self._real = real
        self.last: Routing | None = None

    async def decide(self, path: ForwardPath, *, may_relay: bool) -> Routing:
        self.last = await self._real.route(path, may_relay=may_relay)
        return self.last

    async def route_own(self, path: ForwardPath) -> Any:
        return await self._real.route_own(path)


class House:
    """One configuration, ready to answer. `asks_dns`: what the record does not tell is asked of the DNS, as it is now.
    `has_others`: somebody beside the checks had a word in one of the configurations."""

    def __init__(self, configuration: Configuration, world: World, *, asks_dns: bool, has_others: bool = False) -> None:
        policy = replace(configuration.policy, hooks=None)
        self.configuration = replace(configuration, policy=policy, greylist=Greylisting())
        without = replace(
            policy, lists=(), reverse_name=OFF, sender_domain=OFF, hello_unresolved=OFF, recipient_null_mx=False
        )
        self._without_dns = replace(self.configuration, policy=without)
        self._asks_dns = asks_dns
        self._has_others = has_others
        self._clock = _Stopped()
        self._world = replace(world, clock=self._clock, network=_NoNetwork())
        self._journal = Journal(lambda level, event, fields: None)
        self._registry: Registry = discover()
        self._regime = Regime(self.configuration, self._world, self._journal)

    async def close(self) -> None:
        """Close what was opened to read names."""
        await self._regime.close()

    def listener_for(self, session: RecordedSession) -> tuple[int, Listener] | None:
        """Where it comes in: at the same address, else at the same port, else at the first that takes mail."""
        listeners = list(enumerate(self.configuration.listeners))
        if not session.listener:
            return next((each for each in listeners if each[1].protocol is not Protocol.ODMR), None)
        for same in (_whole, _port):
            for index, listener in listeners:
                if same(str(listener.address)) == same(session.listener):
                    return index, listener
        return None

    async def play(self, session: RecordedSession) -> list[Outcome] | None:
        """What each step comes to; None when nobody listens there."""
        found = self.listener_for(session)
        if found is None:
            return None
        self._clock.time = session.at or time.time()
        return await _Player(self, session, *found).run()

    def reception(
        self, session: RecordedSession, index: int, listener: Listener, recorder: Recorder
    ) -> tuple[ServerSession, "_Replayed"]:
        """An engine, and who answers it; `recorder` is told what is said."""
        configuration, registry = self.configuration, self._registry
        policy = admission_policy(configuration, listener, registry)
        admission = policy.admit(_peer(session.client))
        engine = ServerSession(
            hostname=configuration.hostname,
            registry=registry,
            limits=configuration.limits.session,
            permitted=admission.permitted,
            rules=session_rules(configuration, index),
            lmtp=listener.spoken is Protocol.LMTP,
            takes_mail=listener.protocol is not Protocol.ODMR,
            auth=replace(auth_rules(configuration, listener), in_clear=True),
            now=self._clock.now,
            recorder=recorder,
        )
        router = _WatchedRouter(self._regime.router)
        missing: dict[Question, None] = {}
        desk = ReceptionDesk(
            hostname=configuration.hostname,
            sink=_Forgetting(),
            router=router,
            names=self._regime.directory,
            queue=CatchingDesk(self._world, version("heloise"), lambda: 0),
            journal=self._journal,
            world=self._world,
            route_report=self._regime.router.route_own,
            rewriting=self._regime.rewriting,
            tls=self._regime.certificates.tls,
            authority=self._regime.authority,
            policy=self._policy(session, listener, missing),
            completes_in=completing_domain(configuration, listener),
            extensions=registry,
        )
        census = Census(total=_ANY_NUMBER, per_client=_ANY_NUMBER)
        spokesmen = Spokesmen(policy, registry, census, auth_rules(configuration, listener))
        real = Reception(desk, admission, engine.view, session.session_id, None, spokesmen)
        given = _GIVEN if self._knows_dns(session) else (*_GIVEN, *_BY_DNS)
        if self._has_others or not self._knows_dns(session):
            given = (*given, *_BY_POLICY)
        return engine, _Replayed(real, router, given, missing)

    def _knows_dns(self, session: RecordedSession) -> bool:
        """Can its checks hear from the DNS?"""
        return self._asks_dns or session.answers is not None

    def _policy(
        self, session: RecordedSession, listener: Listener, missing: dict[Question, None]
    ) -> PolicyPipeline | None:
        configuration = self.configuration if self._knows_dns(session) else self._without_dns

        def is_missing(question: Question) -> None:
            if session.answers is not None:
                missing[question] = None

        others = self._world.resolver if self._asks_dns else None
        world = replace(self._world, resolver=RecordedResolver(session.answers or (), others, is_missing))
        return listener_policy(configuration, listener, world, self._journal)


class _Replayed:
    """The real reception, but for what is given by the record."""

    def __init__(
        self, real: Reception, router: _WatchedRouter, given: tuple[str, ...], missing: dict[Question, None]
    ) -> None:
        self.real = real
        self.router = router
        self.missing = missing
        self._given = given
        self.recorded: list[Said] = []
        self.was_given = False

    async def answer(self, proposal: Proposal) -> tuple[Reply, ...]:
        """A reply for the engine."""
        recorded = next((each for each in self.recorded if each.code >= 300 or self._is_given(each)), None)
        by_others = isinstance(proposal, QueueRunProposed | TurnProposed | StatusProposed | CredentialsProposed)
        if recorded is not None and (self._is_given(recorded) or by_others):
            self.was_given = True
            kind = CATALOGUE.get(recorded.cause)
            cause = (kind or replies.SESSION_FAULT.cause.kind).because()
            reply = replies.fault(recorded.code, None, recorded.text or "as it was", cause)
            if isinstance(proposal, MessageProposed):
                await self.note(TransactionReset(reply))
            return (reply,)
        answers = self.real.answer(proposal, lambda text: None)
        return answers if isinstance(answers, tuple) else await answers

    async def note(self, fact: Fact) -> None:
        """A fact, to the real one."""
        noting = self.real.note(fact)
        if noting is not None:
            await noting

    def _is_given(self, said: Said) -> bool:
        return said.cause.startswith(self._given)


class _Player:
    """One session with one configuration."""

    def __init__(self, house: House, session: RecordedSession, index: int, listener: Listener) -> None:
        self._session = session
        self._heard: list[Reply] = []
        self._cut = -1  # of what was heard, where a message by BDAT had ended
        self._later: list[Reply] = []  # what was heard behind that: the answer to the message
        self._engine, self._receiver = house.reception(session, index, listener, self)
        self._knows_users = house.configuration.auth.has_users

    # See heloise.smtp.transcript.Recorder

    def command(self, line: bytes) -> None:
        """Known already."""

    def reply(self, reply: Reply) -> None:
        """What is said."""
        self._heard.append(reply)

    def content(self, size: int) -> None:
        """What is said from now on is about the message."""
        self._cut = len(self._heard)

    def note(self, text: str) -> None:
        """Not needed."""

    async def run(self) -> list[Outcome]:
        """Each step, until the session is over."""
        steps = self._session.steps
        outcomes = [await self._step(*each) for each in zip(steps, (*steps[1:], None), strict=True)]
        self._engine.receive_data(b"")
        await self._pump()
        return outcomes

    async def _step(self, step: Step, following: Step | None) -> Outcome:
        engine, receiver = self._engine, self._receiver
        self._heard, self._cut, receiver.recorded, receiver.was_given = [], -1, list(step.said), False
        receiver.missing.clear()
        by_chunk = step.text[:5].upper() == "BDAT "
        if by_chunk and following is not None and following.kind is StepKind.CONTENT:
            receiver.recorded += following.said
        receiver.router.last = None
        match step.kind:
            case StepKind.LINE if not engine.is_closed:
                engine.receive_data(step.text.encode() + b"\r\n")
                if by_chunk and (size := step.text.split()[1]).isdigit():
                    await self._pump()
                    await self._feed(int(size))
            case StepKind.CONTENT if engine.state.value == "text":
                await self._feed(step.size)
                engine.receive_data(b".\r\n")
            case StepKind.CONTENT if engine.state.value in _WITHOUT_CONTENT:
                engine.receive_data(b"RSET\r\n")  # as a client does that was not asked for its message
                await self._pump()
                self._heard = []
            case StepKind.TLS if engine.is_securing:
                encryption = Encryption.parse(step.text)
                engine.secured(encryption)
                receiver.real.secured(encryption)
            case StepKind.LOGIN if step.text and self._knows_users and not engine.is_closed:
                engine.view.authenticated_as = step.text
            case _:
                pass
        await self._pump()
        if by_chunk and self._cut >= 0:
            self._heard, self._later = self._heard[: self._cut], self._heard[self._cut :]
        elif step.kind is StepKind.CONTENT and self._later:
            self._heard, self._later = self._later, []
        routing = receiver.router.last
        routes = tuple(f"{path} → {route}" for path, route in _reached(routing))
        return Outcome(tuple(map(Said.of, self._heard)), routes, receiver.was_given, tuple(receiver.missing))

    async def _feed(self, size: int) -> None:
        """So many octets of text."""
        for piece in filler(size):
            if self._engine.is_closed:
                return
            self._engine.receive_data(piece)
            await self._pump()

    async def _pump(self) -> None:
        engine = self._engine
        while (event := engine.next_event()) is not None:
            if isinstance(event, _FACTS):
                await self._receiver.note(event)
                continue
            answers = await self._receiver.answer(event)
            if not engine.is_closed:
                count = (
                    len(event.envelope.recipients) if engine.view.is_lmtp and isinstance(event, MessageProposed) else 1
                )
                engine.resolve(event, *(answers if len(answers) == count else answers[:1] * count))
        engine.data_to_send()


def filler(size: int) -> Iterator[bytes]:
    """So many octets of text in pieces, the last of which ends a line; a message in place of one that was not kept."""
    left = size - 2
    if left < 0:
        yield from [b"x"] * size
        return
    if left >= len(_HEAD):
        yield _HEAD
        left -= len(_HEAD)
    while left >= len(_PIECE):
        yield _PIECE
        left -= len(_PIECE)
    rest = _PIECE[:left]
    yield (rest[:-1] + b"x" if rest.endswith(b"\r") else rest) + b"\r\n"


def _reached(routing: Routing | None) -> list[tuple[str, str]]:
    if not isinstance(routing, Accepted):
        return []
    direct = [(str(path), str(route)) for path, route in routing.expansions]
    return direct + [(str(path), str(route)) for each in routing.lists for path, route in each.members]


def _peer(client: str) -> Endpoint | UnixEndpoint:
    try:
        return Endpoint(str(ip_address(client)), 0)
    except ValueError:
        return UnixEndpoint(client or "unix")


def _whole(address: str) -> str:
    return address


def _port(address: str) -> str:
    return address.rpartition(":")[2]


def _resolver(configuration: Configuration) -> DnsResolver:
    return DnsResolver([each for each in configuration.dns.nameservers if isinstance(each, Endpoint)])


def _has_others(configuration: Configuration) -> bool:
    return bool(configuration.policy.hooks or configuration.milters or configuration.rspamd.url)


@asynccontextmanager
async def houses(
    configurations: Mapping[str, Configuration], *, asks_dns: bool, world: World | None = None
) -> AsyncIterator[dict[str, House]]:
    """One for each configuration. Raises ConfigError, TlsFileError."""
    made: dict[str, House] = {}
    outside = world if world is not None else real_world()
    has_others = any(_has_others(each) for each in configurations.values())
    try:
        for name, configuration in configurations.items():
            own = outside if world is not None else replace(outside, resolver=_resolver(configuration))
            made[name] = House(configuration, own, asks_dns=asks_dns, has_others=has_others)
        yield made
    finally:
        for house in made.values():
            await house.close()
        if world is None:
            await outside.blocking.close()
