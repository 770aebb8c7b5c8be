"""Who is counted as one: an address, and the network around it."""

from ipaddress import IPv4Address, IPv6Address, ip_network


def client_of(address: IPv4Address | IPv6Address) -> str:
    """The client as one: an IPv4 address, or the /64 that whoever has an IPv6 address has at least."""
    return str(address) if isinstance(address, IPv4Address) else str(ip_network((address, 64), strict=False))


def network_of(address: IPv4Address | IPv6Address) -> str:
    """Its network: a /24, or a /64; hosts of one sender come from one."""
    length = 24 if isinstance(address, IPv4Address) else 64
    return str(ip_network((address, length), strict=False))
