"""The shape of a check: one file in `checks/`, one constant `CHECK` at the bottom.

A check has a name, options of its own (a frozen dataclass), and for each stage that it has something to say about a
function of view, options and doors. The function is pure, or `async` when it has to ask; it gives a `Verdict`.
"""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, fields, replace
from enum import Enum
from typing import Any, Generic, TypeAlias, TypeVar

from heloise.policy.stage import Stage
from heloise.policy.verdict import Verdict
from heloise.policy.views import (
    ConnectView,
    DataView,
    HelloView,
    LookupView,
    MailView,
    MessageView,
    RcptView,
    RefusedView,
    UnknownView,
    View,
)
from heloise.world import World

O = TypeVar("O")  # noqa: E741
V = TypeVar("V", bound=View)

Answer: TypeAlias = Verdict | Awaitable[Verdict]
Judge: TypeAlias = Callable[[V, O, "Doors"], Answer]


class OnTrouble(Enum):
    """What a check that fails, or takes too long, means for the client."""

    LATER = "later"  # 451
    IGNORE = "ignore"  # as if it had not been asked


class NobodyToAsk(Exception):
    """Raised by a door where nobody is to be asked, as in a replay: the check says nothing, whatever its trouble means
    otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Doors:
    """What a check may ask beside its view: the world, and our own name in it. `world_for` gives the world of a session
    by its id, where each has its own."""

    world: World
    hostname: str
    world_for: Callable[[str], World] | None = None

    def of(self, session: str) -> "Doors":
        """Those of one session."""
        return self if self.world_for is None else replace(self, world=self.world_for(session), world_for=None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Check(Generic[O]):
    """One check. `for_all` ones are asked about clients that may relay as well."""

    name: str
    summary: str
    for_all: bool = False
    connect: Judge[ConnectView, O] | None = None
    hello: Judge[HelloView, O] | None = None
    mail: Judge[MailView, O] | None = None
    rcpt: Judge[RcptView, O] | None = None
    data: Judge[DataView, O] | None = None
    message: Judge[MessageView, O] | None = None
    lookup: Judge[LookupView, O] | None = None
    unknown: Judge[UnknownView, O] | None = None
    refused: Judge[RefusedView, O] | None = None

    @property
    def stages(self) -> frozenset[Stage]:
        """Where it has something to say."""
        return frozenset(stage for stage in Stage if getattr(self, stage.value) is not None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """A check as it was configured: who is asked at one stage. `deadline` in seconds."""

    name: str
    judge: Callable[[Any], Answer]
    for_all: bool
    deadline: float
    on_trouble: OnTrouble


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfiguredCheck(Generic[O]):
    """A check with the options of an operator; `label` tells one from others of its kind."""

    check: Check[O]
    options: O
    label: str = ""
    deadline: float = 10.0
    on_trouble: OnTrouble = OnTrouble.IGNORE

    def step(self, stage: Stage, doors: Doors) -> Step | None:
        """Whom to ask at `stage`; None when it has nothing to say there."""
        judge = getattr(self.check, stage.value)
        if judge is None:
            return None

        def judge_alone(view: Any) -> Answer:
            return judge(view, self.options, doors.of(view.session.session))  # type: ignore[no-any-return]

        return Step(
            name=f"{self.check.name} {self.label}".rstrip(),
            judge=judge_alone if doors.world_for is not None else lambda view: judge(view, self.options, doors),
            for_all=self.check.for_all,
            deadline=self.deadline,
            on_trouble=self.on_trouble,
        )


assert {each.name for each in fields(Check)} >= {stage.value for stage in Stage}
