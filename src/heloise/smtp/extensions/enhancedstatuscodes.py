"""ENHANCEDSTATUSCODES: replies that say more than three digits can. RFC 2034.

Promises: every line of every 2yz, 4yz and 5yz reply has a status, but for the greeting and the answers to HELO and
EHLO (§4). `Reply` holds the rule that status and code agree.
"""

from heloise.smtp.extension import Extension, ServerView

KEYWORD = "ENHANCEDSTATUSCODES"


def advertise(view: ServerView) -> str:
    """No arguments. RFC 2034 §3."""
    return KEYWORD


EXTENSION = Extension(keyword=KEYWORD, rfc="RFC 2034", summary="replies with a detailed status", advertise=advertise)
