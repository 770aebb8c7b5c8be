"""The door of one listener: each connection becomes a session with an admission, an id and a reception.

Counts the sessions, so that there are never more than the operator allows (421 at the greeting, RFC 5321 §3.8), and
knows them all, so that a stop can end each with 421.
"""

from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Protocol

from heloise.link.serve import Receiver, ServerConversation
from heloise.link.turns import CONNECTION, LOOK, Caller
from heloise.mail.ids import MessageId, new_message_id
from heloise.mail.reply import Reply
from heloise.reception.admission import Admission, AdmissionPolicy
from heloise.reception.census import Census, too_many
from heloise.reception.desk import ReceptionDesk
from heloise.reception.proxies import Proxies, ProxyRules
from heloise.reception.reception import Reception
from heloise.reception.spokesmen import Spokesmen
from heloise.smtp import replies
from heloise.smtp.limits import NO_AUTH, NO_RULES, AuthRules, Rules, SessionLimits
from heloise.smtp.registry import Registry
from heloise.smtp.server import UNKNOWN_VERB, ServerSession
from heloise.smtp.transcript import Recorder
from heloise.world import Stream

_NONCE = 18  # octets
_UNKNOWN = frozenset({UNKNOWN_VERB})


class RecorderFactory(Protocol):
    """Makes the recorder of a session, or None when nobody watches it."""

    def __call__(self, session_id: str, admission: Admission) -> Recorder | None:
        """Called once a session, before anything is said."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class Visit:
    """One session about to be served: the engine, what answers for us, the connection, and who takes it down."""

    session_id: str
    admission: Admission
    session: ServerSession
    receiver: Receiver
    stream: Stream
    recorder: Recorder | None


Attend = Callable[[Visit], Visit]
"""Puts something between: the same visit with another receiver, or another stream."""


def nobody_watches(session_id: str, admission: Admission) -> Recorder | None:
    return None


class Door:
    """Serves the connections of one listener."""

    def __init__(
        self,
        *,
        desk: ReceptionDesk,
        policy: AdmissionPolicy,
        registry: Registry,
        limits: SessionLimits,
        rules: Rules = NO_RULES,
        census: Census,
        lmtp: bool = False,
        takes_mail: bool = True,
        tls_first: bool = False,
        auth: AuthRules = NO_AUTH,
        maximum_sessions: int = 10_000,
        recorder_for: RecorderFactory = nobody_watches,
        refusals: dict[tuple[int, str], int] | None = None,
        proxies: ProxyRules | None = None,
        attend: Attend | None = None,
    ) -> None:
        self._attend = attend
        self._desk = desk
        self._policy = policy
        self._registry = registry
        self._limits = limits
        self._mending = replace(limits, mends_line_endings=True)
        self._rules = rules
        self._census = census
        self._turns = census.turns
        self._lmtp = lmtp
        self._takes_mail = takes_mail
        self._tls_first = tls_first
        self._auth = auth
        self._waiting = desk.waiting
        self._maximum_sessions = maximum_sessions
        self._recorder_for = recorder_for
        self._spokesmen = Spokesmen(policy, registry, census, auth)
        self._refusals = refusals
        told = desk.journal.not_introduced
        self._proxies = None if proxies is None else Proxies(proxies, policy, told, maximum_sessions)
        self._open: dict[ServerConversation, None] = {}  # in the order they came: a set would order them by chance
        self._closing: Reply | None = None
        self._emptied: Callable[[], None] | None = None

    @property
    def sessions(self) -> int:
        """How many are open."""
        return len(self._open)

    async def serve(self, stream: Stream) -> None:
        """Serve one connection to its end: one that came, or one that we made and turned around (RFC 2645)."""
        if self._proxies is None:
            admission = self._policy.admit(stream.peer)
        else:
            introduced = await self._proxies.admit(stream)
            if introduced is None:
                return
            admission = introduced
        refusal = self._census.enter(admission.address)
        if refusal is None and len(self._open) >= self._maximum_sessions:
            refusal = too_many(self._rules.get("max_connections"), limit=self._maximum_sessions)
        caller = self._turns.enter(self._census.client_of(admission.address))
        if caller.spent > LOOK:
            caller.look(self._desk.world.clock.monotonic())
        try:
            if refusal is None:
                await self._serve(stream, admission, caller)
            else:
                self._census.leave(admission.address)
                self._turn_away(stream, admission, refusal)
        finally:
            self._turns.leave(caller)

    def _turn_away(self, stream: Stream, admission: Admission, reply: Reply) -> None:
        """There are too many: one more costs next to nothing, and no session."""
        address = admission.address
        if self._refusals is not None:
            key = reply.code, reply.cause.id
            self._refusals[key] = self._refusals.get(key, 0) + 1
        count = self._census.turned_away(address, self._desk.world.clock.monotonic())
        if count:
            self._desk.journal.turned_away(address, count, reply)
        if self._recorder_for is not nobody_watches:
            recorder = self._recorder_for(self._new_id(), admission)
            if recorder is not None:
                recorder.reply(reply)
        if not self._tls_first:  # nobody would understand it there
            stream.send(reply.encode())
        stream.close()

    async def _serve(self, stream: Stream, admission: Admission, caller: Caller) -> None:
        if caller.is_heavy:
            await self._turns.wait(caller, CONNECTION)
        world = self._desk.world
        session_id = self._new_id()
        recorder = self._recorder_for(session_id, admission)
        session = ServerSession(
            hostname=self._desk.hostname,
            registry=self._registry,
            limits=self._mending if admission.mends_line_endings else self._limits,
            permitted=admission.permitted,
            rules=self._rules,
            lmtp=self._lmtp,
            takes_mail=self._takes_mail,
            auth=replace(self._auth, in_clear=self._auth.in_clear or admission.is_local),
            auth_nonce=b64encode(world.entropy.octets(_NONCE)).decode() if self._auth.mechanisms else "",
            now=world.clock.now,
            recorder=recorder,
            refusals=self._refusals,
            asks=_UNKNOWN if self._desk.policy is not None and self._desk.policy.asks_unknown else frozenset(),
        )
        greeting = None
        if admission.refusal is not None:
            greeting = replies.session_refused(self._desk.hostname, admission.refusal)
        if greeting is None:
            greeting = self._desk.pressure.greeting
        if self._closing is not None:
            greeting = self._closing
        if greeting is None and self._waiting is not None and not admission.may_relay and not self._tls_first:
            greeting = await self._waiting.before_greeting(stream, self._desk.hostname)
        reception = Reception(
            self._desk, admission, session.view, session_id, greeting, self._spokesmen, stream.local, caller
        )
        if self._attend is None:
            conversation = ServerConversation(session, stream, reception, caller)
        else:
            conversation = self._attended(session_id, admission, session, reception, stream, recorder, caller)
        self._open[conversation] = None
        try:
            await conversation.run(tls_first=self._tls_first)
        finally:
            self._census.leave(reception.address)
            del self._open[conversation]
            if not self._open and self._emptied is not None:
                self._emptied()

    def _new_id(self) -> MessageId:
        world = self._desk.world
        return new_message_id(world.clock.now(), world.entropy.octets(4))

    def _attended(
        self,
        session_id: str,
        admission: Admission,
        session: ServerSession,
        receiver: Receiver,
        stream: Stream,
        recorder: Recorder | None,
        caller: Caller,
    ) -> ServerConversation:
        assert self._attend is not None
        visit = self._attend(
            Visit(
                session_id=session_id,
                admission=admission,
                session=session,
                receiver=receiver,
                stream=stream,
                recorder=recorder,
            )
        )
        return ServerConversation(session, visit.stream, visit.receiver, caller)

    def shut_down(self, emptied: Callable[[], None]) -> None:
        """End every session with 421, those that wait at once; call `emptied` when none is left."""
        self._closing = replies.SHUTDOWN
        if self._proxies is not None:
            self._proxies.shut_down()
        for conversation in tuple(self._open):
            conversation.shut_down()
        self.when_empty(emptied)

    def when_empty(self, emptied: Callable[[], None]) -> None:
        """Call `emptied` when no session is left, now or later; it takes the place of an earlier one."""
        self._emptied = emptied
        if not self._open:
            emptied()
