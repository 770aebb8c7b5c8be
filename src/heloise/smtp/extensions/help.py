"""HELP: what the server knows, and how it is. RFC 5321 §4.1.1.8.

The engine makes the text from its registry; this file offers the keyword (registered by RFC 5321 §4.1.1.1) and knows
the forms of the verbs that belong to no extension.
"""

from heloise.smtp.extension import Extension, ServerView

KEYWORD = "HELP"

# verb: form, what it is for
CORE_VERBS = {
    "HELO": ("HELO domain", "begin a session without extensions"),
    "EHLO": ("EHLO domain", "begin a session; the reply lists the extensions"),
    "LHLO": ("LHLO domain", "begin an LMTP session (RFC 2033)"),
    "MAIL": ("MAIL FROM:<reverse-path> [parameters]", "begin a message; <> for a report"),
    "RCPT": ("RCPT TO:<forward-path> [parameters]", "name a recipient"),
    "DATA": ("DATA", "send the message, end with a dot on a line by itself"),
    "RSET": ("RSET", "forget the open message"),
    "NOOP": ("NOOP [anything]", "are you there?"),
    "QUIT": ("QUIT", "end the session"),
    "HELP": ("HELP [command | STATUS]", "this text, a command's form, or the state of the server"),
}


def advertise(view: ServerView) -> str:
    """No arguments."""
    return KEYWORD


EXTENSION = Extension(keyword=KEYWORD, rfc="RFC 5321 §4.1.1.8", summary="explains the commands", advertise=advertise)
