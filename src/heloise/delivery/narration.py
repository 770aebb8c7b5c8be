"""What a verbose session hears of an attempt, in the words of sendmail's VERB. Never credentials, never message text.

Lines are without code; each is complete, so a peer's `250-` line is one of its own.
"""

from collections.abc import Iterable

from heloise.delivery.attempt import Narrate
from heloise.mail.outcome import Action, Outcome
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply, printable
from heloise.mail.status import Severity
from heloise.queue.model import QueuedRecipient
from heloise.smtp.transcript import Transcript


class NarratingRecorder:
    """A `Recorder` that tells what is said, until `stop`. Secrets are struck out as in any transcript.

    What a `peer` that is verbose itself tells of its own next hops is marked with its name, so that the conversations
    can be told apart: `mx.full.test.: >>> MAIL FROM:<…>`.
    """

    def __init__(self, narrate: Narrate, *, peer: str) -> None:
        self._narrate = narrate
        self._peer = peer
        self._transcript = Transcript()  # knows what is secret; keeps nothing here
        self._stopped = False

    def command(self, line: bytes) -> None:
        """`>>> MAIL FROM:<…>`."""
        self._transcript.command(line)
        self._tell(">>> ")

    def reply(self, reply: Reply) -> None:
        """Each line as it came."""
        if reply.severity is Severity.PROGRESS:
            if not self._stopped:
                self._narrate(printable(f"{self._peer}: {reply.text}"))
            return
        self._transcript.reply(reply)
        self._tell("")

    def content(self, size: int) -> None:
        """`>>> .`: what was before the dot is nobody's business."""
        if not self._stopped:
            self._narrate(">>> .")

    def note(self, text: str) -> None:
        """Remarks are for transcripts; the outcome tells enough."""

    def stop(self) -> None:
        """Say no more: the attempt is over, the farewell interests nobody."""
        self._stopped = True

    def _tell(self, prefix: str) -> None:
        line = self._transcript.lines.pop()
        if not self._stopped:
            for text in line.text.split("\n"):
                self._narrate(f"{prefix}{text}")


def connecting(recipients: Iterable[QueuedRecipient], where: str) -> str:
    """`<x@full.test>... Connecting to full.test. via esmtp...`."""
    return f"{_names(recipients)}... Connecting to {where}..."


def ended(path: ForwardPath, outcome: Outcome) -> str:
    """The last line about a recipient: Sent, Deferred, or the words that refused it."""
    match outcome.action:
        case Action.RELAYED | Action.EXPANDED:
            return printable(f"{path}... Sent ({outcome.reply.text})")
        case Action.DELIVERED:
            return printable(f"{path}... Sent")
        case Action.DELAYED:
            return printable(f"{path}... Deferred: {outcome.reply.text}")
        case Action.FAILED:
            return printable(f"{path}... Failed: {outcome.reply}")


def _names(recipients: Iterable[QueuedRecipient]) -> str:
    return printable(",".join(str(queued.recipient.forward_path) for queued in recipients), 300)
