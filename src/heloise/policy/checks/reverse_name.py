"""Has the client's address a name that leads back to it? (Forward-confirmed reverse DNS, RFC 8601 §2.7.3 "iprev".)

Looks at: the client's address and the DNS. A client that has one is tagged `confirmed-name`.
"""

from dataclasses import dataclass

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.reply import printable
from heloise.policy.check import Check, Doors
from heloise.policy.verdict import CONTINUE, Verdict, tag
from heloise.policy.views import ConnectView
from heloise.policy.weight import Weight
from heloise.smtp import replies
from heloise.world import Resolver, ResolverError, ResolverFault

CONFIRMED = "confirmed-name"
_MOST_NAMES = 5  # RFC 7208 §4.6.4 stops at ten; an address with many names gets no more time than one with few


@dataclass(frozen=True, slots=True, kw_only=True)
class ReverseNameOptions:
    """How much it counts that there is none."""

    missing: Weight
    rule: Rule | None = None


async def judge(view: ConnectView, options: ReverseNameOptions, doors: Doors) -> Verdict:
    """Raises ResolverError when nobody can tell."""
    address = view.session.client
    if view.session.address is None:
        return CONTINUE
    names = await _names(doors.world.resolver, address)
    for name in names[:_MOST_NAMES]:
        if address in await _addresses(doors.world.resolver, name):
            return tag(CONFIRMED)
    shown = printable(", ".join(names[:_MOST_NAMES]), 200)
    cause = causes.CLIENT_NO_NAME.because(options.rule, client=address, names=shown or "none")
    return options.missing.of(causes.CLIENT_NO_NAME.id, replies.client_without_name(address, cause))


async def _names(resolver: Resolver, address: str) -> tuple[str, ...]:
    try:
        return await resolver.names(address)
    except ResolverError as error:
        if error.fault is ResolverFault.NO_SUCH_DOMAIN:
            return ()
        raise


async def _addresses(resolver: Resolver, name: str) -> tuple[str, ...]:
    try:
        return await resolver.addresses(name)
    except ResolverError as error:
        if error.fault is ResolverFault.NO_SUCH_DOMAIN:
            return ()
        raise


CHECK = Check(name="reverse-name", summary="The client's address has a name that leads back to it.", connect=judge)
