"""All databases that maps stand in. See `heloise.routing.asking.Lookups`."""

import asyncio
from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from heloise.routing.lookup import Answer, LookupTrouble, Question, Values
from heloise.world.clock import Clock

MOST_ANSWERS = 10_000
_TROUBLE_HOLDS = 1.0  # seconds: a database that is down is asked once a second, not once for each recipient


class SourceTrouble(Exception):
    """The database gave no answer; the text says why."""


class Source(Protocol):
    """One map in one database."""

    async def values(self, key: str) -> Values:
        """The first column of each row for `key`, "" for NULL. Raises SourceTrouble."""
        ...

    async def close(self) -> None:
        """Let go of the database. Idempotent."""
        ...


@dataclass(frozen=True, slots=True)
class Asked:
    """A source, how long it may take to answer and how long an answer holds, in seconds."""

    source: Source
    timeout: float = 5.0
    keep: float = 5.0


class Sources:
    """Asks the source of each map, by the map's number."""

    def __init__(self, asked: Mapping[int, Asked], clock: Clock) -> None:
        self._asked = asked
        self._clock = clock
        self._answers: OrderedDict[Question, tuple[float, Answer]] = OrderedDict()

    async def ask(self, question: Question) -> Answer:
        """The answer, at most as old as the map says."""
        until, answer = self._answers.get(question, (0.0, LookupTrouble("")))
        if self._clock.monotonic() < until:
            return answer
        asked = self._asked[question.map.number]
        answer = await self._fresh(asked, question.key)
        keep = min(asked.keep, _TROUBLE_HOLDS) if isinstance(answer, LookupTrouble) else asked.keep
        if keep > 0:
            self._remember(question, self._clock.monotonic() + keep, answer)
        return answer

    async def close(self) -> None:
        """Let go of all databases. Idempotent."""
        for asked in self._asked.values():
            await asked.source.close()

    async def _fresh(self, asked: Asked, key: str) -> Answer:
        try:
            async with asyncio.timeout(asked.timeout):
                return await asked.source.values(key)
        except TimeoutError:
            return LookupTrouble(f"no answer within {asked.timeout:g} seconds")
        except SourceTrouble as trouble:
            return LookupTrouble(str(trouble))

    def _remember(self, question: Question, until: float, answer: Answer) -> None:
        self._answers[question] = (until, answer)
        self._answers.move_to_end(question)
        if len(self._answers) > MOST_ANSWERS:
            self._answers.popitem(last=False)
