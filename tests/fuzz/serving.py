"""A driver of the server engine that answers by chance from a seed and checks the engine at every step."""

import random
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.events import (
    ClientProposed,
    CommandProposed,
    ConnectionProposed,
    ContentProposed,
    ContentReceived,
    CredentialsProposed,
    Event,
    ExpandProposed,
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
from heloise.smtp.limits import SessionLimits
from heloise.smtp.lines import LONGEST_RESPONSE
from heloise.smtp.registry import discover
from heloise.smtp.server import ServerSession
from tests.fuzz.ledger import Ledger

REGISTRY = discover()
SMALL = SessionLimits(
    command_line=60,
    endless_line=150,
    text_line=40,
    message_size=120,
    recipients=2,
    received_fields=2,
    errors=6,
    idle_commands=12,
    refused_recipients=3,
)
_KEYWORDS = sorted(REGISTRY.keywords)


@dataclass(frozen=True, slots=True, kw_only=True)
class Serving:
    """How the server is set up. Seed 0 permits everything and accepts everything."""

    lmtp: bool = False
    small: bool = False
    times_out: bool = False
    permitted_seed: int = 0
    without: frozenset[str] = frozenset()
    answer_seed: int = 0

    @property
    def permitted(self) -> frozenset[str]:
        """The extensions the client may use."""
        if not self.permitted_seed:
            return REGISTRY.keywords - self.without
        chance = random.Random(self.permitted_seed)
        return frozenset(keyword for keyword in _KEYWORDS if chance.random() < 0.7)


@dataclass(frozen=True, slots=True)
class Message:
    """A message that came to its end, and what was said to it (in LMTP to each recipient)."""

    proposed: MessageProposed
    content: bytes
    answers: tuple[Reply, ...]


@dataclass(slots=True)
class Served:
    """What came of it; the content of refused messages is left out, since how much of it is seen depends on cuts."""

    ledger: Ledger
    log: list[object] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    sent: bytes = b""


def serve(parts: Iterable[bytes], serving: Serving) -> Served:
    """Give the server these octets, and then the end of the connection (or of its patience)."""
    chance = random.Random(serving.answer_seed)

    def verdict(proposal: Proposal, answers: Sequence[Reply]) -> Reply:
        return answers[0] if not serving.answer_seed or chance.random() < 0.75 else chance.choice(answers[1:])

    driver = ServerDriver(serving, verdict)
    octets = 0
    for part in parts:
        octets += len(part)
        driver.hear(part)
    driver.end()
    assert driver.work <= 4 * octets + 20, f"{driver.work} events for {octets} octets"
    return driver.served


class ServerDriver:
    """Drives one session. `verdict` chooses one of the answers that a proposal may have; the usual one is first."""

    def __init__(self, serving: Serving, verdict: Callable[[Proposal, Sequence[Reply]], Reply]) -> None:
        self.served = Served(Ledger(lmtp=serving.lmtp))
        self.work = 0
        self._serving = serving
        self._verdict = verdict
        self._limits = SMALL if serving.small else SessionLimits()
        self.session = ServerSession(
            hostname="mx.test",
            registry=REGISTRY,
            limits=self._limits,
            permitted=serving.permitted,
            lmtp=serving.lmtp,
            recorder=self.served.ledger,
        )
        self._content: list[bytes] = []
        self._in_content = False
        self._last = b""  # the content of the last message that was proposed
        self._drain()

    def hear(self, octets: bytes) -> None:
        """The client says this."""
        self.session.receive_data(octets)
        self._drain()
        assert len(self.session._input) <= self._longest_line() + 2, "input is left that could have been used"

    def _longest_line(self) -> int:
        """RFC 4954 §4: AUTH and its responses may be longer than other lines."""
        waiting = self.session._input
        opening = waiting._octets[waiting._place : waiting._place + 5].upper()
        is_auth = waiting.is_exchange or opening == b"AUTH "
        return max(LONGEST_RESPONSE, self._limits.command_line) if is_auth else self._limits.command_line

    def end(self) -> None:
        """The client has gone, or is silent for too long."""
        if self._serving.times_out:
            self.session.timed_out()
        else:
            self.session.receive_data(b"")
        self._drain()
        assert self.session.next_event() is None
        assert self.served.sent == self.served.ledger.wire, "what was sent is not what was recorded"
        if self.session.is_turned:
            return
        assert self.session.is_closed
        assert isinstance(self.served.log[-1], SessionEnded)

    def _drain(self) -> None:
        while (event := self.session.next_event()) is not None:
            self.work += 1
            self._take(event)
        self.served.sent += self.session.data_to_send()

    def _take(self, event: Event) -> None:
        match event:
            case ContentReceived(octets):
                assert self._in_content, "content outside of a message"
                assert octets
                self._content.append(octets)
                return
            case TransactionReset() | SessionEnded():
                self._end_content()
            case MessageProposed():
                self._check_message(event)
            case _:
                pass
        self.served.log.append(event)
        if not isinstance(event, TransactionReset | SessionEnded):
            self._resolve(event)

    def _end_content(self) -> bytes:
        content = b"".join(self._content)
        self._content.clear()
        self._in_content = False
        return content

    def _check_message(self, event: MessageProposed) -> None:
        assert self._in_content
        content = self._end_content()
        assert event.envelope.recipients
        assert event.facts.size == len(content)
        assert event.facts.eight_bit == (not content.isascii())
        bare = content.replace(b"\r\n", b"")
        assert event.facts.binary == (b"\r" in bare or b"\n" in bare)
        self.served.log.append(content)
        self._last = content

    def _resolve(self, proposal: Proposal) -> None:
        self.session.progress("working on it")
        count = 1
        if isinstance(proposal, MessageProposed) and self._serving.lmtp:
            count = len(proposal.envelope.recipients)
        answers = tuple(self._verdict(proposal, possible_answers(proposal)) for _ in range(count))
        self.session.resolve(proposal, *answers)
        if isinstance(proposal, MessageProposed):
            self.served.messages.append(Message(proposal, self._last, answers))
        if isinstance(proposal, ContentProposed):
            self._in_content = answers[0] is replies.GO_AHEAD


def possible_answers(proposal: Proposal) -> tuple[Reply, ...]:
    """The usual answer and some that may stand in its place; any may be the last."""
    return *_usual_and_others(proposal), replies.SESSION_FAULT_CLOSING


def _usual_and_others(proposal: Proposal) -> tuple[Reply, ...]:
    match proposal:
        case ConnectionProposed():
            refused = replies.session_refused("mx.test")
            return replies.greeting("mx.test", "ESMTP"), refused, replies.TOO_MANY_CONNECTIONS
        case HelloProposed(reply=reply):
            return reply, replies.COMMAND_SYNTAX, replies.SESSION_FAULT
        case MailProposed():
            return replies.SENDER_OK, replies.SESSION_FAULT, replies.STORAGE_FULL
        case RecipientProposed(command=command):
            path = command.forward_path
            return (
                replies.RECIPIENT_OK,
                replies.will_forward(path),
                replies.recipient_unknown(path),
                replies.mailbox_locked(path),
                replies.please_try(path),
            )
        case ContentProposed():
            return replies.GO_AHEAD, replies.STORAGE_FULL, replies.CONTENT_LINE_ENDING
        case MessageProposed():
            return replies.message_taken("1"), replies.STORAGE_FAULT, replies.LOOP
        case VerifyProposed(text=text) | ExpandProposed(text=text):
            return replies.cannot_verify(), replies.name_unknown(text), replies.expanded([text, text])
        case QueueRunProposed(node=node):
            return replies.nothing_waiting(node), replies.queue_run_refused(node), replies.queue_run_started(node, 3)
        case TurnProposed(domains=domains):
            return replies.turned_around(domains), replies.no_mail_on_demand(domains), replies.who_are_you("x")
        case ClientProposed():
            return replies.greeting("mx.test", "ESMTP"), replies.TOO_MANY_CONNECTIONS, replies.SESSION_FAULT
        case TlsProposed():
            return replies.TLS_UNAVAILABLE, replies.TLS_UNAVAILABLE
        case CredentialsProposed():
            return replies.AUTH_ACCEPTED, replies.AUTH_REFUSED, replies.AUTH_TROUBLE
        case CommandProposed(reply=reply):
            return reply, replies.SESSION_FAULT
        case StatusProposed():
            return replies.status(["up", "1 session"]), replies.SESSION_FAULT
