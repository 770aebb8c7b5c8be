"""Reception: the server's word on each proposal of one session, and the way of a message into its sink.

The engine has checked grammar, sequence and extensions before; here is decided whether a recipient is ours, where it
goes, and when responsibility is taken: 250 only after the sink says so (RFC 5321 §4.2.5).
"""

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias, assert_never

from heloise.link.serve import Answers
from heloise.link.turns import Caller, Turns
from heloise.mail import causes
from heloise.mail.attributes import Attributes
from heloise.mail.cause import Cause
from heloise.mail.content import ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.ids import MessageId, new_message_id
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.reply import Reply
from heloise.mail.sink import Companion, Refused
from heloise.mail.trace import Origin, received_field
from heloise.policy.views import MessageView
from heloise.reception.admission import Admission, Audience
from heloise.reception.completing import CompletingDeposit, Completion
from heloise.reception.desk import Commit, ReceptionDesk, Say
from heloise.reception.held import HeldContent, disposing, next_chunk
from heloise.reception.judging import Judging
from heloise.reception.owed import Owed, owed_report
from heloise.reception.spokesmen import Spokesmen
from heloise.reception.transaction import Transaction
from heloise.reception.tunnelled import TunnelledDeposit
from heloise.routing.ends import lookup_refused
from heloise.routing.lookup import LookupFailed
from heloise.routing.propagate import Onward, Sender, due_report, members_of, recipients_of
from heloise.routing.router import Accepted, Refusal, Routing
from heloise.smtp import replies
from heloise.smtp.command import Mail
from heloise.smtp.data import ContentGauge
from heloise.smtp.events import (
    ClientProposed,
    CommandProposed,
    ConnectionProposed,
    ContentProposed,
    ContentReceived,
    CredentialsProposed,
    ExpandProposed,
    Fact,
    HelloProposed,
    MailProposed,
    MessageProposed,
    Proposal,
    QueueRunProposed,
    RecipientProposed,
    SessionEnded,
    StatusProposed,
    TlsProposed,
    TransactionReset,
    TurnProposed,
    VerifyProposed,
)
from heloise.smtp.extension import ServerView
from heloise.smtp.limits import SessionLimits
from heloise.smtp.sasl.mechanism import Proven
from heloise.world import AnyEndpoint, LinkError, ServerTls, Stream

_NO_LIMIT = SessionLimits(message_size=0)
Decision: TypeAlias = Reply | Awaitable[Reply]
"""A reply, or what it can be waited for by. Most decisions wait for nobody, and then there is nothing to wait for."""


class Reception:
    """Answers for one session. `view` is the engine's; `greeting` overrides the 220 (a refusal at the door)."""

    def __init__(
        self,
        desk: ReceptionDesk,
        admission: Admission,
        view: ServerView,
        session_id: str,
        greeting: Reply | None = None,
        spokesmen: Spokesmen | None = None,
        local: AnyEndpoint | None = None,
        caller: Caller | None = None,
    ) -> None:
        self._caller = Turns().enter("") if caller is None else caller
        self._desk = desk
        self._spokesmen = spokesmen
        self._admission = admission
        self._view = view
        self._session_id = session_id
        self._greeting = greeting
        self._transaction = Transaction()
        self._refused = 0
        self._on_demand: tuple[str, ...] = ()  # the domains of an accepted ATRN
        self._judging: Judging | None = None
        if desk.policy is not None:
            self._judging = Judging(desk.policy, admission, view, session_id, desk.world.clock, local)

    def answer(self, proposal: Proposal, say: Say) -> Answers:
        """The reply to a proposal. See `heloise.link.serve.Receiver`."""
        decision = self._decide(proposal, say)
        if isinstance(decision, Reply) and decision.code < 400:
            return self._said(proposal, decision)
        return self._answered(proposal, decision)

    async def _answered(self, proposal: Proposal, decision: Decision) -> tuple[Reply, ...]:
        reply = decision if isinstance(decision, Reply) else await decision
        if isinstance(proposal, CredentialsProposed):
            # The journal keeps what it is given, and nobody keeps a password.
            proposal = replace(proposal, question=Proven(proposal.question.user, reply.code < 400))
        if reply.code >= 400:
            self._refused += 1
            if self._desk.waiting is not None and not self._may_relay:
                await self._desk.waiting.before_refusal()
        return self._said(proposal, reply)

    def _said(self, proposal: Proposal, reply: Reply) -> tuple[Reply, ...]:
        """The journal hears of it before the client does."""
        if reply.code >= 400:
            self._desk.journal.refused(self._session_id, proposal, reply)
        elif isinstance(proposal, (RecipientProposed, HelloProposed)) or reply is replies.AUTH_ACCEPTED:
            self._desk.journal.granted(self._session_id, proposal, reply)
        if self._view.is_lmtp and isinstance(proposal, MessageProposed):
            # RFC 2033 §4.2: one reply for each recipient; the queue takes all or none.
            return (reply,) * len(proposal.envelope.recipients)
        return (reply,)

    def note(self, fact: Fact) -> Awaitable[None] | None:
        """Content goes to the deposit; the end of a transaction without a message takes the deposit back."""
        if isinstance(fact, ContentReceived):
            return self._transaction.write(fact.octets)
        if isinstance(fact, TransactionReset):
            return self._abandon()
        return self._ended(fact)

    async def _ended(self, fact: SessionEnded) -> None:
        await self._abandon()
        if self._judging is not None:
            await self._judging.close(self._refused)
        self._desk.journal.ended(self._session_id, lost=fact.lost)

    async def mistaken(self) -> None:
        """The engine has refused something."""
        if self._desk.waiting is not None and not self._may_relay:
            await self._desk.waiting.before_refusal()

    def fault(self, error: Exception) -> None:
        """An exception came out of one of the others."""
        self._desk.journal.fault(self._session_id, error)

    def tls(self) -> ServerTls | None:
        """How to shake hands now."""
        return self._desk.tls()

    def secured(self, encryption: Encryption) -> None:
        """The session is under TLS."""
        self._desk.journal.secured(self._session_id, encryption)

    def not_secured(self, error: LinkError) -> None:
        """It is not, and is over."""
        self._desk.journal.not_secured(self._session_id, self._admission.address, error)

    async def turned(self, stream: Stream, is_stopping: Callable[[], bool]) -> None:
        """After ATRN: deliver what waits for the client's domains. See `heloise.link.serve.Receiver`."""
        try:
            await self._desk.queue.relay(stream, self._on_demand, is_stopping)
        finally:
            self._desk.journal.ended(self._session_id, lost=False)

    def _decide(self, proposal: Proposal, say: Say) -> Decision:
        # By identity of classes, as `isinstance` is compiled: `match` asks each class in turn, by a call.
        if isinstance(proposal, RecipientProposed):
            command = proposal.command
            return self._recipient(Recipient(command.forward_path, command.parameters), proposal.reverse_path, say)
        if isinstance(proposal, MailProposed):
            return self._sender(proposal.command)
        if isinstance(proposal, ContentProposed):
            if self._judging is not None:
                return self._begin_judged(self._judging, proposal.envelope)
            return self._begin(proposal.envelope)
        if isinstance(proposal, MessageProposed):
            if self._judging is not None:
                return self._take_judged(self._judging, proposal.envelope, proposal.facts, say)
            return self._take(proposal.envelope, proposal.facts, say)
        return self._decide_asking(proposal)

    async def _decide_asking(self, proposal: Proposal) -> Reply:
        match proposal:
            case HelloProposed(command=hello, reply=reply):
                if self._judging is not None:
                    return await self._judging.hello(hello.name) or reply
                return reply
            case ConnectionProposed():
                self._desk.journal.opened(self._session_id, self._admission.address)
                refusal = self._greeting
                if refusal is None and self._judging is not None:
                    refusal = await self._judging.connected()
                return refusal or replies.greeting(self._desk.hostname, self._desk.words)
            case VerifyProposed(text=text, utf8=utf8):
                return await self._lookup_refused("VRFY", text) or await self._desk.names.verify(
                    text, may_relay=self._may_relay, utf8=utf8
                )
            case ExpandProposed(text=text, utf8=utf8):
                return await self._lookup_refused("EXPN", text) or await self._desk.names.expand(
                    text, may_relay=self._may_relay, utf8=utf8
                )
            case QueueRunProposed(kind=kind, node=node):
                return await self._desk.queue.run(kind, node, self._admission.address)
            case TurnProposed(domains=domains):
                reply, self._on_demand = await self._desk.queue.turn(domains, self._admission.address)
                return reply
            case TlsProposed():
                return replies.TLS_UNAVAILABLE if self._desk.tls() is None else replies.TLS_GO_AHEAD
            case CredentialsProposed():
                if self._desk.authority is None:
                    return replies.AUTH_TROUBLE
                client = None if self._admission.is_local else self._admission.address
                return await self._desk.authority.judge(proposal, client)
            case ClientProposed(claim=claim):
                reply = self._introduced(claim)
                if self._judging is not None and reply.code < 400:
                    return await self._judging.introduced(self._admission) or reply
                return reply
            case StatusProposed():
                return await self._desk.queue.status()
            case CommandProposed(command=plain, reply=reply):
                if self._judging is not None:
                    return await self._judging.unknown(plain.encode().decode().rstrip()) or reply
                return reply
            case MailProposed() | RecipientProposed() | ContentProposed() | MessageProposed():
                raise AssertionError("decided before")
            case _:
                assert_never(proposal)

    @property
    def address(self) -> str:
        """Whom the session counts for in the census."""
        return self._admission.address

    def _introduced(self, claim: Attributes) -> Reply:
        """XCLIENT: greeted once more, as whoever it is said to be."""
        desk = self._desk
        if self._spokesmen is None:
            return replies.NOT_A_SPOKESMAN
        self._admission, refusal = self._spokesmen.introduce(claim, self._admission, self._view)
        desk.journal.spoken_for(self._session_id, self._admission.address, claim)
        return refusal or replies.greeting(desk.hostname, desk.words)

    @property
    def _may_relay(self) -> bool:
        """By where the client comes from, or because it is known by name."""
        return self._admission.may_relay or self._view.authenticated_as is not None

    def _is_of(self, audience: Audience) -> bool:
        """Is the client one of those?"""
        if audience is Audience.LOOPBACK:
            return self._admission.is_local
        return audience is Audience.ANY or (audience is Audience.RELAY and self._may_relay)

    async def _lookup_refused(self, verb: str, text: str) -> Reply | None:
        return None if self._judging is None else await self._judging.lookup(verb, text)

    def _sender(self, command: Mail) -> Decision:
        size = command.parameters.value("SIZE") if command.parameters.items else None
        refusal = self._desk.pressure.mail or self._desk.queue.room_for(_declared_size(size))
        if refusal is not None:
            return refusal
        if self._judging is None and self._view.authenticated_as is None:
            return replies.SENDER_OK
        return self._sender_asking(command)

    async def _sender_asking(self, command: Mail) -> Reply:
        return await self._sender_refused(command) or replies.SENDER_OK

    async def _sender_refused(self, command: Mail) -> Reply | None:
        user, authority = self._view.authenticated_as, self._desk.authority
        if user is not None and authority is not None:
            refusal = await authority.sender_refused(user, command.reverse_path.mailbox)
            if refusal is not None:
                return refusal
        return None if self._judging is None else await self._judging.mail(command)

    def _recipient(self, recipient: Recipient, reverse_path: ReversePath, say: Say) -> Decision:
        """One more recipient, whom the client has named."""
        desk = self._desk
        routing = desk.router.decide(recipient.forward_path, may_relay=self._may_relay)
        if (
            isinstance(routing, Accepted)
            and not routing.lists
            and not recipient.parameters.items
            and desk.rewriting is None
            and self._judging is None
        ):
            return self._add(routing, recipients_of(recipient, routing), say)  # nobody is to be asked
        return self._recipient_asking(recipient, reverse_path, routing, say)

    async def _recipient_asking(
        self,
        recipient: Recipient,
        reverse_path: ReversePath,
        deciding: Routing | Awaitable[Routing],
        say: Say,
        *,
        by_filter: bool = False,
    ) -> Reply:
        """One more recipient, whom the client has named, or a filter of ours."""
        desk, transaction = self._desk, self._transaction
        if isinstance(deciding, (Accepted, Refusal)):
            routing: Routing = deciding
        else:
            routing = await deciding
        if not isinstance(routing, Accepted):
            if self._judging is not None and not by_filter:
                await self._judging.refused(recipient, reverse_path, routing.reply)
            return routing.reply
        try:
            onward = await self._onward(recipient, routing, reverse_path)
            action = due_report(recipient, routing)
            if action is None or desk.route_report is None or reverse_path.mailbox is None:
                action = None
            elif not transaction.owed:
                transaction.report_routes = await desk.route_report(ForwardPath(reverse_path.mailbox))
        except LookupFailed as trouble:
            return lookup_refused(recipient.forward_path, trouble).reply
        if self._judging is not None and not by_filter:
            refusal = await self._judging.recipient(recipient, reverse_path, onward)
            if refusal is not None:
                return refusal
        if action is not None:
            transaction.owed.setdefault(recipient, Owed(action, routing.reply))
        return self._add(routing, onward, say)

    def _add(self, routing: Accepted, onward: tuple[Onward, ...], say: Say) -> Reply:
        for line in routing.told:
            say(line)
        for each in onward:
            self._transaction.add(each)
        return routing.reply

    async def _onward(self, recipient: Recipient, routing: Accepted, reverse_path: ReversePath) -> tuple[Onward, ...]:
        """Whom the mail for `recipient` goes on to, and under which reverse path."""
        onward = recipients_of(recipient, routing)
        rewriting = self._desk.rewriting
        if rewriting is not None:
            rewritten = []
            for each in onward:
                sender = None
                if each.recipient.forward_path != recipient.forward_path:
                    sender = await rewriting.sender_for(reverse_path, each.recipient.forward_path)
                rewritten.append(each if sender is None else each._replace(sender=Sender(sender)))
            onward = tuple(rewritten)
        return (*onward, *members_of(routing, reverse_path)) if routing.lists else onward

    def _begin(self, envelope: Envelope, message_id: MessageId | None = None) -> Decision:
        """Open the deposit and write our trace field on top. RFC 5321 §4.4."""
        world, transaction = self._desk.world, self._transaction
        if self._view.author_unproven:
            envelope = replace(envelope, parameters=envelope.parameters.without("AUTH"))
        now = world.clock.now()
        origin = Origin(
            hello_name=self._view.hello_name,
            peer_address=self._admission.address,
            protocol=self._protocol(envelope),
            session=self._session_id,
            received_at=now,
            peer_name=self._admission.name,
            encryption=self._view.encryption,
            forwarded=self._view.forwarded,
        )
        hints, extensions = None, self._desk.extensions
        if extensions is not None:
            for item in envelope.parameters.items:
                if item.keyword in extensions.hinting:
                    hints = extensions.hints
        submission = transaction.part(envelope, origin, self._new_id, message_id, hints)[0]
        trace = b""
        if self._desk.adds_trace:
            sole = envelope.recipients[0].forward_path.mailbox if len(envelope.recipients) == 1 else None
            trace = received_field(
                origin=origin, by=self._desk.hostname, message_id=submission.message_id, sole_recipient=sole
            )
        if self._judging is not None:
            trace += self._judging.fields()
            if self._judging.standing.hold is not None:
                submission = transaction.hold()
        if self._desk.priority_fields is None:
            transaction.deposit = self._desk.sink.begin(submission)
        else:
            hinting = None if extensions is None else extensions.hints
            believed = self._is_of(self._desk.priority_fields)
            transaction.deposit = TunnelledDeposit(self._desk.sink, transaction, hinting, believed=believed)
        if self._desk.completes_in is not None:
            completion = self._completion(self._desk.completes_in, submission.message_id, envelope)
            transaction.deposit = CompletingDeposit(transaction.deposit, completion)
        if not trace:
            return replies.GO_AHEAD
        transaction.trace_size = len(trace)
        writing = transaction.write(trace)
        return replies.GO_AHEAD if writing is None else self._begun(writing)

    async def _begun(self, writing: Awaitable[None]) -> Reply:
        await writing
        return replies.GO_AHEAD

    async def _begin_judged(self, judging: Judging, envelope: Envelope) -> Reply:
        refusal = await self._content_judged(judging, envelope)
        return refusal or await self._now(self._begin(envelope))

    async def _now(self, decision: Decision) -> Reply:
        return decision if isinstance(decision, Reply) else await decision

    async def _content_judged(self, judging: Judging, envelope: Envelope) -> Reply | None:
        """A refusal; or GO_AHEAD, when the content is held back to be looked at as a whole; or None to begin."""
        message_id = self._new_id() if judging.holds_content else None
        refusal = await judging.data(envelope, message_id)
        if refusal is None and message_id is not None:
            self._transaction.held = HeldContent(self._desk.world, judging.spool_directory, message_id)
            return replies.GO_AHEAD
        return refusal

    async def _take_judged(self, judging: Judging, envelope: Envelope, facts: ContentFacts, say: Say) -> Reply:
        held = self._transaction.held
        if held is not None:
            reply = await disposing(held, self._take_held(judging, envelope, facts, held, say))
        elif (cause := judging.standing.discard) is not None:
            reply = self._discarded(self._transaction.submissions[0].message_id, cause)
            await self._abandon()
        else:
            reply = await self._take(envelope, facts, say)
        if reply.code < 300:
            judging.took(facts.size)
        await judging.forget()
        return reply

    async def _take_held(
        self, judging: Judging, envelope: Envelope, facts: ContentFacts, held: HeldContent, say: Say
    ) -> Reply:
        """Ask about the whole message, and store it as it is after all changes."""
        transaction, self._transaction = self._transaction, Transaction()
        completion = None
        if self._desk.completes_in is not None:
            completion = self._completion(self._desk.completes_in, held.message_id, envelope)
        verdict, message = await judging.message(envelope, facts, held, completion)
        if verdict.refusal is not None:
            return verdict.refusal
        if (cause := judging.standing.discard) is not None:
            return self._discarded(held.message_id, cause)
        if not message.envelope.recipients:
            return self._discarded(held.message_id, causes.POLICY_DISCARDED.because(why="no recipient was left"))
        if message.envelope == envelope:
            self._transaction, transaction.held = transaction, None
        else:
            for recipient in message.envelope.recipients:
                routing = self._desk.router.decide(recipient.forward_path, may_relay=True)
                reverse_path = message.envelope.reverse_path
                reply = await self._recipient_asking(recipient, reverse_path, routing, say, by_filter=True)
                if reply.code >= 400:
                    return reply
        await self._now(self._begin(message.envelope, held.message_id))
        return await self._take(message.envelope, await self._fill(message), say)

    def _completion(self, domain: str, message_id: MessageId, envelope: Envelope) -> Completion:
        now = self._desk.world.clock.now()
        return Completion(domain=domain, now=now, message_id=message_id, reverse_path=envelope.reverse_path)

    async def _fill(self, message: MessageView) -> ContentFacts:
        """The deposit gets the content; the facts of it, which filters may have changed."""
        gauge = ContentGauge(_NO_LIMIT)
        chunks = message.chunks()
        while (octets := await next_chunk(chunks)) is not None:
            gauge.update(octets)
            writing = self._transaction.write(octets)
            if writing is not None:
                await writing
        return gauge.facts()

    def _discarded(self, message_id: MessageId, cause: Cause) -> Reply:
        self._desk.journal.judged(self._session_id, message_id, cause)
        return replies.message_discarded(message_id, cause)

    def _protocol(self, envelope: Envelope) -> str:
        """The with-type: RFC 3848, RFC 6531 §4.3."""
        name = "LMTP" if self._view.is_lmtp else "ESMTP" if self._view.is_esmtp else "SMTP"
        if "SMTPUTF8" in envelope.parameters:
            name = "UTF8LMTP" if self._view.is_lmtp else "UTF8SMTP"
        # RFC 3848 has no such name for SMTP without extensions.
        if name == "SMTP":
            return name
        secured = "S" if self._view.is_secured else ""
        return name + secured + ("A" if self._view.authenticated_as is not None else "")

    async def _take(self, envelope: Envelope, facts: ContentFacts, say: Say) -> Reply:
        transaction, self._transaction = self._transaction, Transaction()
        assert transaction.deposit is not None
        facts = ContentFacts(
            size=facts.size + transaction.trace_size,
            eight_bit=facts.eight_bit,
            binary=facts.binary,
            mended=facts.mended,
        )
        first, *others = transaction.submissions
        companions = [Companion(submission=submission) for submission in others]
        if transaction.owed:
            companions += self._report(transaction, envelope)
        turns = self._caller.turns
        turns.storing += 1
        try:
            if self._view.verbose and first.hints.not_before is None:
                commit = Commit(transaction.deposit, facts, tuple(companions))
                answer = await self._desk.queue.follow(first, commit, say)
            else:
                answer = await transaction.deposit.commit(facts, companions)
        finally:
            turns.storing -= 1
            if turns.resting is not None and not turns.storing:
                turns.go_on()
        if isinstance(answer, Refused):
            return answer.reply
        if first.is_held and self._judging is not None and (cause := self._judging.standing.hold) is not None:
            self._desk.journal.judged(self._session_id, first.message_id, cause)
        self._caller.taken += 1
        for submission in transaction.submissions:
            self._desk.journal.accepted(self._session_id, submission, facts)
        return replies.message_taken(answer.message_id)

    def _report(self, transaction: Transaction, envelope: Envelope) -> tuple[Companion, ...]:
        """The report that is owed, or none when the sender can not be told."""
        report = owed_report(
            envelope,
            transaction.submissions[0].origin,
            transaction.owed,
            transaction.beginning,
            hostname=self._desk.hostname,
            message_id=transaction.submissions[0].message_id,
            report_id=self._new_id(),
            routes=transaction.report_routes,
        )
        return () if report is None else (report,)

    def _new_id(self) -> MessageId:
        world = self._desk.world
        return new_message_id(world.clock.now(), world.entropy.octets(4))

    async def _abandon(self) -> None:
        transaction, self._transaction = self._transaction, Transaction()
        if transaction.deposit is not None:
            await transaction.deposit.abort()
        if self._judging is not None:
            if transaction.held is not None:
                await transaction.held.discard()
            await self._judging.forget()


def _declared_size(value: str | None) -> int:
    return int(value) if value is not None else 0
