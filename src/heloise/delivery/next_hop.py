"""From a stored route to the hosts to try now, in order. RFC 5321 §5.1, RFC 7505; anew at each attempt.

In two steps: `find_next_hops` asks the DNS, which may take long and is shared by all who ask at once; `in_order` puts
what was found in order for one attempt, at no cost. Answers are cached by the resolver, for as long as their TTL says.

What can not be used is as if it were not there: an exchanger whose name is an IP address (RFC 5321 §5.1 wants names),
that does not exist, or has no address. Whoever leads back to ourselves is left out with everybody who is not better:
by name, by one of our addresses, or by an address that means this machine wherever it is used, such as 127.0.0.1.
"""

import asyncio
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from ipaddress import ip_address
from itertools import groupby
from typing import TypeAlias

from heloise.mail.idna import to_ascii
from heloise.mail.reply import Reply
from heloise.mail.route import Route, Transport
from heloise.smtp import replies
from heloise.world import Endpoint, Entropy, MailExchanger, ResolverError, ResolverFault, UnixEndpoint, World

MAXIMUM_HOSTS = 5  # RFC 5321 §5.1 wants at least two addresses tried, and allows a limit
MAXIMUM_ADDRESSES = 10
LMTP_PORT = 24
_HOST_AND_PORT = re.compile(r"(?:\[(?P<literal>[^\]]+)\]|(?P<host>[^:\[\]]+))(?::(?P<port>\d{1,5}))?")


@dataclass(frozen=True, slots=True)
class NextHop:
    """Where to connect, and what the host is called: its name, or its address when it has none.

    Hosts of one `preference` are equals: any of them may be taken first.
    """

    endpoint: Endpoint | UnixEndpoint
    name: str
    preference: int = field(default=0, compare=False)

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


@dataclass(frozen=True, slots=True)
class NextHopHost:
    """A host with the addresses it has."""

    name: str
    preference: int
    endpoints: tuple[Endpoint | UnixEndpoint, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class NextHopGroup:
    """All hosts that take the mail of a route, best first.

    `names` are the hosts as they were found, those beyond the limit and those without address included: two routes
    with the same names lead to the same people, whatever the DNS left out this time. `levels` tells also who is
    preferred to whom: mail may go in one transaction when that is the same.
    """

    hosts: tuple[NextHopHost, ...]
    levels: tuple[tuple[str, ...], ...]
    names: tuple[str, ...] = field(init=False, compare=False)  # each once, in the order of the alphabet

    def __post_init__(self) -> None:
        object.__setattr__(self, "names", tuple(sorted({name for level in self.levels for name in level})))


NextHops: TypeAlias = tuple[NextHop, ...] | NoNextHop
Found: TypeAlias = NextHopGroup | NoNextHop


async def resolve_next_hops(
    route: Route, world: World, *, own_names: frozenset[str] = frozenset(), port: int = 25
) -> NextHops:
    """The next hops of a route of transport SMTP, LMTP or MX, in an order to try them."""
    found = await find_next_hops(route, world, own_names=own_names, port=port)
    return found if isinstance(found, NoNextHop) else in_order(found, world.entropy)


async def find_next_hops(
    route: Route, world: World, *, own_names: frozenset[str] = frozenset(), port: int = 25
) -> Found:
    """The hosts of a route; `port` is that of mail exchangers, `own_names` are our names and addresses."""
    if route.transport is not Transport.MX:
        return _given(route, LMTP_PORT if route.transport is Transport.LMTP else port)
    if route.target.startswith("["):
        return _literal(route.target, own_names, port)
    try:
        domain = to_ascii(route.target)
        found = await world.resolver.mail_exchangers(domain)
    except ValueError:
        return NoNextHop(replies.no_such_domain(route.target))
    except ResolverError as error:
        return _unanswered(route.target, error)
    if found and all(exchanger.host in (".", "") for exchanger in found):
        return NoNextHop(replies.null_mx(route.target))
    # RFC 5321 §5.1: the domain itself, and only when there is no MX at all.
    exchangers = _usable(found) if found else [MailExchanger(preference=0, host=domain)]
    if not exchangers:
        return NoNextHop(replies.no_route(route.target))
    better = _better_than_us(exchangers, own_names)
    if not better:
        return NoNextHop(replies.loops_back(route.target, exchangers[0].host))
    return await _with_addresses(world, route.target, better, own_names, port)


def in_order(group: NextHopGroup, entropy: Entropy) -> tuple[NextHop, ...]:
    """Best preference first; equal ones MUST be tried in random order, their own addresses as they came."""
    if len(group.hosts) == 1:
        host = group.hosts[0]
        return tuple([NextHop(each, host.name, host.preference) for each in host.endpoints[:MAXIMUM_ADDRESSES]])
    hops: list[NextHop] = []
    for preference, level in groupby(group.hosts, key=lambda host: host.preference):
        for host in entropy.shuffled(list(level)):
            hops += [NextHop(endpoint, host.name, preference) for endpoint in host.endpoints]
    return tuple(hops[:MAXIMUM_ADDRESSES])


def parse_target(target: str, port: int) -> tuple[NextHop, ...]:
    """`host:port`, `[::1]:port`, `host` or several of these with commas, tried in this order; or `unix:/path`.

    Raises ValueError.
    """
    if target.startswith("unix:"):
        return (NextHop(UnixEndpoint(target[5:]), target),)
    return tuple(_parse_one(text.strip(), port, number) for number, text in enumerate(target.split(",")))


def _parse_one(text: str, port: int, preference: int) -> NextHop:
    found = _HOST_AND_PORT.fullmatch(text)
    if found is None:
        raise ValueError(f"a next hop is written host:port, [address]:port or unix:/path, not {text!r}")
    host = found["literal"] or found["host"]
    return NextHop(Endpoint(host, int(found["port"] or port)), host, preference)


def _given(route: Route, port: int) -> NextHopGroup:
    """What an operator wrote is taken as it is; a name in it is asked for when it is connected to."""
    hops = parse_target(route.target, port)
    hosts = tuple(NextHopHost(hop.name, hop.preference, (hop.endpoint,)) for hop in hops)
    return NextHopGroup(hosts=hosts, levels=tuple((_key(host.endpoints[0]),) for host in hosts))


def _literal(text: str, own_names: frozenset[str], port: int) -> Found:
    """RFC 5321 §2.3.4, §4.1.3: an address literal is connected to as it is; other literals nobody knows a way to."""
    inner = text.strip("[]")
    address = inner[5:] if inner[:5].lower() == "ipv6:" else inner
    if not _is_address(address):
        return NoNextHop(replies.no_route(text))
    if _is_ours(address, own_names):
        return NoNextHop(replies.loops_back(text, text))
    endpoint = Endpoint(address, port)
    return NextHopGroup(hosts=(NextHopHost(address, 0, (endpoint,)),), levels=((_key(endpoint),),))


def _usable(found: Sequence[MailExchanger]) -> list[MailExchanger]:
    """Those with a name, in lower case, each host once, best preference first."""
    best: dict[str, MailExchanger] = {}
    for exchanger in sorted(found, key=_preference):
        name = exchanger.host.removesuffix(".").lower()
        if name and not _is_address(name):
            best.setdefault(name, replace(exchanger, host=name))
    return list(best.values())


def _better_than_us(exchangers: Sequence[MailExchanger], own_names: frozenset[str]) -> list[MailExchanger]:
    """RFC 5321 §5.1: mail only ever moves to a better exchanger, or it would go in circles."""
    ours = [each.preference for each in exchangers if each.host in own_names or each.host == "localhost"]
    return [each for each in exchangers if not ours or each.preference < min(ours)]


async def _with_addresses(
    world: World, domain: str, exchangers: Sequence[MailExchanger], own_names: frozenset[str], port: int
) -> Found:
    """Look the addresses up, of a random choice of the best when there are too many."""
    chosen: list[MailExchanger] = []
    for _, level in groupby(exchangers, key=_preference):
        chosen += world.entropy.shuffled(list(level))
    del chosen[MAXIMUM_HOSTS:]
    answers = await asyncio.gather(*[_addresses(world, exchanger.host) for exchanger in chosen])
    hosts: list[NextHopHost] = []
    ours: list[MailExchanger] = []
    trouble: ResolverError | None = None
    for exchanger, answer in zip(chosen, answers, strict=True):
        if isinstance(answer, ResolverError):
            trouble = answer if answer.fault is not ResolverFault.NO_SUCH_DOMAIN else trouble
        elif any(_is_ours(address, own_names) for address in answer):
            ours.append(exchanger)
        elif answer:
            endpoints = tuple(Endpoint(address, port) for address in answer)
            hosts.append(NextHopHost(exchanger.host, exchanger.preference, endpoints))
    if ours:
        hosts = [host for host in hosts if host.preference < ours[0].preference]
    if hosts:
        return NextHopGroup(hosts=tuple(hosts), levels=_levels(exchangers, port))
    if trouble is not None:
        return _unanswered(domain, trouble, of_domain=False)
    return NoNextHop(replies.loops_back(domain, ours[0].host) if ours else replies.no_route(domain))


async def _addresses(world: World, host: str) -> tuple[str, ...] | ResolverError:
    try:
        return await world.resolver.addresses(host)
    except ResolverError as error:
        return error


def _levels(exchangers: Sequence[MailExchanger], port: int) -> tuple[tuple[str, ...], ...]:
    levels: list[tuple[str, ...]] = []
    for _, level in groupby(exchangers, key=_preference):
        levels.append(tuple(sorted([_key(Endpoint(exchanger.host, port)) for exchanger in level])))
    return tuple(levels)


def _unanswered(domain: str, error: ResolverError, *, of_domain: bool = True) -> NoNextHop:
    """RFC 5321 §5.1: a domain that does not exist is an answer; silence is not, and is asked again."""
    if of_domain and error.fault is ResolverFault.NO_SUCH_DOMAIN:
        return NoNextHop(replies.no_such_domain(domain))
    return NoNextHop(replies.dns_failure(domain, error.fault.value))


def _preference(exchanger: MailExchanger) -> int:
    return exchanger.preference


def _key(endpoint: Endpoint | UnixEndpoint) -> str:
    return str(endpoint)


@lru_cache(maxsize=4096)
def _is_address(name: str) -> bool:
    try:
        ip_address(name)
    except ValueError:
        return False
    return True


def _is_ours(text: str, own_names: frozenset[str]) -> bool:
    """An address of ours, or one that means "this machine" to whoever uses it."""
    address = ip_address(text)
    inner = getattr(address, "ipv4_mapped", None) or address
    return inner.is_loopback or inner.is_unspecified or str(inner) in own_names
