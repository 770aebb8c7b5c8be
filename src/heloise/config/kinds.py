"""The kinds of values a configuration has beside text, numbers and truth: durations, sizes, networks, addresses.

Each is a type for the schema and a function that reads it as it is written. The functions raise ValueError with the
end of a sentence that began with the name of the key.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network
from pathlib import PurePosixPath
from posixpath import normpath
from typing import NewType, TypeAlias, assert_never

from heloise.delivery.rate import Rate
from heloise.faults.rule import FaultReply
from heloise.mail.address import AddressError, Mailbox, check_domain
from heloise.mail.route import Route, Transport
from heloise.policy.meters import Quota
from heloise.policy.weight import Weight
from heloise.routing.entries import INCLUDE
from heloise.world.network import AnyEndpoint, Endpoint, UnixEndpoint

Seconds = NewType("Seconds", float)
Octets = NewType("Octets", int)
Domain = NewType("Domain", str)  # in lower case
Name = NewType("Name", str)  # `alice`, or `alice@example.org`
AliasTarget = NewType("AliasTarget", str)  # a name, or `:include:/path`
AbsolutePath = NewType("AbsolutePath", str)
Processes = NewType("Processes", int)  # 0 for one a processor
AgentName = NewType("AgentName", str)
Network: TypeAlias = IPv4Network | IPv6Network

_DURATION = re.compile(r"(?:\d+(?:\.\d+)?[smhdw])+")
_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)([smhdw])")
MOST_PROCESSES = 64
LARGEST = (1 << 63) - 1  # TOML promises no more, and SQLite keeps no more
_LONGEST = 100 * 365 * 86400
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"(\d+(?:\.\d+)?) ?(B|[KMGT]i?B)")
_POWERS = {"K": 1, "M": 2, "G": 3, "T": 4}


@dataclass(frozen=True, slots=True)
class Kind:
    """How a kind of value is called, how it is written, and who reads it.

    `read` gets the text and the directory of the configuration, which relative paths begin at.
    """

    name: str
    example: str
    read: Callable[[str, PurePosixPath], object]


def read_duration(text: str) -> Seconds:
    """`30s`, `5m`, `2h`, `5d`, `1w` or several of them, as in `1h30m`, in seconds. Raises ValueError."""
    if _DURATION.fullmatch(text) is None:
        raise ValueError('is not a duration; write it like "30s", "5m", "2h", "5d" or "1h30m"')
    seconds = sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))
    if seconds > _LONGEST:
        raise ValueError("is longer than a hundred years")
    return Seconds(seconds)


def write_duration(seconds: float) -> str:
    """The shortest way to write `seconds`, such as `1h30m`."""
    parts, left = [], seconds
    for unit in "wdhm":
        count, left = divmod(left, _SECONDS[unit])
        if count:
            parts.append(f"{count:.0f}{unit}")
    if left or not parts:
        parts.append(f"{left:g}s")
    return "".join(parts)


def read_size(text: str) -> Octets:
    """`512 B`, `100 KB` (1000 octets each), `35 MiB` (1024 times 1024 each), in octets. Raises ValueError."""
    found = _SIZE.fullmatch(text)
    if found is None:
        raise ValueError('is not a size; write it like "35 MiB", "512 KiB" or "10 MB", or as a number of octets')
    unit = found[2]
    factor = (1024 if "i" in unit else 1000) ** _POWERS.get(unit[0], 0)
    octets = float(found[1]) * factor
    if octets > LARGEST:
        raise ValueError("is too large")
    return Octets(round(octets))


def write_size(octets: int) -> str:
    """A size for reading: in the largest unit that leaves it short, such as `35 MiB`."""
    for power, letter in ((4, "T"), (3, "G"), (2, "M"), (1, "K")):
        if octets >= 1024**power:
            return f"{octets / 1024**power:.4g} {letter}iB"
    return f"{octets} B"


def read_quota(text: str) -> Quota:
    """`100/1h`, `20/m`, `1 GiB/1d`. Raises ValueError."""
    amount, slash, time = text.partition("/")
    try:
        count = int(amount) if amount.isascii() and amount.isdigit() else read_size(amount)
        seconds = read_duration(time if time[:1].isdigit() else f"1{time}")
    except ValueError:
        count, seconds = 0, Seconds(0)
    if not slash or count <= 0 or seconds <= 0:
        raise ValueError('is no amount in a time; write it like "100/1h", "20/1m" or "1 GiB/1d"')
    return Quota(count, seconds)


def write_quota(quota: Quota) -> str:
    """As one would write it."""
    return f"{quota.amount}/{write_duration(quota.seconds)}"


def read_processes(text: str) -> Processes:
    """`auto`, or a number that may be written without quotes as well. Raises ValueError."""
    if text == "auto":
        return Processes(0)
    if not (text.isascii() and text.isdigit() and 1 <= int(text) <= MOST_PROCESSES):
        raise ValueError(f'is not a number of processes; write "auto", or a number from 1 to {MOST_PROCESSES}')
    return Processes(int(text))


def read_domain(text: str) -> Domain:
    """A domain or address literal, in lower case. Raises ValueError."""
    try:
        return Domain(check_domain(text).lower())
    except AddressError:
        raise ValueError('is not a domain; write it like "example.org"') from None


def read_route_domain(text: str) -> str:
    """A domain, or `.example.org` for all below it. Raises ValueError."""
    return ("." if text.startswith(".") else "") + read_domain(text.removeprefix("."))


def read_name(text: str) -> Name:
    """A local part, or an address. Raises ValueError."""
    try:
        Mailbox.from_text(text if "@" in text else f"{text}@localhost")
    except AddressError:
        raise ValueError('is not a name; write it like "alice" or "alice@example.org"') from None
    return Name(text)


def read_alias_target(text: str, directory: PurePosixPath) -> AliasTarget:
    """A name, or `:include:path` for those a file names. Raises ValueError."""
    if text.startswith(INCLUDE):
        return AliasTarget(INCLUDE + read_path(text.removeprefix(INCLUDE).strip(), directory))
    return AliasTarget(read_name(text))


def read_mailbox(text: str) -> Mailbox:
    """A whole address. Raises ValueError."""
    try:
        return Mailbox.from_text(text)
    except AddressError:
        raise ValueError('is not an address; write it like "alice@example.org"') from None


def read_network(text: str) -> Network:
    """`192.0.2.0/24`, `2001:db8::/32`, or one address. Raises ValueError."""
    try:
        return ip_network(text)
    except ValueError as error:
        if "host bits" in str(error):
            raise ValueError(
                f'has bits outside its network; did you mean "{ip_network(text, strict=False)}"?'
            ) from None
        raise ValueError('is not a network; write it like "192.0.2.0/24", "2001:db8::/32" or "192.0.2.1"') from None


def read_endpoint(text: str, directory: PurePosixPath) -> AnyEndpoint:
    """`127.0.0.1:25`, `[::1]:25`, `host.example:25` or `unix:/path` (relative to the file). Raises ValueError."""
    if text.startswith("unix:"):
        return UnixEndpoint(read_path(text.removeprefix("unix:"), directory))
    host, colon, port = text.rpartition(":")
    if not colon or not host:
        raise ValueError('has no port; write it like "127.0.0.1:25", "[::1]:25" or "unix:/run/heloise.sock"')
    if not (port.isascii() and port.isdigit()) or int(port) > 65535:
        raise ValueError(f'has the port "{port}"; a port is a number from 0 to 65535')
    return Endpoint(_host(host), int(port))


def _host(text: str) -> str:
    if text.startswith("[") and text.endswith("]"):
        inner = text[1:-1]
        if _is_ip(inner) and ":" in inner:
            return inner
        raise ValueError("has something else than an IPv6 address in its brackets")
    if ":" in text:
        raise ValueError('has an IPv6 address without brackets; write it like "[::1]:25"')
    looks_like_ip = re.fullmatch(r"[\d.]+", text) is not None
    if looks_like_ip and not _is_ip(text):
        raise ValueError(f'has "{text}", which is not an IP address')
    return text if looks_like_ip else read_domain(text)


def _is_ip(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def read_route(text: str, directory: PurePosixPath) -> Route:
    """`smtp:host:port`, `smtp:host:port,host:port`, `smtps:host:465`, `lmtp:unix:/path`, `mx:domain`,
    `maildir:account`, `atrn:domain`, `pipe:name`, `http:name`, `catch:`, `discard:`. Raises ValueError."""
    try:
        route = Route.parse(text)
    except ValueError as error:
        raise ValueError(f"is not a route: {error}") from None
    match route.transport:
        case Transport.SMTP | Transport.SMTPS | Transport.LMTP:
            return Route(route.transport, _read_hosts(route.target, directory))
        case Transport.MX:
            return Route(route.transport, read_domain(route.target))
        case Transport.ATRN:
            return Route(route.transport, read_domain(route.target), on_request=True)
        case Transport.MAILDIR:
            return Route(route.transport, read_account(route.target))
        case Transport.PIPE | Transport.HTTP:
            return Route(route.transport, read_agent_name(route.target))
        case Transport.CATCH | Transport.DISCARD:
            return route
        case _:
            assert_never(route.transport)


def _read_hosts(text: str, directory: PurePosixPath) -> str:
    """One endpoint, or several hosts with commas between them, to be tried in this order."""
    if text.startswith("unix:"):
        return str(read_endpoint(text, directory))
    endpoints = [read_endpoint(part.strip(), directory) for part in text.split(",")]
    if any(isinstance(endpoint, UnixEndpoint) for endpoint in endpoints):
        raise ValueError("has a Unix socket beside a host; only hosts can stand in for one another")
    if any(isinstance(endpoint, Endpoint) and endpoint.port == 0 for endpoint in endpoints):
        raise ValueError("has the port 0, which can only be listened on")
    return ",".join(map(str, endpoints))


def read_account(text: str) -> str:
    """The name of a mailbox, fit to be a part of a path. Raises ValueError."""
    if not text or text.startswith(".") or "/" in text or "\0" in text:
        raise ValueError("can not name a mailbox: it becomes part of a path, so it has no slash and no leading dot")
    return text


def read_agent_name(text: str) -> AgentName:
    """The name of a [[pipe]] or a [[hook]]. Raises ValueError."""
    if re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_.-]*", text) is None:
        raise ValueError('is not a name for a program or a service; write it like "procmail"')
    return AgentName(text)


def read_path(text: str, directory: PurePosixPath) -> AbsolutePath:
    """A path; a relative one begins at `directory`. Raises ValueError."""
    if not text or "\0" in text:
        raise ValueError("is not a path")
    return AbsolutePath(normpath(directory / text))


RouteDomain = NewType("RouteDomain", str)  # in lower case; `.example.org` means all below it
Account = NewType("Account", str)

KINDS: Mapping[object, Kind] = {
    Seconds: Kind("a duration", '"5m"', lambda text, _: read_duration(text)),
    Octets: Kind("a size", '"35 MiB"', lambda text, _: read_size(text)),
    Processes: Kind("a number of processes", '"auto" or 4', lambda text, _: read_processes(text)),
    Domain: Kind("a domain", '"example.org"', lambda text, _: read_domain(text)),
    RouteDomain: Kind("a domain", '"example.org" or ".example.org"', lambda text, _: read_route_domain(text)),
    AliasTarget: Kind("a name", '"alice", "alice@example.org" or ":include:/etc/lists/team"', read_alias_target),
    Name: Kind("a name", '"alice" or "alice@example.org"', lambda text, _: read_name(text)),
    Account: Kind("the name of a mailbox", '"alice"', lambda text, _: read_account(text)),
    AgentName: Kind("a name", '"procmail"', lambda text, _: read_agent_name(text)),
    Mailbox: Kind("an address", '"alice@example.org"', lambda text, _: read_mailbox(text)),
    Network: Kind("a network", '"192.0.2.0/24"', lambda text, _: read_network(text)),
    AnyEndpoint: Kind("an endpoint", '"127.0.0.1:25" or "unix:/run/heloise.sock"', read_endpoint),
    Route: Kind("a route", '"smtp:mail.example.org:25"', read_route),
    FaultReply: Kind("a reply", '"451 4.3.0 Try again later"', lambda text, _: FaultReply.parse(text)),
    Quota: Kind("an amount in a time", '"100/1h" or "1 GiB/1d"', lambda text, _: read_quota(text)),
    Weight: Kind("a weight", '"refuse", "off" or 2.5', lambda text, _: Weight.parse(text)),
    Rate: Kind("a rate", '"100/1m"', lambda text, _: Rate.parse(text)),
    AbsolutePath: Kind("a path", '"state"', read_path),
}
