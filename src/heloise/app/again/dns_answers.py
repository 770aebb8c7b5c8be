"""What the DNS told the checks of one session: kept as it was asked, and told again when the session is replayed.

Answers to the same question are kept in their order, since an answer may have changed within the session. Bounded:
clients choose what is asked, and strangers what is answered.
"""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, replace
from enum import Enum

from heloise.policy.check import NobodyToAsk
from heloise.world import MailExchanger, Resolver, ResolverError, ResolverFault

MOST_ANSWERS, MOST_CHARACTERS = 500, 50_000  # of one session
_PER_ANSWER = 16  # characters that an answer counts for at least, whatever it says


class Asked(Enum):
    """What was asked for."""

    ADDRESSES = "addresses"
    EXCHANGERS = "mx"
    NAMES = "names"


class Trouble(Enum):
    """How a question ended that has no records for an answer: as `ResolverFault`, or not in the time of the check."""

    NO_SUCH_DOMAIN = ResolverFault.NO_SUCH_DOMAIN.value
    SERVER_FAILURE = ResolverFault.SERVER_FAILURE.value
    TIMED_OUT = ResolverFault.TIMED_OUT.value
    OVERRUN = "not waited for"


@dataclass(frozen=True, slots=True)
class Question:
    """`name` is a name in lower case, or an address."""

    asked: Asked
    name: str

    @classmethod
    def of(cls, asked: Asked, name: str) -> "Question":
        """The case of a name makes no other question."""
        return cls(asked, name.lower().removesuffix("."))

    def __str__(self) -> str:
        return f"{self.asked.value} of {self.name}"


@dataclass(frozen=True, slots=True)
class DnsAnswer:
    """`records` as text, an exchanger with its preference before it; `times` it was given one after the other."""

    question: Question
    records: tuple[str, ...] = ()
    trouble: Trouble | None = None
    times: int = 1

    @property
    def size(self) -> int:
        """What it counts for, in characters."""
        return _PER_ANSWER + len(self.question.name) + sum(map(len, self.records))


class DnsNotes:
    """The answers that one session got. `left_out` is how many there was no room for."""

    def __init__(self) -> None:
        self._answers: list[DnsAnswer] = []
        self._last: dict[Question, int] = {}  # where the last answer to it stands
        self._room = MOST_CHARACTERS
        self.left_out = 0

    @property
    def answers(self) -> tuple[DnsAnswer, ...]:
        """In the order in which they were first given."""
        return tuple(self._answers)

    def note(self, answer: DnsAnswer) -> None:
        """Keep it, if there is room."""
        place = self._last.get(answer.question)
        before = None if place is None else self._answers[place]
        if place is not None and before is not None and replace(before, times=1) == answer:
            self._answers[place] = replace(before, times=before.times + 1)
        elif len(self._answers) >= MOST_ANSWERS or answer.size > self._room:
            self.left_out += 1
        else:
            self._room -= answer.size
            self._last[answer.question] = len(self._answers)
            self._answers.append(answer)


class NotingResolver:
    """Asks the real one, and notes what it says. See `heloise.world.Resolver`."""

    def __init__(self, real: Resolver, notes: DnsNotes) -> None:
        self._real = real
        self._notes = notes

    async def addresses(self, host: str) -> tuple[str, ...]:
        """See there."""
        return await self._noted(Question.of(Asked.ADDRESSES, host), self._real.addresses(host))

    async def mail_exchangers(self, domain: str) -> tuple[MailExchanger, ...]:
        """See there."""
        question = Question.of(Asked.EXCHANGERS, domain)
        return _exchangers(await self._noted(question, _written(self._real.mail_exchangers(domain))))

    async def names(self, address: str) -> tuple[str, ...]:
        """See there."""
        return await self._noted(Question.of(Asked.NAMES, address), self._real.names(address))

    async def _noted(self, question: Question, answer: Awaitable[tuple[str, ...]]) -> tuple[str, ...]:
        try:
            records = await answer
        except ResolverError as error:
            self._notes.note(DnsAnswer(question, trouble=Trouble(error.fault.value)))
            raise
        except asyncio.CancelledError:  # the check had no more time, or the client is gone
            self._notes.note(DnsAnswer(question, trouble=Trouble.OVERRUN))
            raise
        self._notes.note(DnsAnswer(question, records))
        return records


class RecordedResolver:
    """Tells what a session was told: the answers to a question one after the other, and the last one from then on.

    What is not in the record is asked of `others`, and without them of nobody; `is_missing` is told of it in any case.
    """

    def __init__(
        self, answers: Iterable[DnsAnswer], others: Resolver | None, is_missing: Callable[[Question], None]
    ) -> None:
        self._answers: dict[Question, deque[DnsAnswer]] = {}
        for each in answers:
            self._answers.setdefault(each.question, deque()).append(each)
        self._others = others
        self._is_missing = is_missing

    async def addresses(self, host: str) -> tuple[str, ...]:
        """See `heloise.world.Resolver`. Raises NobodyToAsk, and TimeoutError where the check had no more time."""
        records = self._recorded(Question.of(Asked.ADDRESSES, host))
        return await self._asked().addresses(host) if records is None else records

    async def mail_exchangers(self, domain: str) -> tuple[MailExchanger, ...]:
        """As `addresses`."""
        records = self._recorded(Question.of(Asked.EXCHANGERS, domain))
        return await self._asked().mail_exchangers(domain) if records is None else _exchangers(records)

    async def names(self, address: str) -> tuple[str, ...]:
        """As `addresses`."""
        records = self._recorded(Question.of(Asked.NAMES, address))
        return await self._asked().names(address) if records is None else records

    def _asked(self) -> Resolver:
        if self._others is None:
            raise NobodyToAsk("the record does not tell")
        return self._others

    def _recorded(self, question: Question) -> tuple[str, ...] | None:
        answers = self._answers.get(question)
        if answers is None:
            self._is_missing(question)
            return None
        answer = answers[0]
        if answer.times > 1:
            answers[0] = replace(answer, times=answer.times - 1)
        elif len(answers) > 1:
            answers.popleft()
        if answer.trouble is Trouble.OVERRUN:
            raise TimeoutError(str(question))
        if answer.trouble is not None:
            raise ResolverError(ResolverFault(answer.trouble.value), question.name)
        return answer.records


async def _written(answer: Awaitable[tuple[MailExchanger, ...]]) -> tuple[str, ...]:
    return tuple(f"{each.preference} {each.host}" for each in await answer)


def _exchangers(records: Iterable[str]) -> tuple[MailExchanger, ...]:
    parts = [each.partition(" ") for each in records]
    return tuple(MailExchanger(preference=int(preference), host=host) for preference, _, host in parts)


def encode_answer(answer: DnsAnswer) -> list[object]:
    """As it stands in JSON."""
    said: object = list(answer.records) if answer.trouble is None else answer.trouble.value
    return [answer.question.asked.value, answer.question.name, said, answer.times]


def decode_answer(facts: object) -> DnsAnswer:
    """The other way. Raises ValueError, TypeError."""
    if not isinstance(facts, list):
        raise TypeError("an answer is a list")
    asked, name, said, times = facts
    question = Question(Asked(asked), str(name))
    if not isinstance(times, int) or times < 1:
        raise ValueError("an answer was given once at least")
    if isinstance(said, str):
        return DnsAnswer(question, trouble=Trouble(said), times=times)
    if not isinstance(said, list):
        raise TypeError("an answer has records")
    records = tuple(map(str, said))
    if question.asked is Asked.EXCHANGERS:
        _exchangers(records)
    return DnsAnswer(question, records, times=times)
