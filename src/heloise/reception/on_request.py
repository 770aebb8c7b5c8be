"""Who may ask for which waiting mail: the policies behind ETRN (RFC 1985) and ATRN (RFC 2645). Pure.

For both the question is "who is this client, and what is his?", and it is asked here only. For now a client is known
by his address; one on a Unix socket is on this machine, as if he came from 127.0.0.1.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

from heloise.mail import causes
from heloise.mail.cause import Cause, Rule
from heloise.reception.admission import Network

_UNIX, _HERE = "unix", ip_address("127.0.0.1")
_REMEMBERED = 10_000  # starts; past this those that are too old to count are forgotten


@dataclass(frozen=True, slots=True, kw_only=True)
class EtrnGrant:
    """What clients of some networks may name: domains, `.example.org` for all below one, `#queue`, `*` for all."""

    domains: tuple[str, ...]
    networks: tuple[Network, ...] = ()
    rule: Rule | None = None

    def allows(self, kind: str, node: str) -> bool:
        """May `node` be named; `kind` is "", "@" or "#"? All hosts under a domain are more than one of them: `@b.test`
        needs `.b.test` or a domain above it."""
        if "*" in self.domains:
            return True
        if kind == "#":
            return f"#{node}" in self.domains
        below = [domain for domain in self.domains if domain.startswith(".")]
        if kind == "@":
            return any(f".{node}".endswith(domain) for domain in below)
        return node in self.domains or any(node.endswith(domain) for domain in below)


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedQueue:
    """What `#name` stands for: domains, `.example.org` for all below one. RFC 1985 §5.3."""

    domains: tuple[str, ...]
    rule: Rule | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EtrnPolicy:
    """Which client may name which nodes. A client that some `grants` are for has those, everybody else `everybody`.

    `local` are the domains whose mailboxes are here: nothing of theirs is ever queued for another host.
    """

    everybody: EtrnGrant = field(default=EtrnGrant(domains=("*",)))
    grants: tuple[EtrnGrant, ...] = ()
    queues: Mapping[str, NamedQueue] = field(default_factory=dict)
    local: frozenset[str] = frozenset()

    def decide(self, client: str, kind: str, node: str) -> tuple[str, ...] | Cause:
        """The domains to start (`@example.org` with those below it), or why none.

        Args:
            client: his address, or "unix".
            kind: "" for a node, "@" for all hosts under it, "#" for a named queue.
            node: its name, a domain in lower case.
        """
        own = [grant for grant in self.grants if is_in(client, grant.networks)] or [self.everybody]
        if not any(grant.allows(kind, node) for grant in own):
            return causes.ETRN_REFUSED.because(own[0].rule, node=kind + node, client=client)
        if kind == "#":
            queue = self.queues.get(node.lower())
            if queue is None:
                return causes.ETRN_REFUSED.because(None, node=kind + node, queues=", ".join(self.queues) or "none")
            return tuple("@" + name[1:] if name.startswith(".") else name for name in queue.domains)
        if node in self.local:
            return causes.ETRN_REFUSED.because(None, node=kind + node, local=node)
        return (kind + node,)


@dataclass(frozen=True, slots=True, kw_only=True)
class OnDemandSite:
    """A site that comes for its mail: where its hosts connect from, and its domains."""

    networks: tuple[Network, ...]
    domains: tuple[str, ...]
    rule: Rule | None = None


def domains_on_demand(sites: Sequence[OnDemandSite], client: str) -> Mapping[str, Rule | None]:
    """The domains whose mail this client may take away by ATRN, each with the rule that says so; empty for a client
    that nobody knows (530). RFC 2645 §5.2.1."""
    return {domain: site.rule for site in sites if is_in(client, site.networks) for domain in site.domains}


def is_in(client: str, networks: Sequence[Network]) -> bool:
    """Is the address (or "unix") in one of these networks? One that a proxy does not know ("unknown") is in none."""
    try:
        address = _HERE if client == _UNIX else ip_address(client)
    except ValueError:
        return False
    return any(address in network for network in networks)


class Pace:
    """Real starts, no oftener than once in `interval` seconds for each client and node."""

    def __init__(self, interval: float) -> None:
        self.interval = interval
        self._started: dict[tuple[str, str], float] = {}

    def wait(self, client: str, node: str, now: float) -> float:
        """Seconds until `node` may be started for `client` again; 0 when it may be now."""
        started = self._started.get((client, node))
        return 0.0 if started is None else max(0.0, started + self.interval - now)

    def started(self, client: str, node: str, now: float) -> None:
        """It was started."""
        if len(self._started) >= _REMEMBERED:
            self._started = {key: at for key, at in self._started.items() if at + self.interval > now}
        if self.interval > 0:
            self._started[client, node] = now
