"""The errors of the outside, mapped once: `LinkError` for connections, `ResolverError` for DNS.

`net` (and the simulated world) translate `OSError`, `ssl.SSLError` and DNS exceptions to these; above them nobody
catches a foreign one.
"""

from enum import Enum


class LinkFault(Enum):
    """What went wrong with a connection."""

    REFUSED = "connection refused"
    UNREACHABLE = "no route to host"
    TIMED_OUT = "timed out"
    RESET = "connection reset by peer"
    CLOSED = "connection closed by peer"
    TLS = "TLS failed"
    UNVERIFIED = "certificate not verified"
    INJECTED = "plaintext before the TLS handshake"
    LOCAL = "local trouble"


class LinkError(Exception):
    """A connection could not be made, or was lost."""

    def __init__(self, fault: LinkFault, detail: str = "") -> None:
        super().__init__(f"{fault.value}: {detail}" if detail else fault.value)
        self.fault = fault
        self.detail = detail


class ResolverFault(Enum):
    """How a DNS question failed. RFC 5321 §5.1 treats the two sorts differently: bounce or try again."""

    NO_SUCH_DOMAIN = "no such domain"
    SERVER_FAILURE = "name server failure"
    TIMED_OUT = "name server timed out"


class ResolverError(Exception):
    """A DNS question was not answered. An empty answer is not an error but an empty tuple."""

    def __init__(self, fault: ResolverFault, name: str) -> None:
        super().__init__(f"{fault.value}: {name}")
        self.fault = fault
        self.name = name
