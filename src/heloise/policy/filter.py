"""The shape of a filter: somebody who follows each session from its beginning, and may change messages.

A milter is one, and so is an operator's file of hooks. Filters are asked after the checks, one after the other: each
sees the message as the one before has left it.
"""

from typing import Protocol

from heloise.policy.check import OnTrouble
from heloise.policy.stage import Stage
from heloise.policy.verdict import Verdict
from heloise.policy.views import View


class Follower(Protocol):
    """Follows one session. The calls come one at a time."""

    async def judge(self, view: View) -> Verdict:
        """The word at a stage of `Filter.stages`. Whatever it raises is a trouble of the filter."""
        ...

    async def forget(self) -> None:
        """The transaction that MAIL began, accepted or not, is over: taken, refused, or given up by the client."""
        ...

    async def close(self) -> None:
        """The session is over. Called once, also after a trouble."""
        ...


class Filter(Protocol):
    """Makes followers."""

    @property
    def name(self) -> str:
        """For the log and the causes of replies."""
        ...

    @property
    def stages(self) -> frozenset[Stage]:
        """Where it wants to be asked. With MESSAGE among them the content is held back until it has answered."""
        ...

    @property
    def deadline(self) -> float:
        """Seconds that one answer may take."""
        ...

    @property
    def on_trouble(self) -> OnTrouble:
        """What a trouble of it means for the client."""
        ...

    def follow(self, session: str) -> Follower:
        """Begin to follow the session of this id. Does not wait: what takes time belongs to the first `judge`."""
        ...
