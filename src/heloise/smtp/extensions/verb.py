"""VERB: the session tells what it does, in 050 lines. sendmail; no RFC.

Promises: from here to QUIT, `VERB OFF` or STARTTLS, RCPT, EXPN and the final dot are accompanied by `050 text` lines,
each complete in itself; the final dot is answered after a first attempt to deliver. RSET and EHLO do not end it. It
shows the inside of the network, so it is offered to those the operator allows.
"""

from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.states import ANYWHERE

KEYWORD = "VERB"


def advertise(view: ServerView) -> str:
    """No arguments."""
    return KEYWORD


def answer(view: ServerView, command: Command) -> Reply:
    """Arguments but OFF are ignored, as sendmail does."""
    assert isinstance(command, Plain)
    view.verbose = command.argument.upper() != "OFF"
    return replies.VERBOSE if view.verbose else replies.NOT_VERBOSE


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="sendmail VERB",
    summary="shows the delivery while it happens",
    needs=frozenset({"EXPN"}),  # it tells the same
    advertise=advertise,
    verbs=(
        VerbSpec(
            verb=KEYWORD,
            kind=VerbKind.LINE,
            transitions={state: state for state in ANYWHERE},
            form="VERB [OFF]",
            summary="tell in 050 lines what happens",
            ends_group=False,
            answer=answer,
        ),
    ),
)
