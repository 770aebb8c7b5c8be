"""When is a recipient tried again, and when is it given up? Pure. RFC 5321 §4.5.4.1."""

from dataclasses import dataclass

_MINUTE, _HOUR, _DAY = 60.0, 3600.0, 86400.0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrySchedule:
    """`intervals[n]` seconds after attempt n+1, the last one from then on, each ± `jitter` (a share of it).

    `expire_after` and `warn_after` count from acceptance; `warn_after` 0 means never.
    """

    intervals: tuple[float, ...] = (5 * _MINUTE, 15 * _MINUTE, 30 * _MINUTE, _HOUR, 2 * _HOUR, 3 * _HOUR)
    jitter: float = 0.2
    expire_after: float = 5 * _DAY
    warn_after: float = 4 * _HOUR

    def __post_init__(self) -> None:
        if not self.intervals or min(self.intervals) <= 0 or not 0 <= self.jitter < 1:
            raise ValueError("a retry schedule has positive intervals, and jitter from 0 to below 1")


def next_attempt(schedule: RetrySchedule, *, now: float, attempts: int, random: float) -> float:
    """When to try again after the attempt number `attempts` (from 1) failed `now`.

    `random` in [0, 1) spreads the retries of many messages, so that they do not all come at once.
    """
    interval = schedule.intervals[min(max(attempts, 1), len(schedule.intervals)) - 1]
    return now + interval * (1 + schedule.jitter * (2 * random - 1))


def expires_at(schedule: RetrySchedule, *, accepted_at: float) -> float:
    """When a message is given up."""
    return accepted_at + schedule.expire_after
