"""A driver of the client engine that sends a few messages to whatever answers, and checks the engine at every step."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameters, Recipient
from heloise.mail.path import ReversePath
from heloise.mail.reply import Reply
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import (
    ClientEvent,
    ContentWanted,
    ConversationEnded,
    ConversationReady,
    ConversationRefused,
    Progress,
    TransactionDone,
)
from heloise.smtp.client_states import ClientState, ContentDemand
from heloise.smtp.command import parse_command
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.smtp.transaction import ClientOptions
from heloise.smtp.transcript import Transcript

REGISTRY = discover()
Letter: TypeAlias = tuple[Envelope, bytes]


def _envelope(sender: str, recipients: str, parameters: str = "") -> Envelope:
    return Envelope(
        reverse_path=ReversePath.parse(sender.encode()),
        parameters=Parameters.parse(parameters.encode()),
        recipients=tuple(Recipient.parse(each.encode()) for each in recipients.split("\n")),
    )


MESSAGES: tuple[Letter, ...] = (
    (_envelope("<a@client.test>", "<u@x.test>"), b"Subject: one\r\n\r\n.dots\r\n..\r\n"),
    (_envelope("<a@client.test>", "<u@x.test>\n<v@x.test>\n<w@x.test>"), b"no end of line"),
    (_envelope("<>", "<Postmaster>\n<v@x.test> NOTIFY=NEVER"), b""),
    (_envelope("<a@client.test>", "<u@x.test> NOTIFY=SUCCESS ORCPT=rfc822;u", "RET=HDRS ENVID=q"), b"\xff eight\r\n"),
    (_envelope("<ä@client.test>", "<ö@x.test>\n<v@x.test>", "SMTPUTF8"), b"utf8\r\n"),
    (_envelope("<a@client.test>", "<u@x.test>\n<ö@x.test>"), b"one\r\n" * 30),
    (_envelope("<a@client.test>", "<u@x.test>"), b"bare\nlf\x00"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Asking:
    """How the client speaks and what it sends: `messages`, cut into pieces of `width`."""

    lmtp: bool = False
    start_with_helo: bool = False
    verbose: bool = False
    only_transaction: bool = False
    chunking: bool = False
    messages: tuple[Letter, ...] = ()
    width: int = 7
    times_out: bool = False

    @property
    def options(self) -> ClientOptions:
        """For the engine."""
        return ClientOptions(
            hello_name="client.test",
            lmtp=self.lmtp,
            start_with_helo=self.start_with_helo,
            verbose=self.verbose,
            only_transaction=self.only_transaction,
            chunking=self.chunking,
        )


class Auditor(Transcript):
    """Sees that all commands are such as a server can read."""

    def command(self, line: bytes) -> None:
        super().command(line)
        if line.strip() != b".":
            assert line.endswith(b"\r\n") or line == b"QUIT"
            assert not isinstance(parse_command(line.removesuffix(b"\r\n")), Reply), f"no command: {line!r}"


@dataclass(slots=True)
class Asked:
    """What came of it."""

    auditor: Auditor = field(default_factory=lambda: Auditor(limit=1 << 20), compare=False)
    events: list[ClientEvent] = field(default_factory=list)
    sent: bytes = b""


def ask(parts: Iterable[bytes], asking: Asking) -> Asked:
    """Give the client these octets as the server's, and then the end of the connection (or of its patience)."""
    driver = ClientDriver(asking)
    octets = 0
    for part in parts:
        octets += len(part)
        driver.hear(part)
    driver.end()
    # A reply has four octets at least, and makes two events at most.
    assert len(driver.asked.events) <= octets + 2 * len(asking.messages) + 4
    return driver.asked


class ClientDriver:
    """Drives one session until it has no more to send, and then says QUIT."""

    def __init__(self, asking: Asking) -> None:
        self.asked = Asked()
        self.session = ClientSession(asking.options, REGISTRY, recorder=self.asked.auditor)
        self._asking = asking
        self._messages = list(asking.messages)
        self._content: list[bytes] = []
        self._open: Envelope | None = None  # of the transaction that is not done
        self._wanted = False
        self._told = False  # that the conversation is ready or refused
        self._drain()

    def hear(self, octets: bytes) -> None:
        """The server says this."""
        self.session.receive_data(octets)
        self._drain()
        assert self.session.patience > 0

    def end(self) -> None:
        """The server has gone, or is silent for too long."""
        if self._asking.times_out:
            self.session.timed_out()
        else:
            self.session.receive_data(b"")
        self._drain()
        assert self.session.state is ClientState.CLOSED
        assert self._open is None, "a transaction without answers"
        assert self._told, "neither ready nor refused"

    def _drain(self) -> None:
        session = self.session
        while True:
            while (event := session.next_event()) is not None:
                self.asked.events.append(event)
                self._take(event)
            if not self._give_content():
                break
        self.asked.sent += session.data_to_send()

    def _take(self, event: ClientEvent) -> None:
        match event:
            case ConversationReady():
                assert not self._told
                self._told = True
                self._begin()
            case ConversationRefused():
                assert not self._told
                self._told = True
                self.session.quit()
            case ContentWanted():
                assert self._open is not None
                self._wanted = True
            case TransactionDone(answers):
                assert self._open is not None
                assert tuple(answer.recipient for answer in answers) == self._open.recipients
                self._open, self._wanted = None, False
                self._begin()
            case Progress(reply):
                assert reply.code < 100
            case ConversationEnded():
                assert self._open is None

    def _begin(self) -> None:
        if self._messages and self.session.usable:
            envelope, content = self._messages.pop(0)
            width = self._asking.width
            self._content = [content[start : start + width] for start in range(0, len(content), width)]
            self._open = envelope
            facts = content_facts(content) if content else ContentFacts(size=0)
            self.session.begin(envelope, facts)
        else:
            self.session.quit()

    def _give_content(self) -> bool:
        """Give one piece, or the end; False when none is wanted now."""
        if not self._wanted or self.session.content_demand is not ContentDemand.NOW:
            return False
        if self._content:
            self.session.send_content(self._content.pop(0))
        else:
            self.session.finish_content()
        return True
