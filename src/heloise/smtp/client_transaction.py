"""One transaction as the client sees it: who was accepted, who is decided, by which words. RFC 5321 §3.3, §4.5.3.1.10.

Bookkeeping only: it is told of replies and knows what they mean for recipients. What is sent when is client.py's.
"""

from heloise.mail.envelope import Envelope
from heloise.mail.outcome import Stage
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.smtp import client_replies
from heloise.smtp.transaction import RecipientAnswer

_TOO_MANY = (452, 552)
_NOT_THE_MAILBOX = (3, 5)  # subjects of RFC 3463 §3 under which servers say "too many recipients"


class OpenTransaction:
    """The recipients of one envelope and their fates."""

    def __init__(self, envelope: Envelope, *, dsn_offered: bool) -> None:
        self.accepted: list[int] = []
        self._recipients = envelope.recipients
        self._dsn_offered = dsn_offered
        self._answers: list[RecipientAnswer | None] = [None] * len(envelope.recipients)

    def decide(
        self,
        index: int,
        stage: Stage,
        reply: Reply,
        *,
        said_by_peer: bool = True,
        ambiguous: bool = False,
        retry_at_once: bool = False,
    ) -> None:
        """Recipient `index` is decided, unless it was before: the first word counts, later ones are echoes."""
        if self._answers[index] is None:
            self._answers[index] = RecipientAnswer(
                recipient=self._recipients[index],
                stage=stage,
                reply=reply,
                said_by_peer=said_by_peer,
                ambiguous=ambiguous,
                dsn_offered=self._dsn_offered,
                retry_at_once=retry_at_once,
            )

    def decide_rest(self, stage: Stage, reply: Reply, *, said_by_peer: bool = True, ambiguous: bool = False) -> None:
        """All recipients that are not decided yet get this answer."""
        for index in range(len(self._answers)):
            self.decide(index, stage, reply, said_by_peer=said_by_peer, ambiguous=ambiguous)

    def recipient_answered(self, index: int, reply: Reply) -> None:
        """The reply to RCPT, a 2yz, 4yz or 5yz; 251 accepts as 250 does."""
        if self._answers[index] is not None:
            return  # MAIL was refused: this is only its echo
        if reply.severity is Severity.COMPLETED:
            self.accepted.append(index)
        elif self._means_too_many(reply):
            # RFC 5321 §4.5.3.1.10: a 552 here is an old server's 452.
            said = reply if reply.code == 452 else client_replies.too_many_recipients(reply)
            self.decide(index, Stage.RCPT, said, retry_at_once=True)
        else:
            self.decide(index, Stage.RCPT, reply)

    def _means_too_many(self, reply: Reply) -> bool:
        return (
            bool(self.accepted)
            and reply.code in _TOO_MANY
            and (reply.status is None or reply.status.subject in _NOT_THE_MAILBOX)
        )

    @property
    def is_undecided(self) -> bool:
        """Is there a recipient without an answer?"""
        return None in self._answers

    def answers(self) -> tuple[RecipientAnswer, ...]:
        """All answers, in the order of the envelope. Raises ValueError while one is missing."""
        answers = tuple(answer for answer in self._answers if answer is not None)
        if len(answers) != len(self._answers):
            raise ValueError("a recipient is not decided yet")
        return answers
