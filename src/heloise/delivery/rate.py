"""So many in such a time, and a bucket of tokens that keeps to it. Pure: time is an argument."""

import re
from dataclasses import dataclass
from typing import Self

_WRITTEN = re.compile(r"([1-9][0-9]{0,8})/([1-9][0-9]{0,5})?([smhd])")
_MARGIN = 0.98
_SECONDS = {"s": 1, "m": 60, "h": 3600, "d": 86400}


@dataclass(frozen=True, slots=True)
class Rate:
    """`count` things in `seconds`; written `100/1m`, `5/s`, `1000/1h`."""

    count: int
    seconds: float

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read it. Raises ValueError with the end of a sentence."""
        found = _WRITTEN.fullmatch(text)
        if found is None:
            raise ValueError('is not a rate; write it like "100/1m", "5/1s" or "1000/1h"')
        return cls(int(found[1]), float(int(found[2] or 1) * _SECONDS[found[3]]))

    def __str__(self) -> str:
        for unit in "dhms":
            if self.seconds % _SECONDS[unit] == 0:
                return f"{self.count}/{self.seconds / _SECONDS[unit]:g}{unit}"
        return f"{self.count}/{self.seconds:g}s"


class Bucket:
    """Tokens that come in at `pace` (a second) up to `capacity`; each thing done takes one."""

    __slots__ = ("_at", "_tokens", "capacity", "pace")

    def __init__(self, pace: float, capacity: float, now: float) -> None:
        self.pace = pace
        self.capacity = capacity
        self._tokens = capacity
        self._at = now

    @classmethod
    def of(cls, rate: Rate, now: float) -> Self:
        """One that lets at most `rate` through, in any stretch of its seconds.

        A tenth may come at once; what flows in is less by as much, or a burst after a rest would be too many. And a
        little less than that: what leaves here at a distance may arrive closer together.
        """
        capacity = max(1, rate.count // 10)
        return cls(_MARGIN * (rate.count - capacity + 1) / rate.seconds, float(capacity), now)

    def delay(self, now: float) -> float:
        """Seconds until there is a token; 0 when there is one."""
        self._fill(now)
        # Not a hair's breadth: what is missing after rounding would be waited for in steps that do not move the clock.
        return 0.0 if self._tokens > 1 - 1e-6 else (1 - self._tokens) / self.pace

    def spend(self, now: float) -> None:
        """Take one, whether it is there or not: who comes without being asked is counted as well."""
        self._fill(now)
        self._tokens -= 1

    def change(self, pace: float, now: float) -> None:
        """Let them come faster or slower from now on."""
        self._fill(now)
        self.pace = pace

    def _fill(self, now: float) -> None:
        self._tokens = min(self.capacity, self._tokens + max(0.0, now - self._at) * self.pace)
        self._at = now
