"""Giving a message to one of some next hops, by SMTP or LMTP. RFC 5321 §4.5.4.1, §5.1.

Addresses are tried in order until everybody is decided. Recipients that a host takes no more of in one transaction
go into the next one at once (§4.5.3.1.10). Whatever is known is told to the attempt right away.

A content that a host does not take as it is, is converted (RFC 6152 §3). Where that would break a DKIM signature, or
can not be done, a host that takes it as it is comes first.
"""

from collections.abc import Sequence
from dataclasses import replace

from heloise.delivery.attempt import DeliveryAttempt, DeliveryDoors
from heloise.delivery.classify import (
    belongs_elsewhere,
    classify,
    classify_failure,
    classify_misfit,
    combine,
    for_want_of_tls,
)
from heloise.delivery.destinations import asks_for_a_pause
from heloise.delivery.fitting import Fit, Fitter, Fitting
from heloise.delivery.forwarding import told_of
from heloise.delivery.heading import header_of
from heloise.delivery.journal import HostTried, HowTried
from heloise.delivery.narration import NarratingRecorder, connecting
from heloise.delivery.next_hop import NextHop, in_order
from heloise.delivery.sessions import Place, Sessions
from heloise.delivery.tunnel import tunnelled
from heloise.link.converse import Conversation
from heloise.link.dial import DialFailure, dial
from heloise.mail import causes
from heloise.mail.attributes import NO_ATTRIBUTES
from heloise.mail.envelope import Envelope
from heloise.mail.hints import NO_HINTS
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.reply import Reply
from heloise.mail.route import Transport
from heloise.queue.model import QueuedRecipient
from heloise.smtp import client_replies
from heloise.smtp.client_plan import WireForm
from heloise.smtp.extensions import deliverby, mt_priority, requiretls
from heloise.smtp.extensions.deliverby import DeliverBy
from heloise.smtp.sasl.choosing import ClientLogin
from heloise.smtp.transaction import ClientOptions, Offers, RecipientAnswer
from heloise.world import OutgoingTls, TlsLevel

_POLICY = 7  # RFC 3463 §3.8
_FOR_WANT_OF_TLS = (causes.TLS_NOT_OFFERED, causes.TLS_FAILED)
MAXIMUM_RECIPIENTS = 100  # RFC 5321 §4.5.3.1.8: what every server takes in one transaction


async def relay(doors: DeliveryDoors, attempt: DeliveryAttempt, *, lmtp: bool = False, tls_first: bool = False) -> None:
    """Try the next hops that were found for `attempt`, until each of its recipients is decided."""
    assert attempt.group is not None  # the agent found it
    hops = _prefer_open_ones(in_order(attempt.group, doors.world.entropy), doors.sessions, lmtp=lmtp)
    relaying = _Relaying(doors, attempt, lmtp=lmtp, tls_first=tls_first)
    for number, hop in enumerate(hops, start=1):
        relaying.is_choosy = number < len(hops)
        await relaying.try_hop(hop)
        if not relaying.pending:
            return
    for hop in relaying.passed_over:
        await relaying.try_hop(hop)
        if not relaying.pending:
            return
    relaying.give_up()


async def relay_over(doors: DeliveryDoors, attempt: DeliveryAttempt, conversation: Conversation, hop: NextHop) -> None:
    """Give the message to whoever is at the other end of `conversation`, which is open already (RFC 2645). Who has no
    fate after it did not come to his turn."""
    relaying = _Relaying(doors, attempt, lmtp=False)
    await relaying.use(conversation, hop)
    relaying.give_up()


def _prefer_open_ones(hops: Sequence[NextHop], sessions: Sessions, *, lmtp: bool) -> list[NextHop]:
    """Among equals, first those that a session is open to."""
    if len(hops) == 1:
        return list(hops)
    return sorted(hops, key=lambda hop: (hop.preference, not sessions.has(_place(hop, lmtp=lmtp))))


class _Relaying:
    """One attempt under way: who is still pending, and what went wrong so far for them.

    While it `is_choosy`, a host for which a signature would have to be broken is passed over.
    """

    def __init__(self, doors: DeliveryDoors, attempt: DeliveryAttempt, *, lmtp: bool, tls_first: bool = False) -> None:
        self.pending: list[QueuedRecipient] = list(attempt.message.recipients)
        self._doors = doors
        self._attempt = attempt
        self.is_choosy = False
        self.passed_over: list[NextHop] = []
        self._lmtp = lmtp
        # RFC 8689 §4.2.1; a mailbox behind LMTP is the end of the way.
        self._requires_tls = False
        self._priority: int | None = None
        for item in attempt.message.parameters.items:
            if item.keyword == requiretls.KEYWORD:
                self._requires_tls = not lmtp
            elif item.keyword == mt_priority.KEYWORD:
                self._priority = mt_priority.priority_of(attempt.message.parameters)
        self._tls_first = tls_first
        self._waives_tls: bool | None = None  # known once somebody wants to know
        self._fitter = Fitter(attempt.message, attempt.content, doors.hostname)
        self._recorder: NarratingRecorder | None = None
        self._may_be_dead = False  # an open session that has not answered yet
        self._was_dead = False
        self._troubles: dict[int, list[Outcome]] = {}

    async def try_hop(self, hop: NextHop) -> None:
        """As many connections to one address as get somebody decided.

        An open session that turns out to be dead, or that the peer ends, is no trouble of the message: a new one is
        tried at once.
        """
        self._was_dead = False
        while self.pending:
            before = len(self.pending)
            conversation = None if self._was_dead else self._open_session(hop)
            self._may_be_dead = conversation is not None
            if conversation is None and (conversation := await self._connect(hop)) is None:
                return
            goes_on = await self._use(conversation, hop)
            if not self._was_dead and (not goes_on or len(self.pending) == before):
                return

    def give_up(self) -> None:
        """No address is left: the troubles decide."""
        for recipient in self.pending:
            if recipient.id in self._troubles:
                self._attempt.decide(recipient, combine(self._troubles[recipient.id]))

    async def use(self, conversation: Conversation, hop: NextHop) -> None:
        """Send what can be sent over this one; it stays as open as it is."""
        await self._converse(conversation, hop)

    def _open_session(self, hop: NextHop) -> Conversation | None:
        """One that another message left. Not when somebody listens: he is to hear the conversation from its start."""
        if self._attempt.told or self._requires_tls:
            return None
        conversation = self._doors.sessions.take(_place(hop, lmtp=self._lmtp))
        if conversation is not None:
            self._attempt.tried.append(HostTried(hop, HowTried.REUSED, encryption=conversation.encryption))
        return conversation

    async def _connect(self, hop: NextHop) -> Conversation | None:
        """A new connection; None when there is none, and the next address is to be tried."""
        attempt, clock = self._attempt, self._doors.world.clock
        begun = clock.monotonic()
        tls = await self._protection(hop)
        known = None if attempt.told else self._doors.hosts.known(hop.endpoint, begun)
        if self._waives_tls and known is not None and known.reply.cause.kind in _FOR_WANT_OF_TLS:
            known = None
        if known is not None:
            attempt.tried.append(HostTried(hop, HowTried.SKIPPED, known))
            self._trouble(self.pending, known)
            return None
        login = None if self._doors.logins is None else await self._doors.logins.of(hop.name)
        if isinstance(login, Reply):
            outcome = classify_failure(DialFailure(stage=Stage.HELLO, reply=login), peer=hop.mta, shown=hop.shown)
            attempt.tried.append(HostTried(hop, HowTried.FAILED, outcome))
            self._trouble(self.pending, outcome)
            return None
        self._recorder = NarratingRecorder(attempt.narrate, peer=hop.shown) if attempt.told else None
        if attempt.told:
            attempt.narrate(connecting(self.pending, f"{hop.shown} via {'lmtp' if self._lmtp else 'esmtp'}"))
        dialled = await dial(
            self._doors.world,
            hop.endpoint,
            self._options(hop, login),
            self._doors.extensions,
            recorder=self._recorder,
            connect_timeout=self._doors.connect_timeout,
            tls=tls,
            server_name=hop.name,
            tls_first=self._tls_first,
        )
        if not isinstance(dialled, DialFailure):
            attempt.tried.append(HostTried(hop, HowTried.CONNECTED, encryption=dialled.encryption))
            self._doors.hosts.works(hop.endpoint)
            return dialled
        if self._requires_tls:
            dialled = for_want_of_tls(dialled)
        outcome = classify_failure(dialled, peer=hop.mta, shown=hop.shown)
        attempt.tried.append(HostTried(hop, HowTried.FAILED, outcome))
        self._trouble(self.pending, outcome)
        is_ours = self._requires_tls and outcome.action is Action.FAILED  # others may have no such wish
        if not is_ours and not (attempt.host_is_busy() and asks_for_a_pause(outcome)):
            self._doors.hosts.failed(hop.endpoint, outcome, begun=begun, now=clock.monotonic())
        return None

    async def _protection(self, hop: NextHop) -> OutgoingTls:
        """What is asked of a connection to `hop`: more than of others, or less, when the sender wants it so."""
        tls = self._doors.tls_for(hop.name)
        if self._requires_tls:
            return replace(tls, level=TlsLevel.VERIFY)
        if not tls.is_waivable or not tls.is_required:
            return tls
        if self._waives_tls is None:
            self._waives_tls = requiretls.is_waived(await header_of(self._attempt.content))
        return replace(tls, level=TlsLevel.MAY) if self._waives_tls else tls

    async def _use(self, conversation: Conversation, hop: NextHop) -> bool:
        """Converse, then keep the session or say farewell; False when the next address is to be tried."""
        keep = False
        try:
            goes_on = await self._converse(conversation, hop)
            # One that was asked to be verbose would be so, and slow, to the next message as well.
            # What is in plaintext by the wish of one sender is not for the mail of others.
            keep = not self._attempt.told and not self._waives_tls
            return goes_on
        finally:
            if self._recorder is not None:
                self._recorder.stop()
            # Nobody waits for the answer to QUIT: what was decided is settled meanwhile.
            if keep:
                self._doors.sessions.give(_place(hop, lmtp=self._lmtp), conversation, self._doors.background)
            else:
                self._doors.background(conversation.quit())

    def _options(self, hop: NextHop, login: ClientLogin | None) -> ClientOptions:
        return ClientOptions(
            hello_name=self._doors.hostname,
            lmtp=self._lmtp,
            verbose=self._attempt.told and self._is_ours(hop),
            # The promise of ONEX: one recipient can not need a second transaction, and nobody else waits for one.
            only_transaction=len(self.pending) == 1 and self._attempt.is_last(),
            timeouts=self._doors.timeouts,
            login=login,
        )

    def _is_ours(self, hop: NextHop) -> bool:
        """Is it a host that an operator named, and that may be asked what it does? Exchangers of others never are."""
        name = hop.name.lower()
        patterns = self._doors.verbose_peers
        return self._attempt.route.transport is not Transport.MX or any(
            name.endswith(pattern) if pattern.startswith(".") else name == pattern for pattern in patterns
        )

    async def _converse(self, conversation: Conversation, hop: NextHop) -> bool:
        self._was_dead = False
        encryption = conversation.encryption
        if self._requires_tls and (encryption is None or not encryption.is_verified):
            self._trouble(self.pending, classify_misfit(client_replies.TLS_DEMANDED))
            return False
        while self.pending and conversation.usable:
            batch = self._next_batch(conversation.offers)
            envelope = self._envelope(batch)
            form = conversation.form(envelope, self._attempt.message.facts)
            fit = await self._fitter.fit(form)
            if not isinstance(fit, Fitting) or (fit.breaks_signature and self.is_choosy):
                self._does_not_fit(batch, conversation, hop, fit)
                return False
            content, facts = fit.content, fit.facts
            # RFC 6758 §3.3: 0 as well, when it was said.
            if self._priority is not None and not conversation.offers.has(mt_priority.KEYWORD):
                content, facts = await tunnelled(content, facts, self._priority)
            told = told_of(self._attempt.message) if self._doors.forwards_to(hop.name) else NO_ATTRIBUTES
            answers = await conversation.deliver(_to_be_sent(envelope, form), content, facts, told)
            if self._may_be_dead and all(map(_says_nothing_of_us, answers)):
                self._was_dead = True
                return False
            before = len(self.pending)
            reported = self._attempt.message.hints is not NO_HINTS and self._tells_relayed(conversation.offers)
            self._answered(batch, answers, hop, told=reported)
            self._may_be_dead = False
            if len(self.pending) == before or any(map(belongs_elsewhere, answers)):
                return False
        return True

    def _next_batch(self, offers: Offers) -> list[QueuedRecipient]:
        """As many as go into one transaction, put to the head of the line. RFC 9422 §4."""
        if len(self.pending) == 1:
            return self.pending[:]
        most = min(MAXIMUM_RECIPIENTS, offers.recipient_limit or MAXIMUM_RECIPIENTS)
        domains = offers.limits.get("RCPTDOMAINMAX")
        if domains is None:
            return self.pending[:most]
        names = dict.fromkeys([_domain(recipient) for recipient in self.pending])
        chosen = set(list(names)[:domains])
        self.pending.sort(key=lambda recipient: _domain(recipient) not in chosen)
        fitting = sum(_domain(recipient) in chosen for recipient in self.pending)
        return self.pending[: min(most, fitting)]

    def _envelope(self, batch: Sequence[QueuedRecipient]) -> Envelope:
        message = self._attempt.message
        envelope = Envelope(
            reverse_path=message.reverse_path,
            parameters=message.parameters,
            recipients=tuple([queued.recipient for queued in batch]),
        )
        if message.hints is not NO_HINTS:
            held = self._doors.world.clock.now() - message.accepted_at
            for extension in self._doors.extensions:
                if extension.after is not None:
                    envelope = extension.after(envelope, held)
        if self._lmtp and requiretls.is_asked(envelope.parameters):
            envelope = replace(envelope, parameters=envelope.parameters.without(requiretls.KEYWORD))
        return envelope

    def _tells_relayed(self, offers: Offers) -> bool:
        """Is the sender told of each step? RFC 2852 §4.2: when he asked for a trace, and where his wish ends."""
        asked = DeliverBy.of(self._attempt.message.parameters)
        return asked is not None and (asked.traced or not offers.has(deliverby.KEYWORD))

    def _does_not_fit(
        self, batch: Sequence[QueuedRecipient], conversation: Conversation, hop: NextHop, fit: Fit
    ) -> None:
        """Another host may take it as it is; to this one we come back at last, if it is only for a signature."""
        if isinstance(fit, Reply):
            self._trouble(batch, classify_misfit(conversation.judged(fit)))
        else:
            self.passed_over.append(hop)

    def _answered(
        self, batch: Sequence[QueuedRecipient], answers: Sequence[RecipientAnswer], hop: NextHop, *, told: bool
    ) -> None:
        """Decide who is decided; who belongs into another transaction goes to the end of the line."""
        del self.pending[: len(batch)]
        for recipient, answer in zip(batch, answers, strict=True):
            outcome = classify(answer, peer=hop.mta, is_final_delivery=self._lmtp)
            if told and outcome.action is Action.RELAYED:
                outcome = replace(outcome, tells_relayed=True)
            if answer.retry_at_once or belongs_elsewhere(answer):
                self._trouble([recipient], outcome)
                self.pending.append(recipient)
            else:
                self._attempt.decide(recipient, outcome)

    def _trouble(self, recipients: Sequence[QueuedRecipient], outcome: Outcome) -> None:
        for recipient in recipients:
            self._troubles.setdefault(recipient.id, []).append(outcome)


def _place(hop: NextHop, *, lmtp: bool) -> Place:
    return hop.endpoint, lmtp, hop.name


def _says_nothing_of_us(answer: RecipientAnswer) -> bool:
    """The session was idle or used for too long; but 4.7.z would be the answer in a new one, too."""
    status = answer.reply.status
    return belongs_elsewhere(answer) and (status is None or status.subject != _POLICY)


def _domain(queued: QueuedRecipient) -> str:
    return (queued.recipient.forward_path.domain or "").lower()


def _to_be_sent(envelope: Envelope, form: WireForm) -> Envelope:
    """RFC 6531 §3.2: SMTPUTF8 was said, but the header turned out not to need it."""
    return replace(envelope, parameters=envelope.parameters.without("SMTPUTF8")) if form.ascii_header else envelope
