"""SMTPUTF8: addresses and header fields outside ASCII. RFC 6531.

Promises: with SMTPUTF8 on MAIL, UTF-8 in addresses is taken and kept. A next hop without it gets the message only when
nothing in the envelope needs it.
"""

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Mail, Rcpt
from heloise.smtp.extension import Downgrade, Extension, ServerView

KEYWORD = "SMTPUTF8"


def advertise(view: ServerView) -> str:
    """No arguments. RFC 6531 §3.1."""
    return KEYWORD


def check_mail(view: ServerView, command: Mail) -> Reply | None:
    """The parameter has no value; a reverse path outside ASCII needs it. RFC 6531 §3.4."""
    parameter = command.parameters.get(KEYWORD)
    if parameter is not None and parameter.value is not None:
        return replies.bad_parameter("SMTPUTF8 takes no value")
    if parameter is None and not command.reverse_path.is_ascii:
        return replies.SENDER_NOT_ASCII
    return None


def check_rcpt(view: ServerView, command: Rcpt) -> Reply | None:
    """A forward path outside ASCII needs SMTPUTF8 on MAIL. RFC 6531 §3.4."""
    if not command.forward_path.is_ascii and (view.mail is None or KEYWORD not in view.mail.parameters):
        return replies.RECIPIENT_NOT_ASCII
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
    check_mail=check_mail,
    check_rcpt=check_rcpt,
    mail_arguments=mail_arguments,
    downgrade=downgrade,
)
