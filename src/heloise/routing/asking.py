"""A pure decision that needs answers, made by somebody who may wait for them."""

import asyncio
from collections.abc import Callable
from typing import Protocol, TypeVar

from heloise.routing.lookup import Answer, LookupTrouble, Names, Question, Unanswered
from heloise.routing.steps import Telling
from heloise.routing.tables import RoutingTables

T = TypeVar("T")

PATIENCE = 60.0  # seconds for all questions of one decision; RFC 5321 §4.5.3.2.3 has a client wait five minutes at RCPT


class Lookups(Protocol):
    """Asks maps. `heloise.routing.sources.Sources`."""

    async def ask(self, question: Question) -> Answer:
        """The values that the map of the question has for its key; never raises for trouble of a map."""
        ...


class NoLookups:
    """For tables without maps."""

    async def ask(self, question: Question) -> Answer:
        """Nobody is there to ask."""
        return LookupTrouble("this map can not be asked")


async def decided(
    decide: Callable[[Names], T], tables: RoutingTables, lookups: Lookups, *, telling: Telling | None = None
) -> T:
    """What `decide` decides, as often as it takes until all it needs to know is known.

    An answer holds for the whole of one decision: it is not made half by what was and half by what is.
    """
    answers: dict[Question, Answer] = {}
    deadline = asyncio.get_running_loop().time() + PATIENCE if tables.maps else 0.0
    while True:
        if telling is not None:
            telling.restart()
        try:
            return decide(Names(tables, answers, telling))
        except Unanswered as missing:
            answers |= await _ask(missing.questions, lookups, deadline)


async def _ask(questions: tuple[Question, ...], lookups: Lookups, deadline: float) -> dict[Question, Answer]:
    fresh = list(dict.fromkeys(questions))
    tasks = [asyncio.ensure_future(lookups.ask(question)) for question in fresh]
    try:
        async with asyncio.timeout_at(deadline):
            return dict(zip(fresh, await asyncio.gather(*tasks), strict=True))
    except TimeoutError:
        return {question: LookupTrouble(f"not answered within {PATIENCE:.0f} seconds") for question in fresh}
    finally:
        for task in tasks:
            task.cancel()
