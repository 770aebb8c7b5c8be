"""BINARYMIME: content without lines. RFC 3030 §3.

Promises: with BODY=BINARYMIME any octets are taken, by BDAT only. A next hop without it: the content has to be
converted, or fails with 5.6.3.
"""

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter
from heloise.smtp.extension import Downgrade, Extension, ServerView

KEYWORD = "BINARYMIME"


def advertise(view: ServerView) -> str | None:
    """Only together with CHUNKING. RFC 3030 §3."""
    return KEYWORD if "CHUNKING" in view.permitted else None


def mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """BODY=BINARYMIME for content that is binary."""
    return (Parameter("BODY", "BINARYMIME"),) if facts.binary else ()


def downgrade(envelope: Envelope, facts: ContentFacts) -> Downgrade:
    """Binary content can go nowhere else as it is. RFC 3030 §3."""
    return Downgrade.CONVERT if facts.binary else Downgrade.PROCEED


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 3030",
    summary="takes content without lines",
    advertise=advertise,
    mail_arguments=mail_arguments,
    downgrade=downgrade,
)
