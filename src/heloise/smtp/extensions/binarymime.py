"""BINARYMIME: content without lines. RFC 3030 §3.

Promises: with BODY=BINARYMIME any octets are taken, by BDAT only. A next hop without it: the content has to be
converted, or fails with 5.6.3.
"""

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Mail
from heloise.smtp.extension import Downgrade, Extension, ServerView

KEYWORD = "BINARYMIME"
BODY = "BODY"


def advertise(view: ServerView) -> str:
    """No arguments. RFC 3030 §3."""
    return KEYWORD


def check_use(view: ServerView, command: Mail) -> Reply | None:
    """BODY=BINARYMIME; what else BODY may be is checked by 8BITMIME, where that is offered."""
    value = command.parameters.value(BODY)
    if "8BITMIME" in view.permitted or value is None or value.upper() in ("7BIT", KEYWORD):
        return None
    return replies.unsupported_value(BODY, value)


def mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """BODY=BINARYMIME for content that is binary."""
    return (Parameter(BODY, KEYWORD),) if facts.binary else ()


def downgrade(envelope: Envelope, facts: ContentFacts) -> Downgrade:
    """Binary content can go nowhere else as it is. RFC 3030 §3."""
    return Downgrade.CONVERT if facts.binary else Downgrade.PROCEED


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 3030",
    summary="takes content without lines",
    needs=frozenset({"CHUNKING"}),  # RFC 3030 §3
    advertise=advertise,
    mail_keywords=frozenset({BODY}),
    check_use=check_use,
    mail_arguments=mail_arguments,
    downgrade=downgrade,
)
