"""Where a server listens: which sockets were handed over, and those it has to bind before it gives up root.

With several processes the one above them keeps each address, so that nobody else takes it.
"""

import socket
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from heloise.app.server.entrances import ListenFailed, places
from heloise.config.errors import ConfigError, Problem, did_you_mean
from heloise.config.names import problem
from heloise.config.schema import Configuration
from heloise.mail.cause import Rule
from heloise.net.binding import bind
from heloise.net.service_manager import HandedSocket
from heloise.world import AnyEndpoint, Endpoint, LinkFault, UnixEndpoint


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """An address with the port that was really given.

    `reserved` keeps it from others. `sockets` are those that processes take connections on: one for each, or one for
    all; none when each makes its own.
    """

    endpoint: AnyEndpoint
    reserved: socket.socket | None = field(default=None, repr=False)
    sockets: tuple[socket.socket, ...] = field(default=(), repr=False)

    def socket_of(self, index: int) -> socket.socket | None:
        """That of one process, by its number."""
        return self.sockets[min(index, len(self.sockets) - 1)] if self.sockets else None

    def has_died(self, index: int) -> None:
        """A process has ended without a word: what comes to its socket meanwhile would wait for nobody."""
        if index < len(self.sockets) != 1:
            self.sockets[index].shutdown(socket.SHUT_RDWR)

    def give_up(self) -> None:
        """Nobody listens here any more."""
        for each in (self.reserved, *self.sockets):
            if each is not None:
                each.close()


def match_handed(configuration: Configuration, handed: Sequence[HandedSocket]) -> dict[int, HandedSocket]:
    """The number of a listener → the socket that is for it, by name, else by address.

    Raises:
        ConfigError: a listener names a socket that is not there, or a socket is for no listener.
    """
    left, matched, problems = list(handed), dict[int, HandedSocket](), list[Problem]()
    for index, listener in enumerate(configuration.listeners):
        by_name = [each for each in left if each.name == listener.socket]
        by_address = [each for each in left if listener.socket is None and _is_at(each, listener.address)]
        found = (by_name or by_address)[:1]
        if found:
            matched[index] = found[0]
            left.remove(found[0])
        elif listener.socket is not None and handed:
            hint = did_you_mean(listener.socket, [each.name for each in handed])
            text = f'systemd hands over no socket called "{listener.socket}"'
            problems.append(problem(configuration, ("listener", index, "socket"), text, hint))
    for each in left:
        text = f'systemd hands over the socket "{each.name}" at {each.address}, which is for no [[listener]]'
        hint = f'write socket = "{each.name}" in the one it is for'
        problems.append(Problem(rule=Rule(configuration.places.file, 1), section="", text=text, hint=hint))
    if problems:
        raise ConfigError(problems)
    return matched


def _is_at(handed: HandedSocket, address: AnyEndpoint) -> bool:
    there = handed.address
    if isinstance(there, UnixEndpoint) or isinstance(address, UnixEndpoint):
        return there == address
    # ListenStream=25 is a socket for IPv6 and IPv4 together.
    return there == address or (there.host == "::" and address.host == "0.0.0.0" and there.port == address.port)


def place_alone(
    configuration: Configuration, handed: Mapping[int, HandedSocket], *, binds: bool
) -> list[tuple[AnyEndpoint, socket.socket]]:
    """For one process: the sockets there are for the addresses of its listeners. With `binds` also those of others.

    Raises:
        ListenFailed: one can not be had.
    """
    made: list[tuple[AnyEndpoint, socket.socket]] = []
    for index, listener in enumerate(configuration.listeners):
        if index in handed:
            made.append((listener.address, handed[index].socket))
        elif binds and isinstance(listener.address, Endpoint):
            try:
                made.append((listener.address, bind(listener.address)))
            except OSError as error:
                raise _failed(listener.address, error, index) from error
    return made


@dataclass(frozen=True, slots=True, kw_only=True)
class Placing:
    """How places are made: `handed` are sockets for listeners by their number; with `binds` each of `count` processes
    gets a socket that is bound here."""

    handed: Mapping[int, HandedSocket] = field(default_factory=dict)
    binds: bool = False
    count: int = 1


def place_listeners(
    new: Configuration, old: Configuration, held: Sequence[Place], placing: Placing | None = None
) -> tuple[Place, ...]:
    """A place for each listener of `new`: that of `old` for the same address, of which `held` are the places, or one
    more. Raises ListenFailed: nothing more is held."""
    placing = placing if placing is not None else Placing()
    known = dict(zip(places([each.address for each in old.listeners]), held, strict=False))
    wanted = places([each.address for each in new.listeners])
    ports_left = {
        place.endpoint.port
        for key, place in known.items()
        if key not in wanted and isinstance(place.endpoint, Endpoint)
    }
    made: list[Place] = []
    for index, key in enumerate(wanted):
        try:
            if key in known:
                made.append(known[key])
            elif index in placing.handed:
                made.append(Place(key[0], None, (placing.handed[index].socket,)))
            else:
                made.append(_reserve(key[0], ports_left, placing))
        except OSError as error:
            for place in made:
                if place not in held:
                    place.give_up()
            raise _failed(key[0], error, index) from error
    return tuple(made)


def _failed(address: AnyEndpoint, error: OSError, index: int) -> ListenFailed:
    return ListenFailed(LinkFault.LOCAL, f"can not listen on {address}: {error.strerror}", index)


def _reserve(address: AnyEndpoint, ports_left: set[int], placing: Placing) -> Place:
    """Keep an address for the processes, which can share it; a free port is chosen here. Raises OSError."""
    if not isinstance(address, Endpoint):
        return Place(address)
    target = address
    if address.port not in ports_left:  # on which our own processes still listen
        # Sharing is between our processes only: somebody else's server on this address is an error, as ever.
        with bind(address) as probe:
            target = replace(address, port=probe.getsockname()[1])
    reserved = bind(target, is_shared=True)
    target = replace(address, port=reserved.getsockname()[1])
    sockets = tuple(bind(target, is_shared=True) for _ in range(placing.count if placing.binds else 0))
    return Place(target, reserved, sockets)


def ports_of(held: Sequence[Place]) -> list[int | None]:
    """The port of each, None for a Unix socket or one that was handed over."""
    return [each.endpoint.port if isinstance(each.endpoint, Endpoint) else None for each in held]
