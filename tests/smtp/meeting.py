"""The server engine and the client engine talk to each other in memory, their octets cut anywhere. RFC 5321 §3.

Both drivers audit their engine at every step (see tests.fuzz). What is said to proposals comes from a row of numbers:
0 takes the usual answer, others choose among the refusals that may stand there.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import cycle, takewhile

from heloise.mail.envelope import Recipient
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.client_events import TransactionDone
from heloise.smtp.client_states import ClientState
from heloise.smtp.command import Verb
from heloise.smtp.events import HelloProposed, Proposal
from heloise.smtp.transaction import RecipientAnswer
from heloise.smtp.transcript import Direction, Transcript, TranscriptLine
from tests.fuzz.asking import Asked, Asking, ClientDriver, Letter
from tests.fuzz.serving import Message, Served, ServerDriver, Serving

WHOLE = (1 << 20,)


@dataclass(frozen=True, slots=True)
class Met:
    """What came of it on both sides."""

    served: Served
    asked: Asked

    @property
    def outcome(self) -> tuple[object, ...]:
        """All that must not depend on cuts."""
        served, asked = self.served, self.asked
        return served.log, served.sent, served.ledger.lines, asked.events, asked.sent, asked.auditor.lines


def meet(
    serving: Serving,
    asking: Asking,
    *,
    verdicts: Sequence[int] = (0,),
    helo_only: bool = False,
    to_server: Sequence[int] = WHOLE,
    to_client: Sequence[int] = WHOLE,
) -> Met:
    """Let them talk until both are done. `to_server` and `to_client` are the widths of pieces, over and over."""
    numbers = cycle(verdicts)

    def verdict(proposal: Proposal, answers: Sequence[Reply]) -> Reply:
        if helo_only and isinstance(proposal, HelloProposed) and proposal.command.verb is Verb.EHLO:
            return replies.COMMAND_UNKNOWN
        return answers[next(numbers) % len(answers)]

    server, client = ServerDriver(serving, verdict), ClientDriver(asking)
    server_heard = client_heard = 0
    server_widths, client_widths = cycle(to_server), cycle(to_client)
    while True:
        piece = _piece(client.asked.sent, server_heard, server_widths)
        said = _piece(server.served.sent, client_heard, client_widths)
        if not piece and not said:
            break
        if piece:
            server_heard += len(piece)
            server.hear(piece)
        if said:
            client_heard += len(said)
            client.hear(said)
    if client.session.state is not ClientState.CLOSED:
        client.end()
    if not server.session.is_closed:
        server.end()
    return Met(server.served, client.asked)


def _piece(octets: bytes, place: int, widths: Iterator[int]) -> bytes:
    return octets[place : place + next(widths)] if place < len(octets) else b""


def said(transcript: Transcript, *directions: Direction) -> list[str]:
    """The lines of these sides, in order."""
    return [line.text for line in spoken(transcript) if line.direction in directions]


def spoken(transcript: Transcript) -> list[TranscriptLine]:
    """The lines without remarks."""
    return [line for line in transcript if line.direction is not Direction.NOTE]


def answers_of(met: Met) -> list[tuple[RecipientAnswer, ...]]:
    """What the client was told, for each message it sent."""
    return [event.answers for event in met.asked.events if isinstance(event, TransactionDone)]


def is_text(content: bytes) -> bool:
    """Has it no bare CR and no bare LF?"""
    bare = content.replace(b"\r\n", b"")
    return b"\r" not in bare and b"\n" not in bare


def arrived(content: bytes) -> bytes:
    """What has to arrive: text gets the CRLF that it lacks, binary content stays as it is."""
    return content if not content or not is_text(content) or content.endswith(b"\r\n") else content + b"\r\n"


def taken(message: Message) -> list[Recipient]:
    """Whose mail the server took, and could say so: nothing is said after a 421."""
    recipients = message.proposed.envelope.recipients
    answers = message.answers if len(message.answers) > 1 else message.answers * len(recipients)
    said = takewhile(lambda answer: answer.code != 421, answers)
    return [recipient for recipient, answer in zip(recipients, said, strict=False) if answer.code // 100 == 2]


def check_that_both_mean_the_same(met: Met, letters: tuple[Letter, ...]) -> None:
    """Each recipient that the client takes for delivered is one the server took, with this content; and no other."""
    delivered: list[tuple[ReversePath, ForwardPath, bytes]] = []
    for (envelope, content), answers in zip(letters, answers_of(met), strict=False):
        assert tuple(answer.recipient for answer in answers) == envelope.recipients
        delivered += [
            (envelope.reverse_path, answer.recipient.forward_path, arrived(content))
            for answer in answers
            if answer.is_taken
        ]
    assert delivered == [
        (message.proposed.envelope.reverse_path, recipient.forward_path, message.content)
        for message in met.served.messages
        for recipient in taken(message)
    ]
