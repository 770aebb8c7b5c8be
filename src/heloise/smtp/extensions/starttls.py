"""STARTTLS: the session goes on under TLS. RFC 3207.

Promises: after 220 and the handshake everything is as after the greeting, and nothing that was said before counts
(§4.2). Nothing may come between the command and the handshake: it could be an attacker's, and be taken for the
client's (§6, CVE-2011-0411), so the session ends there. Offered where there is a certificate, once in a session.
"""

from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.events import TlsProposed
from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.states import ServerState

KEYWORD = "STARTTLS"


def advertise(view: ServerView) -> str | None:
    """No arguments; not offered under TLS. RFC 3207 §4.2."""
    return None if view.is_secured else KEYWORD


def answer(view: ServerView, command: Command) -> Reply | TlsProposed:
    """503 under TLS, 501 for an argument. RFC 3207 §4."""
    assert isinstance(command, Plain)
    if view.is_secured:
        return replies.TLS_ALREADY
    return replies.NO_ARGUMENT_ALLOWED if command.argument else TlsProposed()


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 3207",
    summary="goes on under TLS",
    advertise=advertise,
    verbs=(
        VerbSpec(
            verb=KEYWORD,
            kind=VerbKind.UPGRADE,
            transitions={ServerState.READY: ServerState.SECURING},
            form=KEYWORD,
            summary="go on under TLS, from EHLO",
            answer=answer,
        ),
    ),
)
