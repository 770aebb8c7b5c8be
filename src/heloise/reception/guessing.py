"""Guessing of passwords: who has been wrong too often is not listened to for a while. Pure; times are given.

Counted by client address and by user. A user's count is the higher one: else anybody could lock out anybody.
"""

from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address

PER_CLIENT, PER_USER = 10, 50
WINDOW = 600.0  # seconds that a wrong password counts
_MOST_KNOWN = 50_000  # clients and users that are remembered; beyond that the oldest are forgotten


class Guesses:
    """Wrong passwords of late."""

    def __init__(
        self,
        *,
        per_client: int = PER_CLIENT,
        per_user: int = PER_USER,
        window: float = WINDOW,
        known: int = _MOST_KNOWN,
    ) -> None:
        self._limits = {"client": per_client, "user": per_user}
        self._window = window
        self._wrong: OrderedDict[tuple[str, str], deque[float]] = OrderedDict()

    def locked(self, client: str | None, user: str, now: float) -> str | None:
        """ "client" or "user" when that one has been wrong too often, else None. `client` is None for one that is not
        counted: a program on this machine, which may speak for many users."""
        for kind, name in _keys(client, user):
            times = self._wrong.get((kind, name))
            # Those that are refused now are not counted, so the lock ends by itself.
            if times and sum(time > now - self._window for time in times) >= self._limits[kind]:
                return kind
        return None

    def was_wrong(self, client: str | None, user: str, now: float) -> None:
        """One more wrong password."""
        for key in _keys(client, user):
            times = self._wrong.setdefault(key, deque(maxlen=self._limits[key[0]]))
            times.append(now)
            self._wrong.move_to_end(key)
        while len(self._wrong) > _MOST_KNOWN:
            self._wrong.popitem(last=False)

    def was_right(self, client: str | None, user: str) -> None:
        """The last one that was counted was right after all. What was wrong before it still counts."""
        for key in _keys(client, user):
            times = self._wrong.get(key)
            if times:
                times.pop()


def _keys(client: str | None, user: str) -> tuple[tuple[str, str], ...]:
    return (("user", user),) if client is None else (("client", _network(client)), ("user", user))


def _network(client: str) -> str:
    """Who has an IPv6 address has at least a /64 of them; whoever a proxy can not tell of is one with all such."""
    try:
        address = ip_address(client)
    except ValueError:
        return client
    return str(int(address) >> 64) if isinstance(address, IPv6Address) else client
