"""How much each client, network and user has done of late: buckets of tokens, bounded in number. Time is given."""

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Network, IPv6Network

from heloise.mail.cause import Rule
from heloise.policy.networks import client_of, network_of
from heloise.policy.views import SessionView

MOST_KNOWN = 50_000  # buckets; beyond that those that were used longest ago are forgotten


class Per(Enum):
    """Who is counted as one."""

    CLIENT = "client"  # an IPv4 address, or a /64
    NETWORK = "network"  # a /24, or a /64
    USER = "user"  # who has proven who it is


class Metered(Enum):
    """What is counted."""

    CONNECTIONS = "connections"
    MESSAGES = "messages"
    RECIPIENTS = "recipients"
    OCTETS = "octets"
    ERRORS = "errors"
    LOOKUPS = "lookups"


@dataclass(frozen=True, slots=True)
class Quota:
    """`amount` in `seconds`: so much at once, and as much again while the time goes by."""

    amount: int
    seconds: float


@dataclass(frozen=True, slots=True, kw_only=True)
class QuotaRules:
    """The quotas of each of `per`, for clients in `networks` (all when there are none); `rules` tell where they are."""

    per: Per
    quotas: Mapping[Metered, Quota]
    networks: tuple[IPv4Network | IPv6Network, ...] = ()
    rules: Mapping[Metered, Rule | None] = field(default_factory=dict)

    def whom(self, session: SessionView) -> str | None:
        """Who is to be counted; None when these rules are not for this client."""
        address = session.address
        if self.networks and (address is None or not any(address in network for network in self.networks)):
            return None
        if self.per is Per.USER:
            return session.user
        if address is None:
            return None
        return client_of(address) if self.per is Per.CLIENT else network_of(address)


@dataclass(frozen=True, slots=True)
class Exceeded:
    """Who has done too much of what, and when there is more for it."""

    rules: QuotaRules
    what: Metered
    who: str
    again_in: float


class Meters:
    """All buckets of a process."""

    def __init__(self, most: int = MOST_KNOWN) -> None:
        self._most = most
        # Rules by their number, so that a new configuration counts on: (rules, what, who) → tokens, at.
        self._buckets: OrderedDict[tuple[int, Metered, str], tuple[float, float]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._buckets)

    def wait(self, number: int, what: Metered, who: str, quota: Quota, now: float) -> float:
        """Seconds until there is a token; 0 when there is one."""
        tokens = self._tokens((number, what, who), quota, now)
        return 0.0 if tokens >= 1 - 1e-9 else (1 - tokens) * quota.seconds / quota.amount

    def spend(self, number: int, what: Metered, who: str, quota: Quota, now: float, amount: float = 1) -> None:
        """Take so many, whether they are there or not; never so many that it would take more than twice the time."""
        key = number, what, who
        self._buckets[key] = max(self._tokens(key, quota, now) - amount, -float(quota.amount)), now
        self._buckets.move_to_end(key)
        if len(self._buckets) > self._most:
            self._buckets.popitem(last=False)

    def _tokens(self, key: tuple[int, Metered, str], quota: Quota, now: float) -> float:
        known = self._buckets.get(key)
        if known is None:
            return float(quota.amount)
        tokens, at = known
        return min(float(quota.amount), tokens + max(0.0, now - at) * quota.amount / quota.seconds)


@dataclass(frozen=True, slots=True)
class Metering:
    """The rules of the configuration and the meters they read."""

    meters: Meters
    rules: tuple[QuotaRules, ...]

    def exceeded(self, session: SessionView, *looked_at: Metered, now: float) -> Exceeded | None:
        """Whether something of this is used up, by the first rules that say so."""
        for number, rules in enumerate(self.rules):
            who = rules.whom(session)
            if who is None:
                continue
            for what in looked_at:
                quota = rules.quotas.get(what)
                if quota is not None and (wait := self.meters.wait(number, what, who, quota, now)) > 0:
                    return Exceeded(rules, what, who, wait)
        return None

    def spend(self, session: SessionView, what: Metered, amount: float = 1, *, now: float) -> None:
        """It was done."""
        for number, rules in enumerate(self.rules):
            quota = rules.quotas.get(what)
            if quota is not None and (who := rules.whom(session)) is not None:
                self.meters.spend(number, what, who, quota, now, amount)
