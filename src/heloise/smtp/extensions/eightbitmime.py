"""8BITMIME: text with octets above 127. RFC 6152.

Promises: all eight bits are kept. `BODY=7BIT` is a declaration; a content that breaks it is kept as it came, since a
server must not strip bits (§3). As client: BODY=8BITMIME whenever the content has such octets.
"""

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Mail
from heloise.smtp.extension import Downgrade, Extension, ServerView

KEYWORD = "8BITMIME"
BODY = "BODY"


def advertise(view: ServerView) -> str:
    """No arguments. RFC 6152 §2."""
    return KEYWORD


def check_use(view: ServerView, command: Mail) -> Reply | None:
    """BODY=7BIT or BODY=8BITMIME; BINARYMIME is checked by its own extension. RFC 6152 §3."""
    parameter = command.parameters.get(BODY)
    if parameter is None:
        return None
    if parameter.value is None:
        return replies.bad_parameter("BODY needs a value")
    value = parameter.value.upper()
    if value in ("7BIT", "8BITMIME") or (value == "BINARYMIME" and "BINARYMIME" in view.permitted):
        return None
    return replies.unsupported_value(BODY, parameter.value)


def mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """BODY=8BITMIME for content with octets above 127, or declared so by whoever gave it to us."""
    declared = (envelope.parameters.value(BODY) or "").upper()
    if facts.binary:
        return ()  # BINARYMIME says it
    return (Parameter(BODY, "8BITMIME"),) if facts.eight_bit or declared == "8BITMIME" else ()


def downgrade(envelope: Envelope, facts: ContentFacts) -> Downgrade:
    """Eight-bit content must not be sent to a server without this extension. RFC 6152 §3."""
    return Downgrade.CONVERT if facts.eight_bit else Downgrade.PROCEED


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 6152",
    summary="takes text with octets above 127",
    advertise=advertise,
    mail_keywords=frozenset({BODY}),
    check_use=check_use,
    mail_arguments=mail_arguments,
    downgrade=downgrade,
)
