"""Does the domain of a recipient say that it takes no mail (RFC 7505)? Whoever sends through us hears it at RCPT, and
not by a report. Looks at: where the recipient is to go, and the DNS.
"""

from dataclasses import dataclass

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.route import Transport
from heloise.policy.check import Answer, Check, Doors
from heloise.policy.verdict import CONTINUE, Verdict
from heloise.policy.views import RcptView
from heloise.smtp import replies
from heloise.world import ResolverError


@dataclass(frozen=True, slots=True, kw_only=True)
class RecipientDomainOptions:
    """Where it is switched on."""

    rule: Rule | None = None


def judge(view: RcptView, options: RecipientDomainOptions, doors: Doors) -> Answer:
    """Only those that go to the exchangers of a domain."""
    domains = {each.target for each in view.routes if each.transport is Transport.MX}
    return _ask(domains.pop(), options, doors) if len(domains) == 1 else CONTINUE


async def _ask(domain: str, options: RecipientDomainOptions, doors: Doors) -> Verdict:
    try:
        exchangers = await doors.world.resolver.mail_exchangers(domain)
    except ResolverError:
        return CONTINUE  # delivery asks again, and for longer
    if len(exchangers) == 1 and exchangers[0].host.rstrip(".") == "":
        cause = causes.ROUTE_NULL_MX.because(options.rule, domain=domain)
        return Verdict(refusal=replies.null_mx(domain).with_cause(cause))
    return CONTINUE


CHECK = Check(name="recipient-domain", summary="The recipient's domain takes mail at all.", for_all=True, rcpt=judge)
