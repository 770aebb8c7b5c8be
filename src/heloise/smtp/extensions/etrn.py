"""ETRN: please deliver now what waits for a node. RFC 1985.

Promises: answers at once, delivery goes on by itself and to the node's own next hop, never to the asker. Not inside a
transaction (§5). `node`, `@domain` (all hosts under it) and `#queue` (a named queue).
"""

import re

from heloise.mail.address import AddressError, check_domain
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.events import QueueRunProposed
from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.states import ServerState

KEYWORD = "ETRN"
FORM = "ETRN node | @domain | #queue"
QUEUE = re.compile(r"[A-Za-z0-9._-]+", re.ASCII)


def advertise(view: ServerView) -> str:
    """No arguments. RFC 1985 §4."""
    return KEYWORD


def answer(view: ServerView, command: Command) -> Reply | QueueRunProposed:
    """501 for what is no node; sendmail takes anything. RFC 1985 §5."""
    assert isinstance(command, Plain)
    argument = command.argument
    if not argument:
        return replies.needs_argument(FORM)
    kind, node = (argument[0], argument[1:]) if argument[0] in "@#" else ("", argument)
    if kind == "#":
        return QueueRunProposed(kind, node.lower()) if QUEUE.fullmatch(node) else replies.syntax(FORM)
    try:
        return QueueRunProposed(kind, check_domain(node).lower())
    except AddressError:
        return replies.syntax(FORM)


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 1985",
    summary="starts the delivery of waiting mail",
    advertise=advertise,
    verbs=(
        VerbSpec(
            verb=KEYWORD,
            kind=VerbKind.LINE,
            transitions={ServerState.READY: ServerState.READY, ServerState.SPENT: ServerState.SPENT},
            form=FORM,
            summary="deliver now what waits for this node",
            answer=answer,
        ),
    ),
)
