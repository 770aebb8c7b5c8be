"""The one exception for a refusal, raised only at the edge of the library: inside, refusals are values."""

from heloise.mail.outcome import Stage
from heloise.mail.reply import Reply
from heloise.smtp.transaction import RecipientAnswer


class SmtpRefusal(Exception):
    """The message was not taken for anybody.

    Attributes:
        reply: the words that decided; its cause tells more.
        stage: how far the conversation had come.
        answers: what was decided for each recipient; empty when it did not come to a transaction.
    """

    def __init__(self, reply: Reply, stage: Stage, answers: tuple[RecipientAnswer, ...] = ()) -> None:
        super().__init__(f"{stage.value}: {reply}")
        self.reply = reply
        self.stage = stage
        self.answers = answers
