"""The listeners of a server, as a reload finds and leaves them.

New sockets are opened before anything is given up. A listener that stays keeps its socket, and what is accepted from
then on goes to another door; so no connection is refused meanwhile, and nobody who is inside is sent away.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from heloise.app.configured.regime import Regime
from heloise.config.listening import Listener
from heloise.reception.door import Door
from heloise.world import AnyEndpoint, Endpoint, LinkError, LinkFault, Listening, Network, UnixEndpoint


class ListenFailed(LinkError):
    """An address can not be listened on: that of the listener with this number in its configuration."""

    def __init__(self, fault: LinkFault, detail: str, index: int) -> None:
        super().__init__(fault, detail)
        self.index = index


@dataclass(slots=True)
class Entrance:
    """A listener, its socket, and the door behind it."""

    listener: Listener
    listening: Listening
    door: Door
    is_new: bool = True


def places(addresses: Sequence[AnyEndpoint]) -> list[tuple[AnyEndpoint, int]]:
    """Each address, and the how many-th of its kind it is: "127.0.0.1:0" may be there more than once. Pure."""
    seen: Counter[AnyEndpoint] = Counter()
    named = []
    for address in addresses:
        named.append((address, seen[address]))
        seen[address] += 1
    return named


class Entrances:
    """Those that are open. `door_for` makes the door of a listener, which has this number in its configuration."""

    def __init__(
        self, network: Network, door_for: Callable[[Regime, Listener, int], Door], *, has_unix_sockets: bool = True
    ) -> None:
        self._network = network
        self._door_for = door_for
        self._has_unix_sockets = has_unix_sockets
        self._open: list[Entrance] = []
        self._given_up: list[Entrance] = []  # while others are being prepared that need their ports

    @property
    def listening(self) -> list[Listening]:
        """Their sockets, in the order of the configuration."""
        return [each.listening for each in self._open]

    @property
    def doors(self) -> list[Door]:
        """What is behind them."""
        return [each.door for each in self._open]

    async def prepare(self, regime: Regime) -> list[Entrance]:
        """Those there would be: with sockets that are open already, or are now. Nobody is let in by others than before,
        but by new sockets. `commit` or `abandon` comes next.

        Raises:
            ListenFailed: an address can not be listened on; everything is as it was.
        """
        listeners = [
            (index, each)
            for index, each in enumerate(regime.configuration.listeners)
            if self._has_unix_sockets or not isinstance(each.address, UnixEndpoint)
        ]
        known = dict(zip(places([each.listener.address for each in self._open]), self._open, strict=True))
        wanted = places([each.address for _, each in listeners])
        leaving = [entrance for place, entrance in known.items() if place not in wanted]
        made: list[Entrance] = []
        try:
            for (index, listener), place in zip(listeners, wanted, strict=True):
                door = self._door_for(regime, listener, index)
                if place in known:
                    made.append(Entrance(listener, known[place].listening, door, is_new=False))
                else:
                    made.append(Entrance(listener, await self._listen(index, listener.address, door, leaving), door))
        except BaseException:
            await self.abandon(made)
            raise
        return made

    async def commit(self, entrances: list[Entrance]) -> list[Door]:
        """These are open from now on. The doors that nobody comes in by any more, though some may still be inside."""
        before, self._open = self._open, entrances
        for entrance in entrances:
            if not entrance.is_new:
                entrance.listening.use(entrance.door.serve)
        stays = [entrance.listening for entrance in entrances]
        for each in before:
            if each.listening not in stays:
                await each.listening.close()
        self._given_up.clear()
        return [each.door for each in before]

    async def abandon(self, entrances: Sequence[Entrance]) -> None:
        """It is not to be. Raises LinkError when what was given up can not be opened again."""
        for entrance in entrances:
            if entrance.is_new:
                await entrance.listening.close()
        while self._given_up:
            each = self._given_up.pop()
            each.listening = await self._network.listen(each.listening.local, each.door.serve)

    async def _listen(self, index: int, address: AnyEndpoint, door: Door, leaving: Sequence[Entrance]) -> Listening:
        """An address may be in the way of another one with its port, such as 127.0.0.1:25 of 0.0.0.0:25."""
        try:
            try:
                return await self._network.listen(address, door.serve)
            except LinkError:
                in_the_way = [each for each in leaving if _has_port_of(each, address) and each not in self._given_up]
                if not in_the_way:
                    raise
            for each in in_the_way:
                await each.listening.close()
                self._given_up.append(each)
            return await self._network.listen(address, door.serve)
        except LinkError as error:
            raise ListenFailed(error.fault, error.detail, index) from error


def _has_port_of(entrance: Entrance, address: AnyEndpoint) -> bool:
    local = entrance.listening.local
    return isinstance(local, Endpoint) and isinstance(address, Endpoint) and local.port == address.port
