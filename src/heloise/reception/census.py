"""How many sessions there are: on all listeners together, and from each address. RFC 5321 §3.8, §4.3.2."""

from collections import Counter, OrderedDict
from ipaddress import ip_address

from heloise.link.turns import Turns
from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.reply import Reply
from heloise.policy.networks import client_of, network_of
from heloise.smtp import replies

UNIX = "unix"  # programs on this machine are not counted one by one
_TOLD_AGAIN = 60.0  # seconds after which it is told again that a client is turned away
_MOST_TOLD = 1000
_LARGE = 400  # sessions in all from which on room is kept for others than those who have many already


class Census:
    """Counts sessions; `rules` say where the limits are written. `turns` are for all who are counted."""

    def __init__(
        self,
        *,
        total: int,
        per_client: int,
        total_rule: Rule | None = None,
        per_client_rule: Rule | None = None,
    ) -> None:
        self.turns = Turns()
        self._told: OrderedDict[str, tuple[float, int]] = OrderedDict()
        self._total = total
        self._per_client = per_client
        self._total_rule = total_rule
        self._per_client_rule = per_client_rule
        self._present = 0
        self._by_address: Counter[str] = Counter()
        self._by_network: Counter[str] = Counter()
        self._per_network = 0
        self._per_network_rule: Rule | None = None

    def allow(
        self, *, total: int, per_client: int, total_rule: Rule | None = None, per_client_rule: Rule | None = None
    ) -> None:
        """So many from now on; those who are there stay."""
        self._total, self._total_rule = total, total_rule
        self._per_client, self._per_client_rule = per_client, per_client_rule

    def allow_networks(self, per_network: int, rule: Rule | None) -> None:
        """So many from each /24 or /64; 0 for any number."""
        self._per_network, self._per_network_rule = per_network, rule

    def enter(self, address: str) -> Reply | None:
        """One more from `address`: None when it may, else the 421. Counted in both cases; `leave` when it is over."""
        self._present += 1
        if address != UNIX:
            self._by_address[address] += 1
            self._by_network[_network(address)] += 1
        if self._present > self._total:
            return too_many(self._total_rule, limit=self._total)
        if self._by_address[address] > self._per_client:
            return too_many(self._per_client_rule, client=address, limit=self._per_client)
        # The last quarter is for those who have few: else twenty clients could take all there is. But whoever lets one
        # client have most of it means that.
        is_shared = self._total >= max(_LARGE, 4 * self._per_client)
        if is_shared and 4 * self._present > 3 * self._total and address != UNIX:
            share = self._total // 50
            if self._by_address[address] > share:
                return too_many(self._total_rule, client=address, limit=share)
        if self._per_network and address != UNIX and self._by_network[_network(address)] > self._per_network:
            return too_many(self._per_network_rule, network=_network(address), limit=self._per_network)
        return None

    def leave(self, address: str) -> None:
        """The session is over."""
        self._present -= 1
        if address != UNIX:
            self._by_address[address] -= 1
            if not self._by_address[address]:
                del self._by_address[address]
            network = _network(address)
            self._by_network[network] -= 1
            if not self._by_network[network]:
                del self._by_network[network]

    def turned_away(self, address: str, now: float) -> int:
        """One more from there was not let in: how many those are that are to be told of, 0 when it is not time to tell.
        A flood of connections is to be no flood of the log."""
        at, more = self._told.get(address, (-_TOLD_AGAIN, 0))
        is_time = now >= at + _TOLD_AGAIN
        self._told[address] = (now, 0) if is_time else (at, more + 1)
        if len(self._told) > _MOST_TOLD:
            self._told.popitem(last=False)
        return more + 1 if is_time else 0

    def client_of(self, address: str) -> str:
        """Who counts as one client: an IPv4 address, or a /64."""
        return str(client_of(ip_address(address))) if ":" in address else address


def _network(address: str) -> str:
    """The /24 or /64 that it is in; what is no address is a network of its own."""
    try:
        return network_of(ip_address(address))
    except ValueError:
        return address


def too_many(rule: Rule | None, **inputs: object) -> Reply:
    """421 4.3.2 at the greeting, with what decided it."""
    return replies.TOO_MANY_CONNECTIONS.with_cause(causes.SESSION_TOO_MANY_CONNECTIONS.because(rule, **inputs))
