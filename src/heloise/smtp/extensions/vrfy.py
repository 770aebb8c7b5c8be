"""VRFY: is there such a mailbox? RFC 5321 §3.5, §4.1.1.6.

Promises: never disturbs the transaction. A client that is not permitted to ask gets 252 for everything, which tells
nothing (§3.5.3, §7.3). Not an EHLO keyword: every server has the verb.
"""

from heloise.mail import causes
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.events import VerifyProposed
from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.extensions.smtputf8 import asked_name
from heloise.smtp.states import ANYWHERE

FORM = "VRFY mailbox"
CANNOT_TELL = replies.reply(252, "2.0.0", "Send some mail, we will see", causes.VRFY_CANNOT_TELL)


def answer(view: ServerView, command: Command) -> Reply | VerifyProposed:
    """252 without asking for a client that may not know."""
    assert isinstance(command, Plain)
    if not command.argument:
        return replies.needs_argument(FORM)
    if "VRFY" in view.permitted:
        return VerifyProposed(*asked_name(view, command.argument))
    return CANNOT_TELL.with_cause(causes.VRFY_CANNOT_TELL.because(view.rules.get("VRFY")))


EXTENSION = Extension(
    keyword="VRFY",
    rfc="RFC 5321 §4.1.1.6",
    summary="says whether a mailbox is there",
    verbs=(
        VerbSpec(
            verb="VRFY",
            kind=VerbKind.LINE,
            transitions={state: state for state in ANYWHERE},
            form=FORM,
            summary="is there such a mailbox?",
            answer=answer,
        ),
    ),
)
