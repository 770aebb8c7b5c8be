"""What receptions are given to work with: the desk that all sessions of a listener have in common, and what it asks of
the queue, the router and the journal."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Protocol

from heloise.dsn.submission import RouteReport
from heloise.mail.attributes import Attributes
from heloise.mail.cause import Cause
from heloise.mail.content import ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.reply import Reply
from heloise.mail.sink import Companion, Deposit, MessageSink, Refused, Submission, Taken
from heloise.policy.pipeline import PolicyPipeline
from heloise.reception.admission import Audience
from heloise.reception.authority import Authority
from heloise.reception.pressure import Pressure
from heloise.reception.waiting import Waiting
from heloise.routing.router import Routing
from heloise.smtp.events import Proposal
from heloise.smtp.registry import Registry
from heloise.world import LinkError, ServerTls, Stream, World

Say = Callable[[str], None]


class RecipientRouter(Protocol):
    """Where does a recipient go? `heloise.routing.Router`, or the one of `heloise dev` that catches everything."""

    def decide(self, path: ForwardPath, *, may_relay: bool) -> Routing | Awaitable[Routing]:
        """The decision, or what it can be waited for by, when somebody has to be asked."""
        ...


class NameBook(Protocol):
    """Answers VRFY and EXPN. `heloise.routing.Directory`."""

    async def verify(self, text: str, *, may_relay: bool, utf8: bool = False) -> Reply:
        """The answer to VRFY."""
        ...

    async def expand(self, text: str, *, may_relay: bool, utf8: bool = False) -> Reply:
        """The answer to EXPN."""
        ...


class SenderRewriting(Protocol):
    """Senders under other names. `heloise.routing.Rewriting`."""

    async def sender_for(self, sender: ReversePath, target: ForwardPath) -> ReversePath | None:
        """The reverse path for what goes on to `target`; None when it is that of the sender. Raises LookupFailed."""
        ...


class QueueDesk(Protocol):
    """What a session may ask of the queue."""

    async def run(self, kind: str, node: str, client: str) -> Reply:
        """ETRN by the client of this address ("unix" for one on a Unix socket)."""
        ...

    async def turn(self, domains: tuple[str, ...], client: str) -> tuple[Reply, tuple[str, ...]]:
        """ATRN likewise: the reply, and after 250 the domains whose mail is to be relayed."""
        ...

    async def relay(self, stream: Stream, domains: tuple[str, ...], is_stopping: Callable[[], bool]) -> None:
        """Deliver what waits for these domains to the server at the other end of `stream`."""
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

    def opened(self, session: str, peer: str) -> None:
        """A client has connected, from this address ("unix" for a Unix socket)."""
        ...

    def granted(self, session: str, proposal: Proposal, reply: Reply) -> None:
        """A hello or a recipient was accepted."""
        ...

    def accepted(self, session: str, submission: Submission, facts: ContentFacts) -> None:
        """A message was taken."""
        ...

    def refused(self, session: str, proposal: Proposal, reply: Reply) -> None:
        """Something was refused; the reply has the cause."""
        ...

    def judged(self, session: str, message_id: MessageId, cause: Cause) -> None:
        """A message was taken, and is thrown away or held."""
        ...

    def secured(self, session: str, encryption: Encryption) -> None:
        """A session runs under TLS now."""
        ...

    def not_secured(self, session: str, peer: str, error: LinkError) -> None:
        """The handshake with the client at this address has failed."""
        ...

    def spoken_for(self, session: str, peer: str, claim: Attributes) -> None:
        """A spokesman has said that the client of the session is this one (XCLIENT), so from now on it is."""
        ...

    def not_introduced(self, peer: str, trouble: str) -> None:
        """A proxy did not tell who its client is, so there is no session."""
        ...

    def turned_away(self, peer: str, count: int, reply: Reply) -> None:
        """So many connections from this address got `reply` in place of a session, since this was told last."""
        ...

    def ended(self, session: str, *, lost: bool) -> None:
        """The session is over."""
        ...

    def fault(self, session: str, error: Exception) -> None:
        """A bug or an unexpected trouble of ours."""
        ...


def no_tls() -> ServerTls | None:
    """There is no certificate."""
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class ReceptionDesk:
    """What all sessions of one listener have in common.

    `route_report` says where a report for a sender goes; None where nobody is told anything. `rewriting` gives mail
    that is forwarded another reverse path; None where it keeps the one it has. `tls` is asked for each handshake.
    `authority` knows who has which password; None where nobody has one. `policy` is asked about everything that would
    be taken otherwise; None where nobody objects. Messages of users are completed with the domain `completes_in`.
    `waiting` says what strangers have to wait for, `pressure` whether there are memory and descriptors for more.
    `extensions` say what the parameters of a message ask of the queue; None where it is not kept in one. The field
    MT-Priority counts of clients of `priority_fields`; None where nobody looks for one.
    Without `adds_trace` messages go to the sink as they came: where they end, and nobody reads a field of ours.
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
    rewriting: SenderRewriting | None = None
    tls: Callable[[], ServerTls | None] = no_tls
    authority: Authority | None = None
    policy: PolicyPipeline | None = None
    completes_in: str | None = None
    waiting: Waiting | None = None
    extensions: Registry | None = None
    adds_trace: bool = True
    priority_fields: Audience | None = None
    pressure: Pressure = field(default_factory=Pressure)


@dataclass(frozen=True, slots=True)
class Commit:
    """The step that takes responsibility, ready to be made."""

    deposit: Deposit
    facts: ContentFacts
    companions: tuple[Companion, ...] = ()

    async def __call__(self) -> Taken | Refused:
        """Make it."""
        return await self.deposit.commit(self.facts, self.companions)
