"""PIPELINING: several commands in one packet. RFC 2920.

Promises: commands are answered one by one and in order, however they come, and no input is ever thrown away. There is
nothing to do here but to say so; the engine works no other way.
"""

from heloise.smtp.extension import Extension, ServerView

KEYWORD = "PIPELINING"


def advertise(view: ServerView) -> str:
    """No arguments. RFC 2920 §3."""
    return KEYWORD


EXTENSION = Extension(keyword=KEYWORD, rfc="RFC 2920", summary="takes several commands at once", advertise=advertise)
