"""`[[quota]]`: how much somebody may do in a time."""

from collections.abc import Iterator
from dataclasses import dataclass

from heloise.config.kinds import Network
from heloise.policy.meters import Metered, Per, Quota


@dataclass(frozen=True, slots=True, kw_only=True)
class Quotas:
    """`[[quota]]`: how much a client, a network or a user may do in a time. There may be several; all of them count.
    What is too much is refused for now: 421 4.7.0 at the greeting, else 450 4.7.1. With several `processes` each counts
    for itself what comes to it, and has its part of the amount."""

    per: Per
    """Who is counted as one: "client", an IPv4 address or an IPv6 /64; "network", a /24 or /64; "user", who has proven
    by AUTH who it is."""

    networks: tuple[Network, ...] = ()
    """Only for clients from there; for all when none is named."""

    connections: Quota | None = None
    """Connections, such as "60/1m"."""

    messages: Quota | None = None
    """Messages begun (MAIL), such as "100/1h"."""

    recipients: Quota | None = None
    """Recipients that would be taken, such as "1000/1h"."""

    octets: Quota | None = None
    """Octets of messages that were taken, such as "1 GiB/1d"."""

    errors: Quota | None = None
    """Refused commands, unknown recipients among them: who has made too many is not greeted for a while."""

    lookups: Quota | None = None
    """VRFY and EXPN, such as "20/1m"."""

    def amounts(self) -> Iterator[tuple[Metered, Quota]]:
        """Those that are set."""
        for what in Metered:
            quota = getattr(self, what.value)
            if quota is not None:
                yield what, quota
