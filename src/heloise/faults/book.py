"""The book of fault rules: which one strikes now, by what it remembers of the attempts before. Pure; time comes in.

Chance depends on nothing but the seed, the rule, what is counted by, and which attempt it is: not on the order in which
sessions that run at once are served. So the same seed and the same rules give the same session again.
"""

import hashlib
from collections import OrderedDict, deque
from collections.abc import Sequence
from dataclasses import dataclass, replace

from heloise.delivery.rate import Bucket, Rate
from heloise.faults.rule import FaultRule, Situation
from heloise.mail import causes
from heloise.mail.cause import Cause, Rule

REMEMBERED = 10_000  # attempts are counted for so many recipients (or clients) of a rule, those seen last
GIVEN = "/faults"
"""Where rules stand that were given to a server while it runs: on its page of this path, by their numbers."""
_LEFT = 100  # rules that are remembered after they were removed


@dataclass(frozen=True, slots=True)
class Strike:
    """A rule strikes: do what it says, because of `cause`."""

    rule: FaultRule
    cause: Cause


@dataclass(slots=True)
class _Seen:
    """What a rule remembers of one thing that it counts by."""

    attempts: int
    since: float
    bucket: Bucket | None


class FaultBook:
    """Rules in order; the first that strikes counts. `started` is the time of the clock that `now` is of. `left` are
    those that are there no more, the last of them."""

    def __init__(self, rules: Sequence[FaultRule] = (), *, seed: int = 0, started: float = 0.0) -> None:
        self.seed = seed
        self._started = started
        self._rules: tuple[FaultRule, ...] = ()
        self._memory: dict[FaultRule, OrderedDict[str, _Seen]] = {}
        self._struck: dict[FaultRule, int] = {}
        self._given = 0
        self.left: deque[FaultRule] = deque(maxlen=_LEFT)
        self.use(rules)

    @property
    def rules(self) -> tuple[FaultRule, ...]:
        """Those there are, in order."""
        return self._rules

    def use(self, rules: Sequence[FaultRule]) -> None:
        """Have these rules from now on. What an old one that is still there remembers is kept."""
        before, self._rules = self._rules, tuple(dict.fromkeys(rules))
        self.left.extend(rule for rule in before if rule not in self._rules)
        self._memory = {rule: self._memory.get(rule, OrderedDict()) for rule in self._rules}
        self._struck = {rule: self._struck.get(rule, 0) for rule in self._rules}

    def add(self, *rules: FaultRule) -> None:
        """Have these besides, after the others."""
        self.use((*self._rules, *rules))

    def give(self, *rules: FaultRule) -> None:
        """Have these besides, each with a place where it can be found; one that was given before is not there twice."""
        known = {_placeless(rule) for rule in self._rules if is_given(rule)}
        self.add(*[self.placed(rule) for rule in rules if rule not in known])

    def placed(self, rule: FaultRule) -> FaultRule:
        """The rule with the next place in `GIVEN`; a number is given once."""
        self._given += 1
        return replace(rule, rule=Rule(GIVEN, self._given))

    def left_to_strike(self, rule: FaultRule, key: str) -> int | None:
        """At how many more attempts of what is counted by `key` it strikes, as far as it counts; None: who knows."""
        if rule.times is None or rule.rate is not None or rule.probability < 1 or rule.lasting is not None:
            return None
        seen = self._memory.get(rule, OrderedDict[str, _Seen]()).get(f"{rule.name}\0{key}")
        return max(0, rule.first + rule.times - 1 - (0 if seen is None else seen.attempts))

    def forget(self) -> None:
        """Begin anew with the same rules: nobody has tried anything."""
        rules, self._rules, self._memory, self._struck = self._rules, (), {}, {}
        self.use(rules)

    def struck(self, rule: FaultRule) -> int:
        """How often it has struck."""
        return self._struck.get(rule, 0)

    def decide(self, situation: Situation, now: float, more: Sequence[FaultRule] = ()) -> Strike | None:
        """What is to go wrong here, or None. `more` are rules that a situation brings along, such as its addresses."""
        for number, rule in enumerate(self._rules, 1):
            if rule.matches(situation) and (strike := self._try(rule, number, self._memory[rule], situation, now)):
                self._struck[rule] += 1
                return strike
        for rule in more:
            memory = self._memory.setdefault(_REMEMBERS_ADDRESSES, OrderedDict())
            if rule.matches(situation) and (strike := self._try(rule, 0, memory, situation, now)):
                return strike
        return None

    def _try(
        self, rule: FaultRule, number: int, memory: "OrderedDict[str, _Seen]", situation: Situation, now: float
    ) -> Strike | None:
        elapsed = now - self._started
        if elapsed < rule.after or (rule.until is not None and elapsed >= rule.until):
            return None
        key = rule.key(situation)
        seen = self._remember(memory, f"{rule.name}\0{key}", rule.rate, now)
        attempt = seen.attempts
        last = None if rule.times is None else rule.first + rule.times - 1
        if attempt < rule.first or (last is not None and attempt > last):
            return None
        if rule.lasting is not None and now - seen.since >= rule.lasting:
            return None
        if seen.bucket is not None and seen.bucket.delay(now) == 0:
            seen.bucket.spend(now)
            return None
        if rule.probability < 1 and self._chance(number, rule, key, attempt) >= rule.probability:
            return None
        inputs = {rule.counted_per.value: key} if key else {}
        return Strike(rule, causes.FAULT_RULE.because(rule.rule, **_called(rule), **inputs, attempt=attempt))

    def _remember(self, memory: "OrderedDict[str, _Seen]", key: str, rate: Rate | None, now: float) -> _Seen:
        seen = memory.get(key)
        if seen is None:
            bucket = None if rate is None else Bucket(rate.count / rate.seconds, float(rate.count), now)
            seen = memory[key] = _Seen(0, now, bucket)
            if len(memory) > REMEMBERED:
                memory.popitem(last=False)
        memory.move_to_end(key)
        seen.attempts += 1
        return seen

    def _chance(self, number: int, rule: FaultRule, key: str, attempt: int) -> float:
        """From 0 to 1."""
        text = f"{self.seed}/{number}/{rule.name}/{key}/{attempt}"
        return int.from_bytes(hashlib.sha256(text.encode()).digest()[:7], "big") / (1 << 56)


_REMEMBERS_ADDRESSES = FaultRule(delay=1e-9, name="addresses")  # what magic addresses remember is kept under this one


def is_given(rule: FaultRule) -> bool:
    """Was it given to a server while it runs?"""
    return rule.rule is not None and rule.rule.file == GIVEN


def _placeless(rule: FaultRule) -> FaultRule:
    return replace(rule, rule=None)


def _called(rule: FaultRule) -> dict[str, str]:
    return {"fault": rule.name} if rule.name else {}
