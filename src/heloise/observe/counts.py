"""What has happened since the start, in numbers. Counted where it is told anyway: an addition, and no call.

The names and meanings that others see are in `exposition.py`; here are the counters alone.
"""

from collections import defaultdict

BOUNDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)
"""Upper ends of the buckets of a histogram, in seconds; the last bucket has no end."""


class Durations:
    """How long something took. To count one: `buckets[bisect_left(BOUNDS, seconds)] += 1; total += seconds`."""

    __slots__ = ("buckets", "total")

    def __init__(self) -> None:
        self.buckets = [0] * (len(BOUNDS) + 1)
        self.total = 0.0


class Counts:
    """Of one process."""

    __slots__ = (
        "attempt_seconds",
        "attempts",
        "authenticated",
        "commit_seconds",
        "committed",
        "faults",
        "messages",
        "not_secured",
        "octets",
        "policy_seconds",
        "recipients",
        "refusals",
        "sessions",
        "sessions_ended",
        "sessions_lost",
        "tls",
    )

    def __init__(self) -> None:
        self.sessions = 0
        self.sessions_ended = 0
        self.sessions_lost = 0
        self.messages = 0
        self.recipients = 0
        self.octets = 0
        self.not_secured = 0
        self.committed = 0  # operations of the queue, many in one commit
        self.tls: dict[str, int] = defaultdict(int)  # by version
        self.authenticated: dict[str, int] = defaultdict(int)  # by mechanism
        self.refusals: dict[tuple[int, str], int] = defaultdict(int)  # by code and cause
        self.attempts: dict[tuple[str, str], int] = defaultdict(int)  # recipients by action and stage
        self.faults: dict[str, int] = defaultdict(int)  # by where
        self.attempt_seconds = Durations()
        self.commit_seconds = Durations()
        self.policy_seconds: dict[tuple[str, str], Durations] = defaultdict(Durations)  # by who was asked, and stage
