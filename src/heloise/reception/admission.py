"""Who may do what, by where they come from. Pure. RFC 5321 §3.6.2 (relaying), §7.3 (VRFY, EXPN tell about users)."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import Enum
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import TypeAlias

from heloise.mail.cause import Cause
from heloise.smtp.extension import FOR_SPOKESMEN
from heloise.world import Endpoint, UnixEndpoint

Network: TypeAlias = IPv4Network | IPv6Network


class Audience(Enum):
    """Whom an extension is for."""

    OFF = "off"
    LOOPBACK = "loopback"  # programs on this machine
    RELAY = "relay"  # clients that may relay
    ANY = "any"


# EXPN and VERB tell about users and the network, so strangers do not get them unless the operator says so.
DEFAULT_AUDIENCES: Mapping[str, Audience] = {
    "EXPN": Audience.LOOPBACK,
    "VERB": Audience.LOOPBACK,
    "VRFY": Audience.RELAY,
    "ETRN": Audience.RELAY,
    "ATRN": Audience.OFF,  # but on a listener for it
    "FUTURERELEASE": Audience.RELAY,  # RFC 4865 §1: for who submits mail; "any" on a listener of users
    "MT-PRIORITY": Audience.RELAY,  # RFC 6710 §8: not by a stranger's word; likewise
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Admission:
    """What one client may do. `address` is an IP address, "unix", or "unknown"; `name` its host name, where a proxy has
    told it; `local` where it connected to, likewise. With a `refusal` it is sent away at the greeting for that."""

    address: str
    port: int = 0
    may_relay: bool
    is_local: bool = False  # a program on this machine
    mends_line_endings: bool = False  # are its bare LFs made CRLF?
    permitted: frozenset[str]
    name: str | None = None
    local: Endpoint | None = None
    refusal: Cause | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AdmissionPolicy:
    """The rules of one listener. An extension that `audiences` does not name is for all. `granted` are networks whose
    clients may use an extension whatever its audience is, unless that is nobody; XCLIENT and XFORWARD are for those
    alone. `line_endings` says of networks, the first that has the client counts, whether bare LFs are mended."""

    keywords: frozenset[str]
    relay_networks: tuple[Network, ...] = ()
    granted: Mapping[str, tuple[Network, ...]] = field(default_factory=dict)
    line_endings: tuple[tuple[tuple[Network, ...], bool], ...] = ()
    audiences: Mapping[str, Audience] = field(default_factory=lambda: DEFAULT_AUDIENCES)
    _permitted: dict[frozenset[Audience], frozenset[str]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # One set for each sort of client, shared by all sessions of it.
        object.__setattr__(self, "_permitted", {})

    def admit(self, peer: Endpoint | UnixEndpoint) -> Admission:
        """What a client from there may do. Somebody on a Unix socket is on this machine."""
        if isinstance(peer, UnixEndpoint):
            loopback, may_relay, address, port = True, True, "unix", 0
            parsed: IPv4Address | IPv6Address = ip_address("127.0.0.1")
        else:
            address, port = peer.host.partition("%")[0], peer.port  # without the zone of a link-local address
            parsed = ip_address(address)
            loopback = parsed.is_loopback
            may_relay = any(parsed in network for network in self.relay_networks)
        audiences = {Audience.ANY}
        if loopback:
            audiences.add(Audience.LOOPBACK)
        if may_relay:
            audiences.add(Audience.RELAY)
        permitted = self._for(frozenset(audiences))
        for keyword, networks in self.granted.items():
            if keyword not in self.keywords or self.audiences.get(keyword) is Audience.OFF:
                continue
            if any(parsed in network for network in networks):
                permitted |= {keyword}
        mends = self._mends(parsed) if self.line_endings else False
        return Admission(
            address=address,
            port=port,
            may_relay=may_relay,
            permitted=permitted,
            is_local=loopback,
            mends_line_endings=mends,
        )

    def _mends(self, client: IPv4Address | IPv6Address) -> bool:
        for networks, mends in self.line_endings:
            if any(client in network for network in networks):
                return mends
        return False

    def admit_stranger(self, address: str) -> Admission:
        """What somebody may do of whom is known at most by whom he comes (from `address`): no more than anybody."""
        return Admission(address=address, may_relay=False, permitted=self._for(frozenset({Audience.ANY})))

    def _for(self, audiences: frozenset[Audience]) -> frozenset[str]:
        known = self._permitted.get(audiences)
        if known is None:
            known = self._permitted[audiences] = frozenset(
                keyword
                for keyword in self.keywords - FOR_SPOKESMEN
                if self.audiences.get(keyword, Audience.ANY) in audiences
            )
        return known


def address_of(peer: Endpoint | UnixEndpoint) -> str:
    """An IP address, without the zone of a link-local one; "unix" for a Unix socket."""
    return "unix" if isinstance(peer, UnixEndpoint) else peer.host.partition("%")[0]


def contains(networks: Iterable[Network], peer: Endpoint | UnixEndpoint) -> bool:
    """Does the peer come from one of them? Somebody on a Unix socket counts as 127.0.0.1."""
    address = ip_address("127.0.0.1" if isinstance(peer, UnixEndpoint) else address_of(peer))
    return any(address in network for network in networks)
