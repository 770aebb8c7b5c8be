"""ONEX: one transaction only. sendmail up to 8.11; no RFC.

Promises: after the first completed end of data, whatever its reply, MAIL is 503 and the idle limit is a few seconds;
the server never closes right behind the final reply. A transaction that ends otherwise does not use the promise up.
As client: said to a next hop that offers it when exactly one message is to be sent.
"""

from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.states import ANYWHERE

KEYWORD = "ONEX"


def advertise(view: ServerView) -> str:
    """No arguments."""
    return KEYWORD


def answer(view: ServerView, command: Command) -> Reply:
    """A promise can be given twice, but not taken back."""
    assert isinstance(command, Plain)
    if command.argument:
        return replies.NO_ARGUMENT_ALLOWED
    view.one_transaction = True
    return replies.ONE_TRANSACTION


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="sendmail ONEX",
    summary="the client will have one transaction only",
    advertise=advertise,
    verbs=(
        VerbSpec(
            verb=KEYWORD,
            kind=VerbKind.LINE,
            transitions={state: state for state in ANYWHERE},
            form="ONEX",
            summary="I will send one message only",
            ends_group=False,
            answer=answer,
        ),
    ),
)
