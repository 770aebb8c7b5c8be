"""The word of a check, a filter or a hook, as a value; and the one way to make one of several.

return refuse("No mail from there")          550 5.7.1
return later("Come back in an hour")         451 4.7.1
return points(2.5, "no reverse name") | add_field("X-Seen", "yes")
"""

from collections.abc import Iterable
from dataclasses import dataclass

from heloise.mail import causes
from heloise.mail.cause import Cause
from heloise.mail.reply import Reply, printable
from heloise.policy.changes import NO_CHANGES, AddField, Change, Changes
from heloise.smtp import replies


@dataclass(frozen=True, slots=True)
class Points:
    """How bad (or, below 0, how good) something is; `why` in a few words."""

    value: float
    why: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What is to be done. Nothing of it: go on.

    `refusal` is said in place of yes. `discard`: take the message, say 250 to it, and throw it away. `hold`: take it,
    and leave it in the queue until an operator releases it. `points` are added up, `tags` are seen by those who are
    asked later, `changes` are made before the message is stored.
    """

    refusal: Reply | None = None
    discard: Cause | None = None
    hold: Cause | None = None
    points: tuple[Points, ...] = ()
    tags: frozenset[str] = frozenset()
    changes: Changes = NO_CHANGES

    @property
    def total(self) -> float:
        """The sum of the points."""
        return sum([each.value for each in self.points])

    def __or__(self, other: "Verdict") -> "Verdict":
        return combine((self, other))


CONTINUE = Verdict()


def combine(verdicts: Iterable[Verdict]) -> Verdict:
    """One word for several: the first refusal for good, else the first one for now; of all else, all."""
    said = [each for each in verdicts if each is not CONTINUE]
    if len(said) < 2:
        return said[0] if said else CONTINUE
    refusals = [each.refusal for each in said if each.refusal is not None]
    return Verdict(
        # For good goes before for now: the client would only come back to hear the other one.
        refusal=next((each for each in refusals if each.code >= 500), refusals[0] if refusals else None),
        discard=next((each.discard for each in said if each.discard is not None), None),
        hold=next((each.hold for each in said if each.hold is not None), None),
        points=tuple([point for each in said for point in each.points]),
        tags=frozenset([name for each in said for name in each.tags]),
        changes=tuple([one for each in said for one in each.changes]),
    )


def refuse(text: str, *, code: int = 550, status: str = "5.7.1", cause: Cause | None = None) -> Verdict:
    """For good. Raises ValueError when `code` is not 5yz or `status` does not go with it."""
    return Verdict(refusal=replies.policy_refusal(code, status, text, cause or causes.POLICY_REFUSED.because()))


def later(text: str, *, code: int = 451, status: str = "4.7.1", cause: Cause | None = None) -> Verdict:
    """For now; with 421 the session ends. Raises ValueError when `code` is not 4yz or `status` does not go with it."""
    return Verdict(refusal=replies.policy_refusal(code, status, text, cause or causes.POLICY_LATER.because()))


def discard(why: str) -> Verdict:
    """Take the message and throw it away."""
    return Verdict(discard=causes.POLICY_DISCARDED.because(why=printable(why)))


def hold(why: str) -> Verdict:
    """Take the message and keep it in the queue, held."""
    return Verdict(hold=causes.POLICY_HELD.because(why=printable(why)))


def points(value: float, why: str) -> Verdict:
    """Add to what is held against the client (or for it, below 0)."""
    return Verdict(points=(Points(value, why),))


def tag(*names: str) -> Verdict:
    """Tell those who are asked later."""
    return Verdict(tags=frozenset(names))


def change(*changes: Change) -> Verdict:
    """Change the message."""
    return Verdict(changes=changes)


def add_field(name: str, value: str) -> Verdict:
    """One more header field."""
    return Verdict(changes=(AddField(name, value),))
