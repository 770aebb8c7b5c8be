"""Reception: the server's word on each proposal of one session, and the way of a message into its sink.

The engine has checked grammar, sequence and extensions before; here is decided whether a recipient is ours, where it
goes, and when responsibility is taken: 250 only after the sink says so (RFC 5321 §4.2.5).
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol, assert_never

from heloise.dsn.submission import RouteReport
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.ids import new_message_id
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply
from heloise.mail.route import Route
from heloise.mail.sink import Deposit, MessageSink, Refused, Submission, Taken
from heloise.mail.trace import Origin, received_field
from heloise.reception.admission import Admission
from heloise.reception.expanded import BEGINNING, ExpandedReport, ReportNotKept, expanded_report
from heloise.routing.lookup import LookupFailed
from heloise.routing.propagate import recipients_of, wants_expanded_report
from heloise.routing.router import Accepted, Routing
from heloise.smtp import replies
from heloise.smtp.events import (
    ConnectionProposed,
    ContentProposed,
    ContentReceived,
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
    TransactionReset,
    VerifyProposed,
)
from heloise.smtp.extension import ServerView
from heloise.world import World

Say = Callable[[str], None]


class RecipientRouter(Protocol):
    """Where does a recipient go? `heloise.routing.Router`, or the one of `heloise dev` that catches everything."""

    async def route(self, path: ForwardPath, *, may_relay: bool) -> Routing:
        """The decision."""
        ...


class NameBook(Protocol):
    """Answers VRFY and EXPN. `heloise.routing.Directory`."""

    async def verify(self, text: str, *, may_relay: bool, utf8: bool = False) -> Reply:
        """The answer to VRFY."""
        ...

    async def expand(self, text: str, *, may_relay: bool, utf8: bool = False) -> Reply:
        """The answer to EXPN."""
        ...


class QueueDesk(Protocol):
    """What a session may ask of the queue."""

    async def run(self, kind: str, node: str) -> Reply:
        """ETRN."""
        ...

    async def status(self) -> Reply:
        """HELP STATUS."""
        ...

    def room_for(self, size: int) -> Reply | None:
        """None when a message of this many octets can be taken, else the 452."""
        ...

    async def follow(self, submission: Submission, commit: "Commit", say: Say) -> Taken | Refused:
        """Commit, then tell of the first attempt to deliver until it has ended or takes too long (VERB)."""
        ...


class Journal(Protocol):
    """Is told what happened, for the log."""

    def accepted(self, session: str, submission: Submission, facts: ContentFacts) -> None:
        """A message was taken."""
        ...

    def refused(self, session: str, proposal: Proposal, reply: Reply) -> None:
        """Something was refused; the reply has the cause."""
        ...

    def ended(self, session: str, *, lost: bool) -> None:
        """The session is over."""
        ...

    def fault(self, session: str, error: Exception) -> None:
        """A bug or an unexpected trouble of ours."""
        ...


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptionDesk:
    """What all sessions of one listener have in common.

    `route_report` says where a report for a sender goes; None where nobody is told anything.
    """

    hostname: str
    sink: MessageSink
    router: RecipientRouter
    names: NameBook
    queue: QueueDesk
    journal: Journal
    world: World
    words: str = "ESMTP heloise"
    route_report: RouteReport | None = None


@dataclass(slots=True)
class _Transaction:
    """An open transaction: the recipients to be stored, each once, and the deposit once there is content.

    `expanded` are recipients whose sender wants to hear that they stand for several, with what was said to RCPT; for
    them the `beginning` of the content is kept.
    """

    targets: dict[tuple[ForwardPath, Route], Recipient] = field(default_factory=dict)
    submission: Submission | None = None
    deposit: Deposit | None = None
    trace_size: int = 0
    expanded: dict[Recipient, Reply] = field(default_factory=dict)
    beginning: bytes = b""

    async def write(self, octets: bytes) -> None:
        """The next octets, to the deposit."""
        assert self.deposit is not None
        if self.expanded and len(self.beginning) < BEGINNING:
            self.beginning += octets
        await self.deposit.write(octets)


@dataclass(frozen=True, slots=True)
class Commit:
    """The step that takes responsibility, ready to be made."""

    deposit: Deposit
    facts: ContentFacts

    async def __call__(self) -> Taken | Refused:
        """Make it."""
        return await self.deposit.commit(self.facts)


class Reception:
    """Answers for one session. `view` is the engine's; `greeting` overrides the 220 (a refusal at the door)."""

    def __init__(
        self,
        desk: ReceptionDesk,
        admission: Admission,
        view: ServerView,
        session_id: str,
        greeting: Reply | None = None,
    ) -> None:
        self._desk = desk
        self._admission = admission
        self._view = view
        self._session_id = session_id
        self._greeting = greeting
        self._transaction = _Transaction()

    async def answer(self, proposal: Proposal, say: Say) -> tuple[Reply, ...]:
        """The reply to a proposal. See `heloise.link.serve.Receiver`."""
        reply = await self._decide(proposal, say)
        if reply.code >= 400:
            self._desk.journal.refused(self._session_id, proposal, reply)
        if self._view.is_lmtp and isinstance(proposal, MessageProposed):
            # RFC 2033 §4.2: one reply for each recipient; the queue takes all or none.
            return (reply,) * len(proposal.envelope.recipients)
        return (reply,)

    async def note(self, fact: Fact) -> None:
        """Content goes to the deposit; the end of a transaction without a message takes the deposit back."""
        match fact:
            case ContentReceived(octets=octets):
                await self._transaction.write(octets)
            case TransactionReset():
                await self._abandon()
            case SessionEnded(lost=lost):
                await self._abandon()
                self._desk.journal.ended(self._session_id, lost=lost)
            case _:
                assert_never(fact)

    def fault(self, error: Exception) -> None:
        """An exception came out of the two above."""
        self._desk.journal.fault(self._session_id, error)

    async def _decide(self, proposal: Proposal, say: Say) -> Reply:
        match proposal:
            case RecipientProposed(command=command):
                return await self._recipient(Recipient(command.forward_path, command.parameters), say)
            case MailProposed(command=command):
                return self._desk.queue.room_for(_declared_size(command.parameters.value("SIZE"))) or replies.SENDER_OK
            case ContentProposed(envelope=envelope):
                return await self._begin(envelope)
            case MessageProposed(facts=facts):
                return await self._take(facts, say)
            case HelloProposed(reply=reply):
                return reply
            case ConnectionProposed():
                return self._greeting or replies.greeting(self._desk.hostname, self._desk.words)
            case VerifyProposed(text=text, utf8=utf8):
                return await self._desk.names.verify(text, may_relay=self._admission.may_relay, utf8=utf8)
            case ExpandProposed(text=text, utf8=utf8):
                return await self._desk.names.expand(text, may_relay=self._admission.may_relay, utf8=utf8)
            case QueueRunProposed(kind=kind, node=node):
                return await self._desk.queue.run(kind, node)
            case StatusProposed():
                return await self._desk.queue.status()
            case _:
                assert_never(proposal)

    async def _recipient(self, recipient: Recipient, say: Say) -> Reply:
        routing = await self._desk.router.route(recipient.forward_path, may_relay=self._admission.may_relay)
        if not isinstance(routing, Accepted):
            return routing.reply
        for line in routing.told:
            say(line)
        for target, route in recipients_of(recipient, routing):
            self._transaction.targets.setdefault((target.forward_path, route), target)
        if self._desk.route_report is not None and wants_expanded_report(recipient, routing):
            self._transaction.expanded.setdefault(recipient, routing.reply)
        return routing.reply

    async def _begin(self, envelope: Envelope) -> Reply:
        """Open the deposit and write our trace field on top. RFC 5321 §4.4."""
        world, transaction = self._desk.world, self._transaction
        now = world.clock.now()
        origin = Origin(
            hello_name=self._view.hello_name,
            peer_address=self._admission.address,
            protocol=self._protocol(envelope),
            session=self._session_id,
            received_at=now,
        )
        submission = Submission(
            message_id=new_message_id(now, world.entropy.octets(4)),
            envelope=Envelope(
                reverse_path=envelope.reverse_path,
                parameters=envelope.parameters,
                recipients=tuple(transaction.targets.values()),
            ),
            routes=tuple(route for _, route in transaction.targets),
            origin=origin,
        )
        sole = envelope.recipients[0].forward_path.mailbox if len(envelope.recipients) == 1 else None
        trace = received_field(
            origin=origin, by=self._desk.hostname, message_id=submission.message_id, sole_recipient=sole
        )
        transaction.submission = submission
        transaction.deposit = self._desk.sink.begin(submission)
        transaction.trace_size = len(trace)
        await transaction.write(trace)
        return replies.GO_AHEAD

    def _protocol(self, envelope: Envelope) -> str:
        """The with-type: RFC 3848, RFC 6531 §4.3."""
        name = "LMTP" if self._view.is_lmtp else "ESMTP" if self._view.is_esmtp else "SMTP"
        if "SMTPUTF8" in envelope.parameters:
            name = "UTF8LMTP" if self._view.is_lmtp else "UTF8SMTP"
        return name

    async def _take(self, facts: ContentFacts, say: Say) -> Reply:
        transaction, self._transaction = self._transaction, _Transaction()
        assert transaction.deposit is not None
        assert transaction.submission is not None
        facts = ContentFacts(size=facts.size + transaction.trace_size, eight_bit=facts.eight_bit, binary=facts.binary)
        submission = transaction.submission
        report = await self._expanded_report(transaction, submission)
        if self._view.verbose:
            commit = Commit(transaction.deposit, facts)
            answer = await self._desk.queue.follow(submission, commit, say)
        else:
            answer = await transaction.deposit.commit(facts)
        if isinstance(answer, Refused):
            return answer.reply
        self._desk.journal.accepted(self._session_id, submission, facts)
        if report is not None:
            await self._send_report(report)
        return replies.message_taken(answer.message_id)

    async def _expanded_report(self, transaction: _Transaction, submission: Submission) -> ExpandedReport | None:
        desk = self._desk
        reverse_path = submission.envelope.reverse_path
        if not transaction.expanded or desk.route_report is None or reverse_path.mailbox is None:
            return None
        try:
            routed = await desk.route_report(ForwardPath(reverse_path.mailbox))
        except LookupFailed as trouble:
            desk.journal.fault(self._session_id, ReportNotKept(f"an expanded report can not be sent: {trouble}"))
            return None
        return expanded_report(
            submission,
            transaction.expanded,
            transaction.beginning,
            hostname=desk.hostname,
            report_id=new_message_id(desk.world.clock.now(), desk.world.entropy.octets(4)),
            routed=routed,
        )

    async def _send_report(self, report: ExpandedReport) -> None:
        """The message is taken: whatever becomes of the report, that is what the client is told."""
        deposit = self._desk.sink.begin(report.submission)
        await deposit.write(report.octets)
        answer = await deposit.commit(report.facts)
        if isinstance(answer, Refused):
            self._desk.journal.fault(self._session_id, ReportNotKept(f"an expanded report is lost: {answer.reply}"))

    async def _abandon(self) -> None:
        transaction, self._transaction = self._transaction, _Transaction()
        if transaction.deposit is not None:
            await transaction.deposit.abort()


def _declared_size(value: str | None) -> int:
    return int(value) if value is not None else 0
