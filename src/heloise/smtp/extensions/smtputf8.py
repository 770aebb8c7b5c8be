"""SMTPUTF8: addresses and header fields outside ASCII. RFC 6531.

Promises: with SMTPUTF8 on MAIL, UTF-8 in addresses is taken and kept. A next hop without it gets the message only when
nothing in the envelope needs it.
"""

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Mail
from heloise.smtp.extension import Downgrade, Extension, ServerView

KEYWORD = "SMTPUTF8"


def advertise(view: ServerView) -> str:
    """No arguments. RFC 6531 §3.1."""
    return KEYWORD


def check_use(view: ServerView, command: Mail) -> Reply | None:
    """The parameter has no value. That paths outside ASCII need it (RFC 6531 §3.4) the engine knows by itself."""
    if command.parameters.value(KEYWORD) is not None:
        return replies.bad_parameter("SMTPUTF8 takes no value")
    return None


def asked_name(view: ServerView, argument: str) -> tuple[str, bool]:
    """The name that VRFY or EXPN asks for, and whether SMTPUTF8 stands after it. RFC 6531 §3.7.4.2."""
    name, blank, word = argument.rpartition(" ")
    if blank and word.upper() == KEYWORD and KEYWORD in view.permitted:
        return name.rstrip(), True
    return argument, False


def is_needed(envelope: Envelope) -> bool:
    """Does an address of the envelope need it?"""
    return not (envelope.reverse_path.is_ascii and all(each.forward_path.is_ascii for each in envelope.recipients))


def mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """Passed on as it came: the header may need it too. RFC 6531 §3.2."""
    return (Parameter(KEYWORD),) if KEYWORD in envelope.parameters or is_needed(envelope) else ()


def downgrade(envelope: Envelope, facts: ContentFacts) -> Downgrade:
    """Addresses can not be converted. RFC 6531 §3.2."""
    return Downgrade.FAIL if is_needed(envelope) else Downgrade.PROCEED


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 6531",
    summary="takes addresses and header fields outside ASCII",
    needs=frozenset({"8BITMIME"}),  # RFC 6531 §3.1, item 8
    advertise=advertise,
    mail_keywords=frozenset({KEYWORD}),
    check_use=check_use,
    mail_arguments=mail_arguments,
    downgrade=downgrade,
)
