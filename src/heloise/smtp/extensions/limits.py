"""LIMITS: how many recipients a transaction may have, told in EHLO. RFC 9422.

Promises: RCPTMAX is the number that is enforced (452 4.5.3 past it). Advisory for a client, which splits by it.
"""

from heloise.smtp.extension import Extension, ServerView

KEYWORD = "LIMITS"


def advertise(view: ServerView) -> str:
    """`LIMITS RCPTMAX=n`, and MAILMAX=1 after ONEX. RFC 9422 §4."""
    mail_max = " MAILMAX=1" if view.one_transaction else ""
    return f"{KEYWORD} RCPTMAX={view.limits.recipients}{mail_max}"


EXTENSION = Extension(
    keyword=KEYWORD, rfc="RFC 9422", summary="tells how many recipients a message may have", advertise=advertise
)
