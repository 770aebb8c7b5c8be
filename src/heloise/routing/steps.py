"""The steps of a decision as values, for `heloise route`. The server decides by the same code and notes none."""

from dataclasses import dataclass, field, replace
from enum import Enum

from heloise.mail.cause import Rule


class StepKind(Enum):
    """What was done, or found."""

    LOCAL = "local"  # the domain is ours
    ELSEWHERE = "elsewhere"  # it is not: `words` are the route
    ASKED = "asked"  # a map was asked: `words` are the map and what came
    ALIAS = "alias"  # `words` are what it stands for
    INCLUDED = "included"  # a member read from a file
    FORWARD = "forward"  # has moved, mail is sent on: `words` are where to
    MOVED = "moved"  # has moved, mail is not taken
    TAG = "tag"  # what is behind the separator was cut off: `words` are what is left
    POSTMASTER = "postmaster"  # nobody has the name, so he who cares for Postmaster: `words` are his name
    CATCH_ALL = "catch-all"  # nobody has the name, so he who gets such mail: `words` are his name
    MAILBOX = "mailbox"  # an end: `words` are the route
    OWN_MAILBOX = "own-mailbox"  # the name led back to itself, which means its own mailbox
    LOOP = "loop"  # it led back to itself, and there is no mailbox: `words` are the way
    UNKNOWN = "unknown"  # nobody
    NOT_ALLOWED = "not-allowed"  # a route is written into the local part
    DEAD = "dead"  # this one target leads nowhere, the others do
    RETURNED = "returned"  # an address that we made of a sender's: `words` are his
    DUPLICATE = "duplicate"  # an end that was there already: dropped


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One step: what it is about, how deep below the name that was asked for, and the line that decided it."""

    kind: StepKind
    about: str
    depth: int
    words: tuple[str, ...] = ()
    rule: Rule | None = None


@dataclass(slots=True)
class Telling:
    """Takes steps down. `depth` follows the walk."""

    steps: list[Step] = field(default_factory=list)
    depth: int = 0

    def note(self, kind: StepKind, about: object, *words: object, rule: Rule | None = None) -> None:
        """One step more."""
        self.steps.append(self._step(kind, about, words, rule))

    def note_once(self, kind: StepKind, about: object, *words: object, rule: Rule | None = None) -> None:
        """One step more, unless it is known from before, however deep that was."""
        step = self._step(kind, about, words, rule)
        if all(replace(known, depth=self.depth) != step for known in self.steps):
            self.steps.append(step)

    def _step(self, kind: StepKind, about: object, words: tuple[object, ...], rule: Rule | None) -> Step:
        told = tuple(str(word) for word in words)
        return Step(kind=kind, about=str(about), depth=self.depth, words=told, rule=rule)

    def restart(self) -> None:
        """The decision is made anew."""
        self.steps.clear()
        self.depth = 0
