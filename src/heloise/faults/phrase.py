"""A fault in a few words, for tests: "451 twice, then accept", "drop at data", "10/1m, else 421", "slow 3s at message".

    [NUMBER%] WHAT [HOW OFTEN] [for TIME] [at STAGE] [to PATTERN] [from PATTERN] [per WHOM] [, then accept]

WHAT is a reply code with status if there is one, drop, reset, half-close, lose-reply, tls-failure, or slow TIME; HOW
OFTEN is once, twice, thrice or N times. A text for the reply stands in quotes. `N/TIME, else …` strikes at what is
more.
"""

import re

from heloise.delivery.rate import Rate
from heloise.faults.rule import Cut, FaultReply, FaultRule, Per, Stage

_TOKEN = re.compile(r'"[^"]*"|[^\s,]+|,')
_TIMES = {"once": 1, "twice": 2, "thrice": 3}
_TIME = re.compile(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)")
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0}
_CODE = re.compile(r"[2-5][0-9]{2}")
_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}")
_FORM = 'write it like "451 twice, then accept", "drop at data", "slow 3s at message" or "10/1m, else 421"'


def parse_phrase(text: str, **others: object) -> FaultRule:
    """The rule that a phrase says. `others` are fields of `FaultRule` besides. Raises ValueError."""
    return FaultRule(**{**_Reader(text).read(), "name": text, **others})  # type: ignore[arg-type]


def read_time(text: str) -> float:
    """`3s`, `250ms`, `2m`, `1h` in seconds. Raises ValueError."""
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError(f'"{text}" is not a time; write it like "3s" or "250ms"')
    return float(found[1]) * _UNITS[found[2]]


class _Reader:
    def __init__(self, text: str) -> None:
        self._text = text
        self._words = _TOKEN.findall(text)
        self._read: dict[str, object] = {}

    def read(self) -> dict[str, object]:
        """The fields."""
        self._limit()
        self._what()
        while self._words:
            self._word(self._next())
        return self._read

    def _limit(self) -> None:
        if self._words and self._words[0].endswith("%"):
            self._read["probability"] = self._number(self._next()[:-1]) / 100
        elif self._words and "/" in self._words[0]:
            self._read["rate"] = Rate.parse(self._next())
            self._skip(",")
            if self._next() != "else":
                raise self._trouble("after a rate comes: else")

    def _what(self) -> None:
        word = self._next()
        if _CODE.fullmatch(word):
            parts = [word]
            if self._words and _STATUS.fullmatch(self._words[0]):
                parts.append(self._next())
            if self._words and self._words[0].startswith('"'):
                parts.append(self._next().strip('"'))
            self._read["reply"] = FaultReply.parse(" ".join(parts))
        elif word == "slow":
            self._read["delay"] = read_time(self._next())
        else:
            self._read["cut"] = self._choice(Cut, word)
            if word == Cut.TLS_FAILURE.value:
                self._read["stage"] = Stage.TLS

    def _word(self, word: str) -> None:
        match word:
            case "once" | "twice" | "thrice":
                self._read["times"] = _TIMES[word]
            case "at":
                self._read["stage"] = self._choice(Stage, self._next())
            case "to":
                self._read["to"] = self._next()
            case "from":
                self._read["sender"] = self._next().removeprefix("<").removesuffix(">")
            case "per":
                self._read["per"] = self._choice(Per, self._next())
            case "for":
                self._read["lasting"] = read_time(self._next())
            case "slow":
                self._read["delay"] = read_time(self._next())
            case "," if self._words[:2] == ["then", "accept"] and len(self._words) == 2:
                self._words.clear()
            case _ if word.isdigit() and self._words[:1] == ["times"]:
                self._next()
                self._read["times"] = int(word)
            case _:
                raise self._trouble(f'"{word}" is not understood')

    def _choice(self, kind: "type[Cut] | type[Stage] | type[Per]", word: str) -> object:
        try:
            return kind(word)
        except ValueError:
            known = ", ".join(each.value for each in kind)
            raise self._trouble(f'"{word}" is not understood here; there are: {known}') from None

    def _number(self, text: str) -> float:
        try:
            return float(text)
        except ValueError:
            raise self._trouble(f'"{text}" is no number') from None

    def _next(self) -> str:
        if not self._words:
            raise self._trouble("it ends too soon")
        return str(self._words.pop(0))

    def _skip(self, word: str) -> None:
        if self._words and self._words[0] == word:
            self._next()

    def _trouble(self, problem: str) -> ValueError:
        return ValueError(f'the fault "{self._text}": {problem}; {_FORM}')
