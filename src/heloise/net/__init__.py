"""The real doors: sockets, DNS, disk, threads, programs, time. The only room that knows asyncio's transports.

`real_world()` puts them together; nothing is opened, resolved or started before its first use.
"""

import socket
from collections.abc import Sequence

from heloise.net.blocking import Threads
from heloise.net.clock import SystemClock
from heloise.net.entropy import SystemEntropy
from heloise.net.files import DiskFiles
from heloise.net.http import WebClient
from heloise.net.network import SocketNetwork
from heloise.net.processes import SystemProcesses
from heloise.net.resolver import DnsResolver
from heloise.net.stream import InputSpace, SocketStream
from heloise.net.tls import given_tls
from heloise.world import AnyEndpoint, Endpoint, World

__all__ = [
    "DiskFiles",
    "DnsResolver",
    "InputSpace",
    "SocketNetwork",
    "SocketStream",
    "SystemClock",
    "SystemEntropy",
    "SystemProcesses",
    "Threads",
    "WebClient",
    "given_tls",
    "real_world",
]


def real_world(
    *,
    nameservers: Sequence[Endpoint] = (),
    threads: int = 8,
    share_ports: bool = False,
    handed: Sequence[tuple[AnyEndpoint, socket.socket]] = (),
) -> World:
    """The world as it is.

    Args:
        nameservers: ask these instead of those in /etc/resolv.conf.
        threads: at most so many for blocking work; a lane has one of its own besides.
        share_ports, handed: see `SocketNetwork`.
    """
    return World(
        clock=SystemClock(),
        entropy=SystemEntropy(),
        resolver=DnsResolver(nameservers),
        network=SocketNetwork(share_ports=share_ports, handed=handed),
        files=DiskFiles(),
        blocking=Threads(name="heloise-blocking", count=threads),
        processes=SystemProcesses(),
        http=WebClient(),
    )
