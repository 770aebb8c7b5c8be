"""What tests of the client engine share: a session past hello, an envelope, words of a peer."""

from dataclasses import dataclass, field

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameters, Recipient
from heloise.mail.path import ForwardPath, ReversePath
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import ClientEvent, ConversationReady, ConversationRefused, TransactionDone
from heloise.smtp.registry import discover
from heloise.smtp.transaction import ClientOptions, RecipientAnswer

REGISTRY = discover()


def envelope(*recipients: str, sender: str = "<a@client.test>", parameters: str = "") -> Envelope:
    return Envelope(
        reverse_path=ReversePath.parse(sender.encode()),
        parameters=Parameters.parse(parameters.encode()),
        recipients=tuple(Recipient(ForwardPath.parse(recipient.encode())) for recipient in recipients),
    )


@dataclass
class Client:
    """A session with the events it gave so far."""

    session: ClientSession
    events: list[ClientEvent] = field(default_factory=list)

    def hear(self, *lines: str) -> "Client":
        """The peer says these lines."""
        self.session.receive_data("".join(f"{line}\r\n" for line in lines).encode())
        return self.drain()

    def drain(self) -> "Client":
        while (event := self.session.next_event()) is not None:
            self.events.append(event)
        return self

    def begin(self, *recipients: str, size: int = 10, eight_bit: bool = False, binary: bool = False) -> "Client":
        recipients = recipients or ("<u@x.test>",)
        self.session.begin(envelope(*recipients), ContentFacts(size=size, eight_bit=eight_bit, binary=binary))
        return self.drain()

    def said(self) -> list[str]:
        """The lines sent since the last call."""
        return self.session.data_to_send().decode().removesuffix("\r\n").split("\r\n")

    @property
    def answers(self) -> tuple[RecipientAnswer, ...]:
        done = [event for event in self.events if isinstance(event, TransactionDone)]
        return done[-1].answers

    @property
    def refused(self) -> ConversationRefused:
        (event,) = (event for event in self.events if isinstance(event, ConversationRefused))
        return event

    @property
    def is_ready(self) -> bool:
        return any(isinstance(event, ConversationReady) for event in self.events)

    def replies(self) -> list[str]:
        return [str(answer.reply) for answer in self.answers]


def client(
    *, lmtp: bool = False, start_with_helo: bool = False, verbose: bool = False, only: bool = False, bdat: bool = False
) -> Client:
    options = ClientOptions(
        hello_name="client.test",
        lmtp=lmtp,
        start_with_helo=start_with_helo,
        verbose=verbose,
        only_transaction=only,
        chunking=bdat,
    )
    return Client(ClientSession(options, REGISTRY))


def ready(*offers: str, lmtp: bool = False, verbose: bool = False, only: bool = False, bdat: bool = False) -> Client:
    """A client that has had its EHLO answered with these offers."""
    made = client(lmtp=lmtp, verbose=verbose, only=only, bdat=bdat).hear("220 x.test")
    lines = ("x.test", *offers)
    made.hear(*(f"250{' ' if line is lines[-1] else '-'}{line}" for line in lines))
    assert made.is_ready
    made.said()
    return made
