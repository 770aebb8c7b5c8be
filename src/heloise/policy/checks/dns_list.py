"""Is the client's address in a list that others keep in the DNS? (DNSBL and DNSWL, RFC 5782.)

Looks at: the client's address and the DNS. One that is listed is tagged `listed:ZONE`.
"""

from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.policy.check import Check, Doors
from heloise.policy.verdict import CONTINUE, Verdict, tag
from heloise.policy.views import ConnectView
from heloise.policy.weight import Weight
from heloise.smtp import replies
from heloise.world import ResolverError, ResolverFault

_ANSWERS = ip_network("127.0.0.0/8")  # RFC 5782 §2.1
_COMPLAINTS = ip_network("127.255.255.0/24")  # what large lists say to whom they do not serve


class ListFault(Exception):
    """The list gave an answer that says nothing about the client."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DnsListOptions:
    """The list `zone`; how much it counts to be in it; which answers count (all of 127.0.0.0/8 when none are named)."""

    zone: str
    weight: Weight
    answers: tuple[IPv4Network | IPv6Network, ...] = ()
    rule: Rule | None = None


async def judge(view: ConnectView, options: DnsListOptions, doors: Doors) -> Verdict:
    """Raises ResolverError or ListFault when nobody can tell."""
    if view.session.address is None:
        return CONTINUE
    try:
        found = await doors.world.resolver.addresses(question(view.session.client, options.zone))
    except ResolverError as error:
        if error.fault is ResolverFault.NO_SUCH_DOMAIN:
            return CONTINUE
        raise
    counted = [each for each in map(ip_address, found) if each in _ANSWERS]
    if any(each in _COMPLAINTS for each in counted):
        raise ListFault(f"{options.zone} does not serve this name server: {', '.join(found)}")
    if options.answers:
        counted = [each for each in counted if any(each in network for network in options.answers)]
    if not counted:
        return CONTINUE
    answer = ", ".join(map(str, counted))
    cause = causes.CLIENT_LISTED.because(options.rule, client=view.session.client, list=options.zone, answer=answer)
    refusal = replies.client_listed(view.session.client, options.zone, cause)
    return options.weight.of(f"in {options.zone} ({answer})", refusal) | tag(f"listed:{options.zone}")


def question(address: str, zone: str) -> str:
    """The name to ask for: octets (RFC 5782 §2.1) or nibbles (§2.4) in reverse, then the zone."""
    return f"{ip_address(address).reverse_pointer.rpartition('.')[0].rpartition('.')[0]}.{zone}"


CHECK = Check(name="dns-list", summary="The client's address in a list that is kept in the DNS.", connect=judge)
