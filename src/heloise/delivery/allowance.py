"""How hard a destination may be worked: how many at a time, how fast, and not at all for a while. Pure.

Three things bound it, beside what the operator wrote:

- The window: how many attempts may run at once. It begins small and grows by one with each success (so it doubles
  with each round), from half of what was last too much by one each round; 421, 4.7.z and time-outs halve it.
- The pause: after a 421 or 4.7.z nothing is tried for a while, that doubles until something is taken again.
- The pace: a host that says so after having taken mail has a limit per time that nobody told us. What it took in the
  last minute is the first guess, kept a little below; it grows fast up to what was too much the last time, slowly
  beyond, faster when that goes well for long. So a hidden limit is touched a few times an hour, not all the time.
"""

from collections import deque
from dataclasses import dataclass

from heloise.delivery.rate import Bucket, Rate

FIRST_WINDOW = 4
FIRST_PAUSE = 30.0  # seconds
LONGEST_PAUSE = 900.0
LONGEST_ASKED = 3600.0  # whatever a web service asks for
LATELY = 600.0  # seconds: a host that took mail within these is busy when it says 421, not dead
_MINUTE = 60.0
_SHY = 0.9  # of what was too much
_NEAR = 0.95  # of it: from here on slowly
_FAST, _SLOW, _FASTEST = 0.05, 0.005, 0.2  # growth of the pace, of what was too much, a minute
_DOUBLES = 600.0  # seconds of peace in which the slow growth doubles
_FREE = 10.0  # times what was too much: it is no limit any more
_SLOWEST = 1 / 120  # a second


@dataclass(frozen=True, slots=True, kw_only=True)
class Bounds:
    """What the operator allows: so many at a time; so many in a time, or as many as the destination takes."""

    concurrency: int = 20
    rate: Rate | None = None
    careful: bool = True  # False for what is on this machine: no slow start


class Allowance:
    """Of one destination. All times are monotonic seconds."""

    def __init__(self, bounds: Bounds, now: float) -> None:
        self.bounds = bounds
        self.paused_until = 0.0
        self._window = float(min(FIRST_WINDOW, bounds.concurrency) if bounds.careful else bounds.concurrency)
        self._calm = float(bounds.concurrency)  # up to here the window doubles, beyond it grows by one a round
        self._pause = 0.0
        self._configured = None if bounds.rate is None else Bucket.of(bounds.rate, now)
        self._learned: Bucket | None = None
        self._too_much = 0.0
        self._grown_at = 0.0
        self._peace_since = 0.0
        self._taken: deque[tuple[float, int]] = deque()  # (second, how many)
        self._taken_at = float("-inf")

    def allow(self, bounds: Bounds, now: float) -> None:
        """The operator allows something else from now on; what was learned stays."""
        if bounds.rate != self.bounds.rate:
            self._configured = None if bounds.rate is None else Bucket.of(bounds.rate, now)
        self._window = min(self._window, float(bounds.concurrency)) if bounds.careful else float(bounds.concurrency)
        self._calm = min(self._calm, float(bounds.concurrency))
        self.bounds = bounds

    @property
    def window(self) -> int:
        """How many attempts may run at once."""
        return max(1, int(self._window))

    def pace(self, now: float) -> float | None:
        """Messages a second, as learned or configured; None when nothing but the window bounds it."""
        self._grow_pace(now)
        paces = [bucket.pace for bucket in (self._learned, self._configured) if bucket is not None]
        return min(paces, default=None)

    def took_lately(self, now: float) -> bool:
        """Has it taken mail not long ago?"""
        return now - self._taken_at < LATELY

    def throughput(self, now: float) -> float:
        """Messages a second it took, over the last minute."""
        self._forget(now)
        return sum(count for _, count in self._taken) / _MINUTE

    def speed(self, now: float) -> float:
        """Messages a second it took in the last minute, or since it began to take them."""
        self._forget(now)
        if not self._taken:
            return 0.0
        return sum(count for _, count in self._taken) / max(1.0, now - self._taken[0][0])

    def delay(self, now: float) -> float:
        """Seconds until an attempt may begin; 0 for now."""
        self._grow_pace(now)
        waits = [bucket.delay(now) for bucket in (self._learned, self._configured) if bucket is not None]
        return max(0.0, self.paused_until - now, *waits)

    def spend(self, now: float) -> None:
        """An attempt begins."""
        for bucket in (self._learned, self._configured):
            if bucket is not None:
                bucket.spend(now)

    def taken(self, now: float) -> None:
        """It took a message, or refused one for good: it works."""
        second = float(int(now))
        if self._taken and self._taken[-1][0] == second:
            self._taken[-1] = (second, self._taken[-1][1] + 1)
        else:
            self._taken.append((second, 1))
        self._forget(now)
        self._taken_at = now
        self._pause = 0.0
        step = 1.0 if self._window < self._calm else 1.0 / self._window
        self._window = min(float(self.bounds.concurrency), self._window + step)

    def too_slow(self, *, begun: float, now: float) -> None:
        """A conversation was given up for silence, or broke."""
        if begun >= self._peace_since:
            self._halve()
            self._peace_since = now

    def too_much(self, *, begun: float, now: float, at_least: float = 0.0) -> None:
        """It said 421 or 4.7.z, or asked for a pause of so many seconds `at_least`. Attempts that were under way when
        it said so first tell nothing new."""
        if begun < self.paused_until:
            return
        self._halve()
        first = self._pause == 0.0
        self._pause = FIRST_PAUSE if first else min(LONGEST_PAUSE, self._pause * 2)
        self.paused_until = self._peace_since = now + max(self._pause, min(at_least, LONGEST_ASKED))
        if first:
            self._learn(now)
        elif self._learned is not None and self._pause >= 8 * FIRST_PAUSE:
            self._slow_down(0.7 * self._learned.pace, now)
        self._grown_at = self.paused_until

    def forgive(self) -> None:
        """Go on at once: somebody who knows says so. What was learned about the pace stays."""
        self.paused_until, self._pause = 0.0, 0.0

    def _halve(self) -> None:
        if self.bounds.careful:
            self._window = max(1.0, self._window / 2)
            self._calm = self._window

    def _learn(self, now: float) -> None:
        """Something was taken since the last time, so the pace is near what it bears."""
        if self._learned is not None:
            self._too_much = self._learned.pace
            self._slow_down(_SHY * self._learned.pace, now)
            return
        found = self.throughput(now)
        if found > 0:
            self._too_much = found
            pace = max(_SLOWEST, _SHY * found)
            self._learned = Bucket(pace, max(1.0, pace), now)  # a burst of a second is none

    def _slow_down(self, pace: float, now: float) -> None:
        assert self._learned is not None
        self._learned.change(max(_SLOWEST, pace), now)

    def _grow_pace(self, now: float) -> None:
        bucket = self._learned
        if bucket is None or now - self._grown_at < 1.0:
            return
        minutes = (now - self._grown_at) / _MINUTE
        self._grown_at = now
        near, most = _NEAR * self._too_much, max(self._too_much, bucket.pace)
        if bucket.pace < near:
            pace = min(near, bucket.pace + minutes * _FAST * most)
        else:
            share = min(_FASTEST, _SLOW * 2 ** min(16.0, (now - self._peace_since) / _DOUBLES))
            pace = bucket.pace + minutes * share * most
        if pace > _FREE * self._too_much:
            self._learned = None
        else:
            bucket.change(pace, now)

    def _forget(self, now: float) -> None:
        while self._taken and self._taken[0][0] < now - _MINUTE:
            self._taken.popleft()
