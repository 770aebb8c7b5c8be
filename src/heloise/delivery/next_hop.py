"""From a stored route to the hosts to try now, in order. RFC 5321 §5.1, RFC 7505; anew at each attempt."""

import re
from dataclasses import dataclass
from itertools import groupby
from typing import TypeAlias

from heloise.mail.reply import Reply
from heloise.mail.route import Route, Transport
from heloise.smtp import replies
from heloise.world import Endpoint, MailExchanger, ResolverError, ResolverFault, UnixEndpoint, World

MAXIMUM_HOSTS = 5  # RFC 5321 §5.1 wants at least two addresses tried, and allows a limit
MAXIMUM_ADDRESSES = 10
LMTP_PORT = 24
_HOST_AND_PORT = re.compile(r"(?:\[(?P<literal>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class NextHop:
    """Where to connect, and what the host is called: its name, or its address when it has none."""

    endpoint: Endpoint | UnixEndpoint
    name: str

    @property
    def mta(self) -> str:
        """For reports: a name, or an address as a domain literal (RFC 3464 §2.1.2)."""
        return f"[{self.name}]" if _is_address(self.name) else self.name

    @property
    def shown(self) -> str:
        """For people: a name with the dot of the root behind it, as mail servers show it; an address in brackets."""
        if isinstance(self.endpoint, UnixEndpoint) or _is_address(self.name):
            return self.mta
        return f"{self.name}."


@dataclass(frozen=True, slots=True)
class NoNextHop:
    """There is none now (4yz) or never (5yz)."""

    reply: Reply


NextHops: TypeAlias = tuple[NextHop, ...] | NoNextHop


async def resolve_next_hops(
    route: Route, world: World, *, own_names: frozenset[str] = frozenset(), port: int = 25
) -> NextHops:
    """The hosts of a route of transport SMTP, LMTP or MX; `port` is that of mail exchangers."""
    if route.transport is not Transport.MX:
        return parse_target(route.target, LMTP_PORT if route.transport is Transport.LMTP else port)
    domain = route.target
    if domain.startswith("["):
        # RFC 5321 §2.3.4, §4.1.3: an address literal is connected to as it is.
        address = domain[1:-1].removeprefix("IPv6:").removeprefix("ipv6:")
        return (NextHop(Endpoint(address, port), address),)
    try:
        found = await world.resolver.mail_exchangers(domain)
    except ResolverError as error:
        return _unanswered(domain, error)
    if any(exchanger.host in (".", "") for exchanger in found):
        return NoNextHop(replies.null_mx(domain))
    if not found:
        # RFC 5321 §5.1: the domain itself, and only when there is no MX at all.
        return await _addresses(world, domain, [domain], port)
    hosts = _in_order(found, world, own_names)
    if not hosts:
        return NoNextHop(replies.loops_back(domain, min(found, key=lambda exchanger: exchanger.preference).host))
    return await _addresses(world, domain, hosts[:MAXIMUM_HOSTS], port)


def parse_target(target: str, port: int) -> NextHops:
    """`host:port`, `[::1]:port`, `host` or `unix:/path`. Raises ValueError."""
    if target.startswith("unix:"):
        return (NextHop(UnixEndpoint(target[5:]), target),)
    found = _HOST_AND_PORT.fullmatch(target)
    if found is None:
        raise ValueError(f"a next hop is written host:port, [address]:port or unix:/path, not {target!r}")
    host = found["literal"] or found["host"]
    return (NextHop(Endpoint(host, int(found["port"] or port)), host),)


def _in_order(found: tuple[MailExchanger, ...], world: World, own_names: frozenset[str]) -> list[str]:
    """Best preference first, equal ones shuffled; without us and everybody who is not better than us."""
    hosts: list[str] = []
    for _, level in groupby(sorted(found, key=_preference), key=_preference):
        names = [exchanger.host.rstrip(".").lower() for exchanger in level]
        if own_names.intersection(names):
            break  # RFC 5321 §5.1: mail only ever moves to a better exchanger, or it would go in circles
        # RFC 5321 §5.1: equal ones MUST be tried in random order.
        hosts += world.entropy.shuffled(names)
    return hosts


def _preference(exchanger: MailExchanger) -> int:
    return exchanger.preference


async def _addresses(world: World, domain: str, hosts: list[str], port: int) -> NextHops:
    hops: list[NextHop] = []
    trouble: ResolverError | None = None
    for host in hosts:
        try:
            hops += [NextHop(Endpoint(address, port), host) for address in await world.resolver.addresses(host)]
        except ResolverError as error:
            if error.fault is not ResolverFault.NO_SUCH_DOMAIN:
                trouble = error
    if hops:
        return tuple(hops[:MAXIMUM_ADDRESSES])
    return _unanswered(domain, trouble) if trouble is not None else NoNextHop(replies.no_route(domain))


def _unanswered(domain: str, error: ResolverError) -> NoNextHop:
    """RFC 5321 §5.1: a domain that does not exist is an answer; silence is not, and is asked again."""
    if error.fault is ResolverFault.NO_SUCH_DOMAIN:
        return NoNextHop(replies.no_such_domain(domain))
    return NoNextHop(replies.dns_failure(domain, error.fault.value))


def _is_address(name: str) -> bool:
    return name.replace(".", "").isdigit() or (":" in name and not name.startswith("unix:"))
