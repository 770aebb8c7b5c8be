"""What goes wrong in a simulated world: drawn from a seed at given rates, or written down exactly.

    FaultPlan(rates=FaultRates(reset=0.1), script=(ConnectionFault(connection=3, trouble=Trouble.RESET, after=120),))

A connection is numbered by when it was asked for, from 1. What is scripted goes before what is drawn, and each
connection draws from a generator of its own, so a script never changes what happens to the others.
"""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum
from typing import Final, TypeVar

T = TypeVar("T")


class Trouble(Enum):
    """What can befall a connection."""

    REFUSE = "the connection is refused"
    UNREACHABLE = "there is no route"
    TIME_OUT = "the connection is never answered"
    RESET = "both sides see a reset"
    HALF_CLOSE = "the sender's octets end as if it had closed its side"
    BLACK_HOLE = "nothing comes through any more, and nobody is told"
    LOSE_REPLY = "the sender writes, the other side sees a reset instead"
    HANDSHAKE = "TLS can not be agreed upon"


AT_CONNECT: Final = frozenset({Trouble.REFUSE, Trouble.UNREACHABLE, Trouble.TIME_OUT})


class Side(Enum):
    """Who dialled, who listened."""

    CLIENT = "client"
    SERVER = "server"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConnectionFault:
    """One trouble of one connection.

    Attributes:
        connection: its number, from 1.
        sender: whose octets are counted and cut off.
        after: so much passes unharmed: octets, or for LOSE_REPLY whole calls of `send`.
    """

    connection: int
    trouble: Trouble
    sender: Side = Side.SERVER
    after: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultRates:
    """How often, from 0 to 1; zero everywhere is a world without faults, but still with latency and cuts.

    Attributes:
        refuse, unreachable, time_out, reset, half_close, black_hole, lose_reply, handshake: per connection.
        server_failure, resolver_time_out, no_such_domain: per DNS question.
        cuts: the share of connections whose octets arrive in pieces other than those sent.
        latency: seconds one way, at least and at most.
        depth: faults within a connection come after at most so many octets (LOSE_REPLY: a hundredth as many sends).
    """

    refuse: float = 0.0
    unreachable: float = 0.0
    time_out: float = 0.0
    reset: float = 0.0
    half_close: float = 0.0
    black_hole: float = 0.0
    lose_reply: float = 0.0
    handshake: float = 0.0
    server_failure: float = 0.0
    resolver_time_out: float = 0.0
    no_such_domain: float = 0.0
    cuts: float = 0.5
    latency: tuple[float, float] = (0.0005, 0.05)
    depth: int = 1000


NO_FAULTS: Final = FaultRates()
ROUGH: Final = FaultRates(
    refuse=0.05,
    unreachable=0.03,
    time_out=0.03,
    reset=0.08,
    half_close=0.03,
    black_hole=0.03,
    lose_reply=0.08,
    server_failure=0.05,
    resolver_time_out=0.05,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultPlan:
    """Rates, and what is to happen exactly."""

    rates: FaultRates = NO_FAULTS
    script: tuple[ConnectionFault, ...] = ()

    def for_connection(self, connection: int, generator: random.Random) -> ConnectionFault | None:
        """The trouble of this connection, if it has one. Draws the same number of values whatever the answer."""
        drawn = self._draw(connection, generator)
        return next((fault for fault in self.script if fault.connection == connection), drawn)

    def _draw(self, connection: int, generator: random.Random) -> ConnectionFault | None:
        lot = generator.random()
        sender = generator.choice((Side.CLIENT, Side.SERVER))
        depth = generator.random()
        trouble = pick(lot, self._chances())
        if trouble is None:
            return None
        if trouble is Trouble.LOSE_REPLY:
            after = int(depth * max(1, self.rates.depth // 100))
            return ConnectionFault(connection=connection, trouble=trouble, sender=Side.SERVER, after=after)
        after = int(depth * self.rates.depth)
        return ConnectionFault(connection=connection, trouble=trouble, sender=sender, after=after)

    def _chances(self) -> tuple[tuple[Trouble, float], ...]:
        rates = self.rates
        return (
            (Trouble.REFUSE, rates.refuse),
            (Trouble.UNREACHABLE, rates.unreachable),
            (Trouble.TIME_OUT, rates.time_out),
            (Trouble.RESET, rates.reset),
            (Trouble.HALF_CLOSE, rates.half_close),
            (Trouble.BLACK_HOLE, rates.black_hole),
            (Trouble.LOSE_REPLY, rates.lose_reply),
            (Trouble.HANDSHAKE, rates.handshake),
        )


def pick(lot: float, chances: Iterable[tuple[T, float]]) -> T | None:
    """The one of `chances` (a thing and how often it happens) that `lot`, from 0 to 1, falls on; None beyond all."""
    for thing, rate in chances:
        if lot < rate:
            return thing
        lot -= rate
    return None


NO_PLAN: Final = FaultPlan()
