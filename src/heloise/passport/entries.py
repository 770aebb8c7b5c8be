"""What is told of a message and of the session that brought it, one small value each.

To make one costs the session next to nothing: it holds frozen values that are there anyway. What is kept is made of it
later, in another lane: `facts` gives an object fit for JSON, whose names never change once released.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, TypeAlias, assert_never

from heloise.delivery.journal import AttemptEnded, HostTried
from heloise.delivery.next_hop import NextHopGroup, NoNextHop
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Recipient
from heloise.mail.outcome import Outcome
from heloise.mail.reply import Reply, printable
from heloise.mail.route import Route
from heloise.mail.sink import Submission
from heloise.queue.model import QueuedRecipient, RecipientChange, RecipientState, Redirection
from heloise.smtp.command import Hello
from heloise.smtp.events import (
    ConnectionProposed,
    ContentProposed,
    CredentialsProposed,
    HelloProposed,
    MailProposed,
    MessageProposed,
    Proposal,
    RecipientProposed,
)

Facts: TypeAlias = dict[str, Any]
_TAKEN = 250
OWN_SESSION = ""  # of messages that this server has made itself


class Opened(NamedTuple):
    """A client has connected to session `owner`. `at` here and below in seconds since the epoch."""

    owner: str
    at: float
    peer: str

    def facts(self) -> Facts:
        """For the archive."""
        return {"at": self.at, "event": "opened", "peer": self.peer}


class Answered(NamedTuple):
    """What was said to a proposal in session `owner`: to hello and recipients always, to others when it is a no."""

    owner: str
    at: float
    proposal: Proposal
    reply: Reply

    def facts(self) -> Facts:
        """For the archive."""
        if isinstance(self.proposal, HelloProposed) and self.reply.code < 400:
            return {"at": self.at, "event": "hello", **_hello(self.proposal.command), "offered": self.reply.lines[1:]}
        command, argument = _command(self.proposal)
        facts: Facts = {"at": self.at, "event": "answered", "command": command, "argument": argument}
        if self.reply.code == _TAKEN:
            # What the answer to nearly every recipient rests on, the acceptance tells: its route.
            return facts | _reply(self.reply, inputs=False)
        return facts | _reply(self.reply)


class Accepted(NamedTuple):
    """Responsibility was taken for message `owner`. `session` is that of the reception, or `OWN_SESSION`."""

    owner: str
    at: float
    session: str
    submission: Submission
    size: ContentFacts

    def facts(self) -> Facts:
        """For the archive."""
        submission = self.submission
        envelope = submission.envelope
        facts: Facts = {
            "at": self.at,
            "event": "accepted",
            "session": self.session,
            "protocol": submission.origin.protocol,
            "sender": str(envelope.reverse_path),
            "size": self.size.size,
            "recipients": [
                _recipient(each, route) for each, route in zip(envelope.recipients, submission.routes, strict=True)
            ],
        }
        if submission.origin.encryption is not None:
            facts["tls"] = str(submission.origin.encryption)
        if submission.origin.forwarded is not None:
            facts["forwarded"] = str(submission.origin.forwarded)
        if envelope.parameters:
            facts["parameters"] = str(envelope.parameters)
        if self.size.mended:
            facts["mended"] = self.size.mended
        return facts


class Ended(NamedTuple):
    """Session `owner` is over; `lost` when without QUIT."""

    owner: str
    at: float
    lost: bool

    def facts(self) -> Facts:
        """For the archive."""
        return {"at": self.at, "event": "ended", "lost": self.lost}


class Attempted(NamedTuple):
    """One attempt for some recipients of message `owner`."""

    owner: str
    at: float
    attempt: AttemptEnded

    def facts(self) -> Facts:
        """For the archive."""
        attempt = self.attempt
        changes = {change.recipient_id: change for change in attempt.settlement.changes}
        facts: Facts = {
            "at": self.at,
            "event": "attempted",
            "begun": attempt.begun,
            "route": str(attempt.route),
            "outcomes": [_outcome(queued, outcome, changes.get(queued.id)) for queued, outcome in attempt.outcomes],
        }
        if attempt.found is not None:
            facts["found"] = _found(attempt.found)
        if attempt.tried:
            facts["tried"] = [_tried(each) for each in attempt.tried]
        if attempt.settlement.reports:
            facts["reports"] = [report.submission.message_id for report in attempt.settlement.reports]
        return facts


class Commanded(NamedTuple):
    """What an operator did to recipients of message `owner`: hold, release, retry, redirect, remove. `to` is where to
    they were redirected."""

    owner: str
    at: float
    command: str
    recipients: tuple[str, ...]
    to: Redirection | None = None

    def facts(self) -> Facts:
        """For the archive; `recipient` is the new address when there is one."""
        told: Facts = {"at": self.at, "event": "commanded", "command": self.command, "recipients": self.recipients}
        if self.to is not None:
            told["route"] = str(self.to.route)
            if self.to.path is not None:
                told["recipient"] = str(self.to.path)
        return told


class Faulted(NamedTuple):
    """A trouble of ours in session or message `owner`."""

    owner: str
    at: float
    error: Exception

    def facts(self) -> Facts:
        """For the archive."""
        return {"at": self.at, "event": "faulted", "error": f"{type(self.error).__name__}: {self.error}"}


Entry: TypeAlias = Opened | Answered | Accepted | Ended | Attempted | Commanded | Faulted


class Office(Protocol):
    """Who is told. `now` gives seconds since the epoch."""

    now: Callable[[], float]

    def record(self, entry: Entry) -> None:
        """Take an entry. Costs next to nothing, never raises, never waits."""
        ...


def _recipient(recipient: Recipient, route: Route) -> Facts:
    facts: Facts = {"recipient": str(recipient.forward_path), "route": str(route)}
    if recipient.parameters:
        facts["parameters"] = str(recipient.parameters)
    return facts


def _hello(command: Hello) -> Facts:
    return {"verb": command.verb.value, "name": command.name}


def _command(proposal: Proposal) -> tuple[str, str]:
    match proposal:
        case MailProposed(command=mail):
            return "MAIL", f"{mail.reverse_path} {mail.parameters}".rstrip()
        case RecipientProposed(command=rcpt):
            return "RCPT", f"{rcpt.forward_path} {rcpt.parameters}" if rcpt.parameters else str(rcpt.forward_path)
        case HelloProposed(command=hello):
            return hello.verb.value, hello.name
        case ConnectionProposed():
            return "connection", ""
        case CredentialsProposed(mechanism=mechanism, question=question):
            return "AUTH", printable(f"{mechanism} {question.user}")
        case ContentProposed():
            return "DATA", ""
        case MessageProposed():
            return "message", ""
        case _:
            return type(proposal).__name__.removesuffix("Proposed"), ""


def _reply(reply: Reply, *, inputs: bool = True) -> Facts:
    cause = reply.cause
    facts: Facts = {"reply": str(reply), "cause": cause.kind.id}
    if cause.rule is not None:
        facts["rule"] = str(cause.rule)
    if inputs and cause.inputs:
        facts["inputs"] = dict(cause.inputs)
    return facts


def _found(found: NextHopGroup | NoNextHop) -> Any:
    match found:
        case NoNextHop(reply):
            return _reply(reply)
        case NextHopGroup():
            return [
                {
                    "host": host.name,
                    "preference": host.preference,
                    "addresses": [str(endpoint) for endpoint in host.endpoints],
                }
                for host in found.hosts
            ]
        case _:
            assert_never(found)


def _tried(tried: HostTried) -> Facts:
    facts: Facts = {"host": tried.hop.name, "address": str(tried.hop.endpoint), "how": tried.how.value}
    if tried.encryption is not None:
        facts["tls"] = str(tried.encryption)
    if tried.trouble is not None:
        facts |= {"stage": tried.trouble.stage.value, **_reply(tried.trouble.reply)}
    return facts


def _outcome(queued: QueuedRecipient, outcome: Outcome, change: RecipientChange | None) -> Facts:
    facts: Facts = {
        "recipient": str(queued.recipient.forward_path),
        "action": outcome.action.value,
        "stage": outcome.stage.value,
        **_reply(outcome.reply),
    }
    if outcome.remote_mta is not None:
        facts["remote_mta"] = outcome.remote_mta
    if change is not None and change.state is RecipientState.WAITING:
        facts["next_try"] = change.due
    return facts
