"""Where several processes listen: the process above them keeps each address, so that nobody else takes it."""

import socket
from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from heloise.app.entrances import ListenFailed, places
from heloise.config.schema import Configuration
from heloise.world import AnyEndpoint, Endpoint, LinkFault


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """An address with the port that was really given, and the socket that keeps it."""

    endpoint: AnyEndpoint
    reserved: socket.socket | None = field(default=None, repr=False)

    def give_up(self) -> None:
        """Nobody listens here any more."""
        if self.reserved is not None:
            self.reserved.close()


def place_listeners(new: Configuration, old: Configuration, held: Sequence[Place]) -> tuple[Place, ...]:
    """A place for each listener of `new`: that of `old` for the same address, of which `held` are the places, or one
    more. Raises ListenFailed: nothing more is held."""
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
            made.append(known[key] if key in known else _reserve(key[0], ports_left))
        except OSError as error:
            for place in made:
                if place not in held:
                    place.give_up()
            text = f"can not listen on {key[0]}: {error.strerror}"
            raise ListenFailed(LinkFault.LOCAL, text, index) from error
    return tuple(made)


def _reserve(address: AnyEndpoint, ports_left: set[int]) -> Place:
    """Keep an address for the processes, which can share it; a free port is chosen here. Raises OSError."""
    if not isinstance(address, Endpoint):
        return Place(address)
    family, _, _, _, target = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)[0]
    if address.port not in ports_left:  # on which our own processes still listen
        # Sharing is between our processes only: somebody else's server on this address is an error, as ever.
        with socket.socket(family) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(target)
            target = probe.getsockname()
    reserved = socket.socket(family)
    try:
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        reserved.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        reserved.bind(target)
    except OSError:
        reserved.close()
        raise
    return Place(replace(address, port=reserved.getsockname()[1]), reserved)


def ports_of(held: Sequence[Place]) -> list[int | None]:
    """The port of each, None for a Unix socket."""
    return [each.endpoint.port if isinstance(each.endpoint, Endpoint) else None for each in held]
