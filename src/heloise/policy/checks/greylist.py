"""Greylisting (RFC 6647): mail of a sender, for a recipient, from a network, is refused for now when it is first seen.
A mail server comes back; most of what sends spam does not. Networks that have come back often enough need not wait.

Looks at: client address, reverse path, recipient, and its own memory.
"""

from dataclasses import dataclass

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.policy.check import Answer, Check, Doors
from heloise.policy.greylist import Greylist, Triplet
from heloise.policy.networks import network_of
from heloise.policy.verdict import CONTINUE, Verdict
from heloise.policy.views import RcptView
from heloise.smtp import replies


@dataclass(frozen=True, slots=True, kw_only=True)
class GreylistOptions:
    """The memory; `passing` are tags of clients that need not wait."""

    greylist: Greylist
    passing: frozenset[str] = frozenset()
    rule: Rule | None = None


def judge(view: RcptView, options: GreylistOptions, doors: Doors) -> Answer:
    """Clients on a Unix socket, and those that are known to be good, are not asked about."""
    address = view.session.address
    if address is None or view.session.tags & options.passing:
        return CONTINUE
    triplet = Triplet(network_of(address), str(view.reverse_path).lower(), str(view.forward_path).lower())
    return _ask(triplet, view.session.now, options)


async def _ask(triplet: Triplet, now: float, options: GreylistOptions) -> Verdict:
    wait = await options.greylist.seen(triplet, now)
    if wait <= 0:
        return CONTINUE
    cause = causes.GREYLIST_WAIT.because(
        options.rule,
        network=triplet.network,
        sender=triplet.sender,
        recipient=triplet.recipient,
        again_in=f"{wait:.0f}",
    )
    return Verdict(refusal=replies.greylisted(wait, cause))


CHECK = Check(name="greylist", summary="Mail from whom we do not know waits once.", rcpt=judge)
