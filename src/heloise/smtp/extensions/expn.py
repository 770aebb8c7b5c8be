"""EXPN: who is behind an alias or a list? RFC 5321 §3.5, §4.1.1.7.

Promises: one line for each final member; never disturbs the transaction. Tells about users, so it is offered to those
the operator allows, and is 502 5.7.0 for the others.
"""

from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.events import ExpandProposed
from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.extensions.smtputf8 import asked_name
from heloise.smtp.states import ANYWHERE

KEYWORD = "EXPN"
FORM = "EXPN list"


def advertise(view: ServerView) -> str:
    """No arguments. RFC 5321 §4.1.1.1 registers the keyword."""
    return KEYWORD


def answer(view: ServerView, command: Command) -> Reply | ExpandProposed:
    """Ask the tables."""
    assert isinstance(command, Plain)
    if not command.argument:
        return replies.needs_argument(FORM)
    return ExpandProposed(*asked_name(view, command.argument))


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 5321 §4.1.1.7",
    summary="shows the members of an alias or list",
    advertise=advertise,
    verbs=(
        VerbSpec(
            verb=KEYWORD,
            kind=VerbKind.LINE,
            transitions={state: state for state in ANYWHERE},
            form=FORM,
            summary="who is behind this alias or list?",
            answer=answer,
        ),
    ),
)
