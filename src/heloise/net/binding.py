"""Listening sockets that are bound before there is an event loop: as root, for a user who may not, or for others."""

import socket

from heloise.world.network import Endpoint


def bind(endpoint: Endpoint, *, is_shared: bool = False) -> socket.socket:
    """A socket at this address, which nobody listens on yet. `is_shared`: with others of the same user (SO_REUSEPORT).

    Raises:
        OSError: it can not be had.
    """
    family, _, _, _, target = socket.getaddrinfo(endpoint.host, endpoint.port, type=socket.SOCK_STREAM)[0]
    made = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        made.setblocking(False)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if is_shared:
            made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        if family == socket.AF_INET6:
            made.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
        made.bind(target)
    except BaseException:
        made.close()
        raise
    return made
