"""From what happens to the log: the journal of sessions and deliveries. Never content, never secrets."""

from collections.abc import Callable
from typing import TypeAlias

from heloise.mail.content import ContentFacts
from heloise.mail.outcome import Outcome
from heloise.mail.reply import Reply
from heloise.mail.sink import Submission
from heloise.queue.model import QueuedMessage, QueuedRecipient
from heloise.smtp.events import MailProposed, Proposal, RecipientProposed

Emit: TypeAlias = Callable[[str, str, dict[str, object]], None]
"""(level, event, fields) → the log. Levels: debug, info, warning, error."""


class Journal:
    """See `heloise.reception.reception.Journal`; the deliverer tells its part here as well."""

    def __init__(self, emit: Emit) -> None:
        self._emit = emit

    def opened(self, session: str, peer: str) -> None:
        """A client has connected."""
        self._emit("debug", "session.opened", {"session": session, "peer": peer})

    def accepted(self, session: str, submission: Submission, facts: ContentFacts) -> None:
        """Responsibility was taken."""
        fields: dict[str, object] = {
            "session": session,
            "message": submission.message_id,
            "peer": submission.origin.peer_address,
            "hello": submission.origin.hello_name,
            "sender": str(submission.envelope.reverse_path),
            "recipients": [str(recipient.forward_path) for recipient in submission.envelope.recipients],
            "size": facts.size,
        }
        self._emit("info", "message.accepted", fields)

    def refused(self, session: str, proposal: Proposal, reply: Reply) -> None:
        """A proposal was refused."""
        fields: dict[str, object] = {"session": session, "reply": str(reply), **_cause(reply)}
        if isinstance(proposal, RecipientProposed):
            fields["recipient"] = str(proposal.command.forward_path)
        elif isinstance(proposal, MailProposed):
            fields["sender"] = str(proposal.command.reverse_path)
        self._emit("info", "command.refused", fields)

    def ended(self, session: str, *, lost: bool) -> None:
        """A session is over."""
        self._emit("debug", "session.ended", {"session": session, "lost": lost})

    def fault(self, session: str, error: Exception) -> None:
        """A trouble of our own."""
        self._emit("error", "session.fault", {"session": session, "error": f"{type(error).__name__}: {error}"})

    def attempted(self, message: QueuedMessage, recipient: QueuedRecipient, outcome: Outcome) -> None:
        """One attempt for one recipient."""
        level = "info" if outcome.is_final else "warning"
        fields: dict[str, object] = {
            "message": message.message_id,
            "session": message.origin.session,
            "recipient": str(recipient.recipient.forward_path),
            "route": str(recipient.route),
            "action": outcome.action.value,
            "stage": outcome.stage.value,
            "reply": str(outcome.reply),
            **_cause(outcome.reply),
        }
        if outcome.remote_mta is not None:
            fields["remote_mta"] = outcome.remote_mta
        self._emit(level, "delivery.attempted", fields)

    def delivery_fault(self, message_id: str, error: Exception) -> None:
        """An attempt ended by a bug or an unexpected trouble; the recipients are tried again."""
        self._emit("error", "delivery.fault", {"message": message_id, "error": f"{type(error).__name__}: {error}"})

    def server(self, event: str, **fields: object) -> None:
        """Starting, listening, stopping."""
        self._emit("info", f"server.{event}", fields)


def _cause(reply: Reply) -> dict[str, object]:
    cause = reply.cause
    fields: dict[str, object] = {"cause": cause.id}
    if cause.rule is not None:
        fields["rule"] = str(cause.rule)
    if cause.inputs:
        fields["inputs"] = dict(cause.inputs)
    return fields
