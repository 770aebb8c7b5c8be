"""What a client says its name is. RFC 5321 §4.1.4 forbids to refuse mail because a name can not be verified; what is
refused here is a name that can not be the client's, where the operator wants it so.

Looks at: the client's address, the name, and for `unresolved` the DNS.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from ipaddress import ip_address

from heloise.mail import causes
from heloise.mail.cause import CauseKind, Rule
from heloise.mail.reply import printable
from heloise.policy.check import Answer, Check, Doors
from heloise.policy.verdict import CONTINUE, Verdict
from heloise.policy.views import HelloView
from heloise.policy.weight import OFF, Weight
from heloise.smtp import replies
from heloise.world import ResolverError, ResolverFault


@dataclass(frozen=True, slots=True, kw_only=True)
class HelloOptions:
    """How much each of these counts: `ours`, it says it is we; `literal`, an address that is not its own; `short`, a
    name without a dot; `unresolved`, one that the DNS does not know. `own_names` are in lower case; `rules` say where
    the weights are written."""

    ours: Weight = OFF
    literal: Weight = OFF
    short: Weight = OFF
    unresolved: Weight = OFF
    own_names: frozenset[str] = frozenset()
    rules: Mapping[str, Rule | None] = field(default_factory=dict)

    def verdict(self, key: str, kind: CauseKind, view: HelloView) -> Verdict:
        """What it means that the name is so."""
        weight: Weight = getattr(self, key)
        cause = kind.because(self.rules.get(key), name=printable(view.name, 255), client=view.session.client)
        return weight.of(f"{kind.id} {printable(view.name, 100)}", replies.hello_refused(cause))


def judge(view: HelloView, options: HelloOptions, doors: Doors) -> Answer:
    """Literals and names of ours first, which needs nobody to be asked."""
    name = view.name.lower().rstrip(".")
    if name.startswith("["):
        if _address_in(name) == _address_in(f"[{view.session.local}]") != view.session.client:
            return options.verdict("ours", causes.HELLO_OURS, view)
        if _address_in(name) != view.session.client:
            return options.verdict("literal", causes.HELLO_LITERAL, view)
        return CONTINUE
    if name == doors.hostname.lower() or name in options.own_names:
        return options.verdict("ours", causes.HELLO_OURS, view)
    if "." not in name:
        return options.verdict("short", causes.HELLO_SHORT, view)
    return CONTINUE if options.unresolved.is_off else _resolve(view, name, options, doors)


async def _resolve(view: HelloView, name: str, options: HelloOptions, doors: Doors) -> Verdict:
    """Raises ResolverError when nobody can tell."""
    resolver = doors.world.resolver
    try:
        # RFC 5321 §2.3.5: a name that resolves to an address, or has MX records.
        if await resolver.addresses(name) or await resolver.mail_exchangers(name):
            return CONTINUE
    except ResolverError as error:
        if error.fault is not ResolverFault.NO_SUCH_DOMAIN:
            raise
    return options.verdict("unresolved", causes.HELLO_UNRESOLVED, view)


def _address_in(literal: str) -> str | None:
    """The address in `[192.0.2.1]` or `[IPv6:2001:db8::1]`, written as addresses of clients are."""
    try:
        return str(ip_address(literal.strip("[]").removeprefix("ipv6:")))
    except ValueError:
        return None


CHECK = Check(name="hello", summary="The name that a client gives itself.", hello=judge)
