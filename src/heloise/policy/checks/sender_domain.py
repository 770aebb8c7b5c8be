"""Could anybody answer the sender? A domain that does not exist, or takes no mail, is nobody's. RFC 5321 §3.6.2.

Looks at: the reverse path and the DNS. Nobody's mail (<>) and address literals are not asked about.
"""

from dataclasses import dataclass

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.policy.check import Answer, Check, Doors
from heloise.policy.verdict import CONTINUE, Verdict
from heloise.policy.views import MailView
from heloise.policy.weight import Weight
from heloise.smtp import replies
from heloise.world import ResolverError, ResolverFault


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderDomainOptions:
    """How much it counts that there is no such domain. `own` domains are not asked about."""

    weight: Weight
    own: frozenset[str] = frozenset()
    rule: Rule | None = None


def judge(view: MailView, options: SenderDomainOptions, doors: Doors) -> Answer:
    """Only domains of others need the DNS."""
    mailbox = view.reverse_path.mailbox
    if mailbox is None or mailbox.domain.startswith("[") or mailbox.domain.lower() in options.own:
        return CONTINUE
    return _ask(mailbox.domain.lower(), options, doors)


async def _ask(domain: str, options: SenderDomainOptions, doors: Doors) -> Verdict:
    resolver = doors.world.resolver
    try:
        exchangers = await resolver.mail_exchangers(domain)
        if not exchangers and await resolver.addresses(domain):
            return CONTINUE  # RFC 5321 §5.1: the address itself is the implicit MX
    except ResolverError as error:
        if error.fault is not ResolverFault.NO_SUCH_DOMAIN:
            cause = causes.SENDER_DNS.because(options.rule, domain=domain, trouble=error)
            return Verdict(refusal=replies.sender_not_found_out(domain, cause)) if options.weight.refuses else CONTINUE
        exchangers = ()
    if any(each.host.rstrip(".") == "" for each in exchangers):
        # RFC 7505 §4.2: mail from there could never be answered.
        null_mx = causes.SENDER_NULL_MX.because(options.rule, domain=domain)
        return options.weight.of(f"{null_mx.id} {domain}", replies.sender_null_mx(domain, null_mx))
    if exchangers:
        return CONTINUE
    cause = causes.SENDER_NO_DOMAIN.because(options.rule, domain=domain)
    return options.weight.of(f"{cause.id} {domain}", replies.sender_without_domain(domain, cause))


CHECK = Check(name="sender-domain", summary="The sender's domain exists and takes mail.", mail=judge)
