"""MT-PRIORITY: which messages go before others. RFC 6710, RFC 6758.

Promises: a higher number goes first wherever messages wait for the same turn, and is told to a next hop that knows it.
To one that does not, the number goes in a header field (RFC 6758 §3), so that a server behind it may find it again; we
read it there from those whom the operator believes. For clients that may relay, and on listeners of users: a stranger's
word about his own mail is not taken (RFC 6710 §8).
"""

import re

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter, Parameters
from heloise.mail.hints import NO_HINTS, Hints
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.command import Mail
from heloise.smtp.extension import Extension, ServerView

KEYWORD = "MT-PRIORITY"
_VALUE = re.compile(r"0|-?[1-9]", re.ASCII)  # RFC 6710 §7: priority-value
_FIELD = re.compile(rb"(?im)^MT-Priority[ \t]*:(.*)\r\n((?:[ \t].*\r\n)*)")
_COMMENT = re.compile(r"\((?:[^()\\]|\\.)*\)")


def advertise(view: ServerView) -> str:
    """Without the name of a policy: all numbers are taken as they come. RFC 6710 §3."""
    return KEYWORD


def check_use(view: ServerView, command: Mail) -> Reply | None:
    """501 for what is no number from -9 to 9. RFC 6710 §4.1."""
    if KEYWORD in command.parameters and priority_of(command.parameters) is None:
        return replies.bad_parameter("MT-PRIORITY is a number from -9 to 9")
    return None


def priority_of(parameters: Parameters) -> int | None:
    """The number; None when there is none, or none that can be read."""
    value = parameters.value(KEYWORD)
    return int(value) if value is not None and _VALUE.fullmatch(value) else None


def field(priority: int) -> bytes:
    """The header field that tunnels it. RFC 6758 §3.3."""
    return b"MT-Priority: %d\r\n" % priority


def in_header(header: bytes) -> int | None:
    """The number in the topmost field that has one, put there by the last server; None without. RFC 6758 §3.1."""
    for found in _FIELD.finditer(header):
        text = _COMMENT.sub(" ", (found[1] + found[2]).decode("ascii", "replace")).strip()
        if _VALUE.fullmatch(text):
            return int(text)
    return None


def without_field(header: bytes) -> bytes:
    """A header, ended by CRLF, without any such field. RFC 6758 §3.3."""
    return _FIELD.sub(b"", header)


def hints(envelope: Envelope, now: float) -> Hints:
    """The number."""
    priority = priority_of(envelope.parameters)
    return Hints(priority=priority) if priority else NO_HINTS


def mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """As it came. RFC 6710 §4.2."""
    found = envelope.parameters.get(KEYWORD)
    return () if found is None else (found,)


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 6710",
    summary="says which messages go before others",
    advertise=advertise,
    mail_keywords=frozenset({KEYWORD}),
    check_use=check_use,
    mail_arguments=mail_arguments,
    hints=hints,
)
