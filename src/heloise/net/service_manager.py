"""What systemd and a service say to each other: sockets that are handed over, and notifications. sd_listen_fds(3),
sd_notify(3)."""

import os
import socket
import time
from collections.abc import MutableMapping
from contextlib import suppress
from dataclasses import dataclass

from heloise.world.network import AnyEndpoint, Endpoint, UnixEndpoint

_FIRST = 3  # SD_LISTEN_FDS_START


@dataclass(frozen=True, slots=True)
class HandedSocket:
    """A listening socket that the service manager has made. `name` is its FileDescriptorName."""

    name: str
    socket: socket.socket

    @property
    def address(self) -> AnyEndpoint:
        """Where it listens."""
        address = self.socket.getsockname()
        return UnixEndpoint(address) if isinstance(address, str) else Endpoint(address[0], address[1])


def handed_sockets(environment: MutableMapping[str, str]) -> list[HandedSocket]:
    """Those that are for this process; taken out of `environment`, so that nobody it starts takes them for its own.

    Raises:
        ValueError: what is handed over are no sockets for streams.
    """
    pid = environment.pop("LISTEN_PID", "")
    count, names = environment.pop("LISTEN_FDS", "0"), environment.pop("LISTEN_FDNAMES", "")
    if pid != str(os.getpid()):
        return []
    found = []
    for number, name in zip(range(int(count)), [*names.split(":"), *[""] * int(count)], strict=False):
        descriptor = _FIRST + number
        os.set_inheritable(descriptor, False)
        try:
            made = socket.socket(fileno=descriptor)
        except OSError as error:
            raise ValueError(f"descriptor {descriptor} ({name}) is no socket") from error
        made.setblocking(False)
        if made.type != socket.SOCK_STREAM:
            raise ValueError(f"socket {descriptor} ({name}) is not for connections (ListenStream=)")
        found.append(HandedSocket(name, made))
    return found


class ServiceManager:
    """Told how the service is; silent where nobody listens. Takes its addresses out of `environment`."""

    def __init__(self, environment: MutableMapping[str, str]) -> None:
        self._address = environment.pop("NOTIFY_SOCKET", "")
        patience = environment.pop("WATCHDOG_USEC", "")
        for_us = environment.pop("WATCHDOG_PID", str(os.getpid())) == str(os.getpid())
        self.watchdog: float | None = int(patience) / 1e6 if patience.isdigit() and for_us else None
        """Seconds within which it wants a sign of life."""

    def ready(self, status: str) -> None:
        """The service does its work, or does it again after a reload."""
        self.tell("READY=1", f"STATUS={status}")

    def reloading(self) -> None:
        """Another configuration is being read."""
        self.tell("RELOADING=1", f"MONOTONIC_USEC={time.clock_gettime_ns(time.CLOCK_MONOTONIC) // 1000}")

    def stopping(self) -> None:
        """A stop was asked for."""
        self.tell("STOPPING=1", "STATUS=Stopping; sessions and attempts get to end")

    def alive(self) -> None:
        """A sign of life."""
        self.tell("WATCHDOG=1")

    def tell(self, *lines: str) -> None:
        """One notification. Never raises, never waits."""
        if not self._address:
            return
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as link:
            link.setblocking(False)
            link.sendto("\n".join(lines).encode(), address)
