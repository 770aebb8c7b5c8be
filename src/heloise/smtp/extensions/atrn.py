"""ATRN: the mail of these domains is wanted on this connection. RFC 2645 (On-Demand Mail Relay).

Promises: after 250 the roles are reversed. The client that asked greets with 220 and is the server, we say EHLO and
deliver. Nothing that was sent before the 250 counts after it, in either direction: whoever sends something behind ATRN
without waiting gets 503. Whose domains are whose is the driver's word.
"""

from heloise.mail.address import AddressError, check_domain
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.events import TurnProposed
from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.states import ServerState

KEYWORD = "ATRN"
FORM = "ATRN [domain,domain...]"


def advertise(view: ServerView) -> str:
    """No arguments. RFC 2645 §5.1.1."""
    return KEYWORD


def answer(view: ServerView, command: Command) -> Reply | TurnProposed:
    """501 for what is no list of domains. RFC 2645 §5.2.1."""
    assert isinstance(command, Plain)
    if not command.argument:
        return TurnProposed(())
    try:
        named = [check_domain(domain).lower() for domain in command.argument.split(",")]
    except AddressError:
        return replies.syntax(FORM)
    return TurnProposed(tuple(dict.fromkeys(named)))


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 2645",
    summary="hands waiting mail over on the connection of its site",
    advertise=advertise,
    verbs=(
        VerbSpec(
            verb=KEYWORD,
            kind=VerbKind.UPGRADE,
            transitions={ServerState.READY: ServerState.TURNED},
            form=FORM,
            summary="reverse roles and deliver what waits for these domains",
            answer=answer,
        ),
    ),
)
