"""What an answer means for a recipient. RFC 5321 §4.2.1, §4.5.4.1. Pure.

| stage | 4yz | 5yz |
|---|---|---|
| connect, greeting, hello | next address, then delayed | next address; when all say so: failed |
| MAIL, RCPT, DATA, final dot | delayed | failed |
| 421 at any stage | next address, then delayed | |
| connection lost before the final dot | next address, then delayed | |
| connection lost after it | delayed, ambiguous | |
| the message does not fit the peer | | next address; when none is left: failed |

Anything that is no 2yz, 4yz or 5yz is nonsense and means delayed: never a failure by itself.
"""

from collections.abc import Sequence
from dataclasses import replace

from heloise.link.dial import DialFailure
from heloise.mail import causes
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.mail.reply import Reply
from heloise.mail.status import EnhancedStatus, Severity
from heloise.smtp import client_replies, replies
from heloise.smtp.transaction import RecipientAnswer
from heloise.world import LinkError, LinkFault

_CLOSING = 421
_ELSEWHERE = (causes.LINK_LOST, causes.LINK_TIMED_OUT, causes.LINK_REFUSED, causes.DELIVERY_NEEDS_EXTENSION)
_WORDS = {
    LinkFault.REFUSED: "Connection refused by",
    LinkFault.TIMED_OUT: "Connection timed out with",
    LinkFault.UNREACHABLE: "No route to",
    LinkFault.RESET: "Connection reset by",
    LinkFault.CLOSED: "Connection closed by",
    LinkFault.TLS: "TLS failed with",
    LinkFault.UNVERIFIED: "No trusted certificate at",
    LinkFault.INJECTED: "Plaintext where TLS was due from",
    LinkFault.LOCAL: "Local trouble on the way to",
}


def classify(answer: RecipientAnswer, *, peer: str, is_final_delivery: bool = False) -> Outcome:
    """The outcome of an answer by `peer`. `is_final_delivery` (LMTP) makes a 2yz DELIVERED instead of RELAYED."""
    return Outcome(
        action=_action(answer, is_final_delivery=is_final_delivery),
        stage=answer.stage,
        reply=answer.reply,
        remote_mta=peer if answer.said_by_peer else None,
        dsn_passed_on=answer.is_taken and answer.dsn_offered,
        ambiguous=answer.ambiguous,
    )


def _action(answer: RecipientAnswer, *, is_final_delivery: bool) -> Action:
    if answer.is_taken:
        return Action.DELIVERED if is_final_delivery else Action.RELAYED
    if answer.reply.severity is Severity.PERMANENT and not answer.ambiguous and not answer.retry_at_once:
        return Action.FAILED
    return Action.DELAYED


def belongs_elsewhere(answer: RecipientAnswer) -> bool:
    """Should the next address be tried for this recipient, in the same attempt?

    Not after the final dot was sent without an answer: the peer may have the message, and the duplicate that a new
    attempt may make shall come as late as it can. Not after 4yz, which is an answer.
    """
    if answer.ambiguous or answer.retry_at_once:
        return False
    if answer.said_by_peer:
        return answer.reply.code == _CLOSING
    return answer.reply.cause.kind in _ELSEWHERE


def classify_failure(failure: DialFailure, *, peer: str, shown: str) -> Outcome:
    """The outcome when there was no conversation with `peer`, if no other address leads to one."""
    reply = failure.reply if failure.fault is None else _not_connected(failure.fault, failure.reply, shown)
    decides = failure.said_by_peer or reply.cause.kind is causes.DELIVERY_NEEDS_TLS
    refused = decides and reply.severity is Severity.PERMANENT
    return Outcome(
        action=Action.FAILED if refused else Action.DELAYED,
        stage=failure.stage,
        reply=reply,
        remote_mta=peer if failure.said_by_peer else None,
    )


def for_want_of_tls(failure: DialFailure) -> DialFailure:
    """The failure for a message with REQUIRETLS: a host that has no TLS, or none as it has to be, never takes it.
    RFC 8689 §4.2.1."""
    kind = failure.reply.cause.kind
    if kind is causes.TLS_NOT_OFFERED and failure.reply.status == EnhancedStatus(4, 7, 10):
        return replace(failure, reply=client_replies.TLS_DEMANDED)
    return replace(failure, reply=client_replies.tls_demanded(failure.reply)) if kind is causes.TLS_FAILED else failure


def not_connected(error: LinkError, *, shown: str) -> Reply:
    """What we say in the place of a web service that gave no answer."""
    kind = causes.LINK_TIMED_OUT if error.fault is LinkFault.TIMED_OUT else causes.LINK_REFUSED
    return replies.not_connected(f"{_WORDS[error.fault]} {shown}", kind.because(trouble=str(error)))


def _not_connected(fault: LinkFault, reply: Reply, shown: str) -> Reply:
    return replies.not_connected(f"{_WORDS[fault]} {shown}", reply.cause)


def classify_misfit(reply: Reply) -> Outcome:
    """The outcome when the message can not be brought into a form that the peer takes, if no other peer takes it."""
    permanent = reply.severity is Severity.PERMANENT
    return Outcome(action=Action.FAILED if permanent else Action.DELAYED, stage=Stage.MAIL, reply=reply)


def combine(troubles: Sequence[Outcome]) -> Outcome:
    """One outcome of those of all addresses: failed only when each of them says so for good, else the last delay."""
    delayed = [trouble for trouble in troubles if trouble.action is Action.DELAYED]
    return delayed[-1] if delayed else troubles[-1]


def without_next_hop(reply: Reply) -> Outcome:
    """The outcome when the route leads nowhere, now or for good."""
    permanent = reply.severity is Severity.PERMANENT
    return Outcome(action=Action.FAILED if permanent else Action.DELAYED, stage=Stage.ROUTE, reply=reply)


def local(reply: Reply) -> Outcome:
    """The outcome of a delivery on this machine, by what we would say about it."""
    actions = {Severity.COMPLETED: Action.DELIVERED, Severity.PERMANENT: Action.FAILED}
    return Outcome(action=actions.get(reply.severity, Action.DELAYED), stage=Stage.CONTENT, reply=reply)
