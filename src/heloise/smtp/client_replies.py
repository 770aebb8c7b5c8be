"""What we say in the peer's place, when it said nothing or nothing that could be understood.

Neighbour of replies.py, for the client: these words never go over the wire but to the log, the transcript and the
report to the sender. Codes follow what a peer would have said.
"""

from collections.abc import Sequence

from heloise.mail import causes
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply, printable
from heloise.smtp.replies import reply

CONTENT_LINE_ENDING = reply(554, "5.6.0", "Bare CR or LF in the message", causes.CONTENT_LINE_ENDING)
SENDER_NOT_ASCII = reply(
    553,
    "5.6.7",
    "The sender's address is outside ASCII and the next hop lacks SMTPUTF8",
    causes.DELIVERY_NEEDS_EXTENSION.because(extension="SMTPUTF8"),
)
# RFC 6531 §3.5, RFC 8689 §5, RFC 3463 §3.4 (a feature that the system is not capable of)
_STATUS_OF_NEED = {"SMTPUTF8": "5.6.7", "REQUIRETLS": "5.7.30", "DELIVERBY": "5.3.3"}


def not_connected(detail: str) -> Reply:
    """No connection came about."""
    return reply(421, "4.4.1", f"Could not connect: {detail}", causes.LINK_REFUSED.because(trouble=detail))


def connect_timed_out(seconds: float) -> Reply:
    """No connection came about in time."""
    cause = causes.LINK_TIMED_OUT.because(stage="connect", seconds=f"{seconds:g}")
    return reply(421, "4.4.1", f"No connection within {seconds:g} seconds", cause)


def lost(stage: str, detail: str) -> Reply:
    """The connection ended before the peer decided."""
    cause = causes.LINK_LOST.because(stage=stage, trouble=detail)
    return reply(421, "4.4.2", f"Connection lost ({stage}): {detail}", cause)


def timed_out(stage: str, seconds: float) -> Reply:
    """No reply in time, before the peer decided."""
    cause = causes.LINK_TIMED_OUT.because(stage=stage, seconds=f"{seconds:g}")
    return reply(421, "4.4.2", f"No reply within {seconds:g} seconds ({stage})", cause)


def lost_after_dot(detail: str) -> Reply:
    """The peer may have taken the message, and may not: there was no reply to the final dot."""
    cause = causes.LINK_LOST_AFTER_DOT.because(trouble=detail)
    return reply(421, "4.4.2", f"No reply to the final dot: {detail}", cause)


TLS_NOT_OFFERED = reply(454, "4.7.10", "The next hop does not offer TLS, which is required", causes.TLS_NOT_OFFERED)


def tls_refused(said: Reply) -> Reply:
    """STARTTLS was offered and refused."""
    text = f"The next hop has no TLS now, which is required: {said}"
    return reply(454, "4.7.0", text, causes.TLS_NOT_OFFERED.because(said=str(said)))


def tls_failed(trouble: str) -> Reply:
    """The handshake has failed, or the certificate was not what it has to be. RFC 3463 §3.8."""
    return reply(454, "4.7.5", f"No TLS with the next hop: {trouble}", causes.TLS_FAILED.because(trouble=trouble))


TLS_DEMANDED = reply(
    550, "5.7.10", "The sender requires TLS, and the next hop does not offer it", causes.DELIVERY_NEEDS_TLS
)


def tls_demanded(trouble: Reply) -> Reply:
    """For a message with REQUIRETLS, where TLS came to nothing, or the certificate was not for the host."""
    cause = causes.DELIVERY_NEEDS_TLS.because(trouble=trouble)
    return reply(550, "5.7.10", f"The sender requires TLS: {trouble.text}", cause)


LOGIN_NOT_OFFERED = reply(454, "4.7.0", "The next hop does not offer AUTH now", causes.LOGIN_NOT_OFFERED)


def no_mechanism(offered: str, known: Sequence[str]) -> Reply:
    """AUTH is offered, by mechanisms that we can not use."""
    cause = causes.LOGIN_NOT_OFFERED.because(offered=printable(offered), usable=" ".join(known))
    return reply(454, "4.7.0", f"The next hop offers no AUTH that fits: {printable(offered)}", cause)


def login_needs_tls(mechanism: str) -> Reply:
    """The password would be shown to whoever reads along."""
    cause = causes.LOGIN_NEEDS_TLS.because(mechanism=mechanism)
    return reply(454, "4.7.11", f"AUTH {mechanism} would show the password, and there is no TLS", cause)


def login_refused(mechanism: str, user: str, said: Reply) -> Reply:
    """The server does not let us in. For now only, whatever it says: who wrote the mail can not mend it."""
    cause = causes.LOGIN_REFUSED.because(mechanism=mechanism, user=printable(user), said=str(said))
    return reply(454, "4.7.0", f"The next hop refuses our login: {said}", cause)


def login_failed(mechanism: str, problem: str) -> Reply:
    """The exchange has broken off: the server is not whom we take it for, or out of step."""
    cause = causes.LOGIN_FAILED.because(mechanism=mechanism, problem=problem)
    return reply(454, "4.7.0", f"No login at the next hop: {problem}", cause)


def login_unknown(trouble: str) -> Reply:
    """The password can not be read."""
    cause = causes.LOGIN_UNKNOWN.because(trouble=trouble)
    return reply(454, "4.7.0", "The password for the next hop can not be read", cause)


def nonsense(stage: str, problem: str) -> Reply:
    """Something came that is no reply, or none that can stand here."""
    cause = causes.PEER_NONSENSE.because(stage=stage, problem=problem)
    return reply(451, "4.5.0", f"The next hop can not be understood ({stage}): {problem}", cause)


def too_big(size: int, limit: int) -> Reply:
    """The peer said in advance that it will not take it. RFC 1870 §6."""
    cause = causes.DELIVERY_TOO_BIG.because(size=size, limit=limit)
    return reply(552, "5.3.4", f"The message has {size} octets, the next hop takes {limit}", cause)


def needs_extension(keyword: str) -> Reply:
    """The message can not be sent to a peer without this extension."""
    cause = causes.DELIVERY_NEEDS_EXTENSION.because(extension=keyword)
    status = _STATUS_OF_NEED.get(keyword, "5.6.3")
    return reply(554, status, f"The message needs {keyword}, which the next hop lacks", cause)


def header_not_ascii() -> Reply:
    """The header can be sent only under SMTPUTF8, and can not be encoded on the way. RFC 6531 §3.2."""
    text = "The header has octets above 127, which the next hop does not take"
    return reply(554, "5.6.9", text, causes.DELIVERY_HEADER_NOT_ASCII)


def sealed(what: str) -> Reply:
    """Conversion would break a signature or what is encrypted. RFC 1847 §2.1."""
    text = f"The message would have to be converted for the next hop: {what}"
    return reply(554, "5.6.3", text, causes.DELIVERY_SEALED)


def unconvertible(what: str) -> Reply:
    """Conversion would lose something. RFC 6152 §3."""
    cause = causes.DELIVERY_UNCONVERTIBLE.because(what=what)
    return reply(554, "5.6.3", f"The message can not be converted for the next hop: {what}", cause)


def perhaps_offered(refusal: Reply) -> Reply:
    """The same for now only: the connection was dropped at EHLO, so nobody knows what the peer offers.

    The network may have dropped it; then a refusal for good would return mail that the peer takes.
    """
    return reply(451, "4.4.2", f"{refusal.text}, or it was cut off before it could say so", refusal.cause)


def recipient_not_ascii(path: ForwardPath) -> Reply:
    """An address that can be written only under SMTPUTF8. RFC 6531 §3.2."""
    cause = causes.DELIVERY_NEEDS_EXTENSION.because(extension="SMTPUTF8", recipient=path)
    return reply(553, "5.6.7", "The address is outside ASCII and the next hop lacks SMTPUTF8", cause)


def too_many_recipients(said: Reply) -> Reply:
    """452 in place of a 552 that an old server means so. RFC 5321 §4.5.3.1.10."""
    return reply(452, "4.5.3", said.text, causes.RECIPIENT_TOO_MANY.because(said=said))
