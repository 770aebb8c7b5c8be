"""One attempt for the recipients of one message that share a route, and the shape of an agent that makes it.

To add an agent, write a file in agents/ that ends with `AGENT = DeliveryAgent(...)`; the sorted walk finds it.
"""

import importlib
import pkgutil
from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, TypeAlias

from heloise.delivery.allowance import Bounds
from heloise.delivery.hook import Hook
from heloise.delivery.journal import HostTried
from heloise.delivery.logins import Logins
from heloise.delivery.next_hop import Found, NextHopGroup
from heloise.delivery.sessions import Sessions
from heloise.delivery.troubles import Troubles
from heloise.local.mailboxes import LocalMailboxes
from heloise.local.program import PipeProgram
from heloise.mail.content import Content
from heloise.mail.outcome import Outcome
from heloise.mail.route import Route, Transport
from heloise.queue.model import QueuedMessage, QueuedRecipient
from heloise.smtp.extension import Extension
from heloise.smtp.transaction import ClientTimeouts
from heloise.world import OutgoingTls, World

Narrate: TypeAlias = Callable[[str], None]


def silent(line: str) -> None:
    """Nobody listens."""


class DeliveryAttempt:
    """What an agent works on. It says `decide` for each recipient as soon as its fate is known.

    So a recipient that was delivered stays delivered when the attempt breaks later, by an error or by being cancelled.
    """

    def __init__(
        self,
        message: QueuedMessage,
        route: Route,
        content: Content,
        *,
        group: NextHopGroup | None = None,
        narrate: Narrate = silent,
        told: bool = False,
    ) -> None:
        self.message = message  # with the recipients of this attempt only
        self.route = route
        self.content = content
        self.group = group  # what the agent found for the route
        self.narrate = narrate
        self.told = told  # does somebody listen?
        self.pause: float | None = None  # seconds for which the destination asked to be left alone, if it did
        self.shares_report = False  # are others of the same message on their way, whose sender is told with them?
        self.is_last: Callable[[], bool] = lambda: True  # does nothing else wait for the same next hops?
        self.host_is_busy: Callable[[], bool] = lambda: False  # has it taken mail lately?
        self.begun: float | None = None  # seconds since the epoch; None when no agent was asked
        self.tried: list[HostTried] = []  # the next hops an agent has tried, for the journal
        self._outcomes: dict[int, Outcome] = {}

    def decide(self, recipient: QueuedRecipient, outcome: Outcome) -> None:
        """The fate of `recipient` in this attempt; a later word replaces an earlier one."""
        self._outcomes[recipient.id] = outcome

    def decide_all(self, outcome: Outcome) -> None:
        """One fate for everybody who has none yet."""
        for recipient in self.undecided:
            self.decide(recipient, outcome)

    @property
    def undecided(self) -> tuple[QueuedRecipient, ...]:
        """Those without a fate, in order."""
        return tuple([recipient for recipient in self.message.recipients if recipient.id not in self._outcomes])

    def last_words(self) -> tuple[Outcome, ...]:
        """The fates of everybody who was decided, in order."""
        return tuple([self._outcomes[each.id] for each in self.message.recipients if each.id in self._outcomes])

    def outcomes(self) -> tuple[tuple[QueuedRecipient, Outcome], ...]:
        """Everybody who was decided, in order."""
        outcomes = self._outcomes
        return tuple([(each, outcomes[each.id]) for each in self.message.recipients if each.id in outcomes])


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryDoors:
    """What agents need of the outside and of the house.

    `hostname` is our name: in EHLO, in reports, and the one that no MX may lead back to (`own_names` has the others).
    `background` runs what nobody waits for, such as the farewell to a peer. `sessions` are kept open for the next
    message, `hosts` are the addresses known not to answer. `programs` and `hooks` are those of the configuration, by
    name. `verbose_peers` are exchangers that are asked by VERB what they do, as hosts of a route are; `.example.org`
    means all below. `tls_for` says how connections to a host of this name are protected, `forwards_to`
    whether it is told by XFORWARD where a message is from.
    """

    world: World
    hostname: str
    extensions: Iterable[Extension]
    mailboxes: LocalMailboxes
    background: Callable[[Coroutine[Any, Any, None]], None]
    own_names: frozenset[str] = frozenset()
    timeouts: ClientTimeouts = field(default=ClientTimeouts())
    connect_timeout: float = 30.0  # seconds
    smtp_port: int = 25
    sessions: Sessions = field(default_factory=Sessions)
    hosts: Troubles = field(default_factory=Troubles)
    verbose_peers: Sequence[str] = ()
    tls_for: Callable[[str], OutgoingTls] = lambda name: OutgoingTls()
    forwards_to: Callable[[str], bool] = lambda name: False
    logins: Logins | None = None
    programs: Mapping[str, PipeProgram] = field(default_factory=dict)
    hooks: Mapping[str, Hook] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryAgent:
    """Makes attempts for the transports it names. `attempt` decides each recipient; to raise is a fault of ours.

    `find` says where a route leads at the moment, for agents that give mail to other servers: what leads to the same
    hosts goes in one attempt, and no more of it at a time than they bear. `lmtp` keeps its hosts apart from others.
    `bounds` says how hard the others may be worked: a route of theirs is a destination.
    """

    transports: frozenset[Transport]
    summary: str
    attempt: Callable[[DeliveryDoors, DeliveryAttempt], Coroutine[Any, Any, None]]
    find: Callable[[DeliveryDoors, Route], Coroutine[Any, Any, Found]] | None = None
    lmtp: bool = False
    bounds: Callable[[DeliveryDoors, Route], Bounds] | None = None


Agents: TypeAlias = Mapping[Transport, DeliveryAgent]


def agents_by_transport(agents: Iterable[DeliveryAgent]) -> Agents:
    """The agents by what they can. Raises ValueError when two claim one transport."""
    table: dict[Transport, DeliveryAgent] = {}
    for agent in agents:
        for transport in agent.transports:
            if table.setdefault(transport, agent) is not agent:
                raise ValueError(f"two agents deliver by {transport.value}")
    return MappingProxyType(table)


def discover_agents() -> Agents:
    """All agents built in. Done once, at start."""
    package = importlib.import_module("heloise.delivery.agents")
    names = sorted(module.name for module in pkgutil.iter_modules(package.__path__))
    return agents_by_transport([importlib.import_module(f"{package.__name__}.{name}").AGENT for name in names])
