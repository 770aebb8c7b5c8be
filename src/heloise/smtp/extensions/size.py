"""SIZE: how large a message may be, told before it is sent. RFC 1870.

Promises: the limit in EHLO is the one that is enforced; a message declared larger is refused at MAIL, one that turns
out larger at its end, and the session stays in step. A declared size is an estimate (§6.1): a wrong but smaller one is
taken.
"""

import re

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Mail
from heloise.smtp.extension import Extension, ServerView

KEYWORD = "SIZE"
_VALUE = re.compile(r"\d{1,20}", re.ASCII)  # RFC 1870 §4: size-value ::= 1*20DIGIT


def advertise(view: ServerView) -> str:
    """`SIZE n`; 0 means that no limit is known. RFC 1870 §4."""
    return f"{KEYWORD} {view.limits.message_size}"


def check_use(view: ServerView, command: Mail) -> Reply | None:
    """501 for no number, 552 for a declared size over the limit. RFC 1870 §6.1."""
    parameter = command.parameters.get(KEYWORD)
    if parameter is None:
        return None
    if parameter.value is None or _VALUE.fullmatch(parameter.value) is None:
        return replies.bad_parameter("SIZE is a number of octets, at most 20 digits")
    limit = view.limits.message_size
    if limit and int(parameter.value) > limit:
        return replies.size_over_limit(int(parameter.value), limit, view.rules.get("message_size"))
    return None


def mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """The octets as they will be sent. RFC 1870 §5."""
    return (Parameter(KEYWORD, str(facts.size)),)


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 1870",
    summary="tells how large a message may be, and declares the size of one",
    advertise=advertise,
    mail_keywords=frozenset({KEYWORD}),
    check_use=check_use,
    mail_arguments=mail_arguments,
)
