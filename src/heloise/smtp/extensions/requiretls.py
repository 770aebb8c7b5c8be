"""REQUIRETLS: a message that goes under TLS on each step of its way, or not at all. RFC 8689.

Promises: offered and taken under TLS only. Such a message goes on only to a next hop that offers REQUIRETLS as well,
under TLS, with a certificate for its name (§4.2.1); every exchanger is tried, and when none of them will do it is
returned: 5.7.10 for want of TLS, 5.7.30 for want of REQUIRETLS. The report is as secret as the message (§5). Delivery
on this machine, and by LMTP to a mailbox behind it, is the end of the way.

The opposite is a header field, `TLS-Required: No` (§3): rather in plaintext than not at all. It waives what other
policies ask of a connection, where the operator lets senders do so, but never REQUIRETLS itself.
"""

import re

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter, Parameters
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Mail
from heloise.smtp.extension import Downgrade, Extension, ServerView

KEYWORD = "REQUIRETLS"
_WAIVER = re.compile(rb"(?im)^TLS-Required[ \t]*:(.*)\r\n((?:[ \t].*\r\n)*)")
_COMMENT = re.compile(rb"\((?:[^()\\]|\\.)*\)")


def is_asked(parameters: Parameters) -> bool:
    """Has the sender said so?"""
    return KEYWORD in parameters


def is_waived(header: bytes) -> bool:
    """Does the header, ended by CRLF, say `TLS-Required: No`, once and nothing else? RFC 8689 §3."""
    values = [_COMMENT.sub(b" ", found[1] + found[2]).strip().lower() for found in _WAIVER.finditer(header)]
    return values == [b"no"]


def advertise(view: ServerView) -> str | None:
    """No arguments; under TLS only. RFC 8689 §2."""
    return KEYWORD if view.is_secured else None


def check_use(view: ServerView, command: Mail) -> Reply | None:
    """No value, and not in plaintext, where it was not offered. RFC 8689 §2, §4.1."""
    found = command.parameters.get(KEYWORD)
    if found is None:
        return None
    if not view.is_secured:
        return replies.unknown_parameter(KEYWORD)
    return replies.bad_parameter("REQUIRETLS takes no value") if found.value is not None else None


def mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """As it came. RFC 8689 §4.2."""
    return (Parameter(KEYWORD),) if is_asked(envelope.parameters) else ()


def downgrade(envelope: Envelope, facts: ContentFacts) -> Downgrade:
    """Whoever does not know it may send it on in plaintext. RFC 8689 §4.2.1."""
    return Downgrade.FAIL if is_asked(envelope.parameters) else Downgrade.PROCEED


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 8689",
    summary="goes on under TLS, or not at all",
    advertise=advertise,
    mail_keywords=frozenset({KEYWORD}),
    check_use=check_use,
    mail_arguments=mail_arguments,
    downgrade=downgrade,
)
