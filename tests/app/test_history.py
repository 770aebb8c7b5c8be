"""What is plotted: rates between samples, durations out of buckets, and never more of them than there is room for."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

from heloise.app.operator.history import COARSE, FINE, NAMES, History, Sample, point, quantile, sample
from heloise.app.operator.queue_json import Json
from heloise.net import SystemClock
from heloise.observe.counts import BOUNDS, Counts
from heloise.observe.exposition import counted, family

NOTHING = (0.0,) * (len(BOUNDS) + 1)
FIRST = Sample(
    at=100.0, counters=(10.0, 1.0, 8.0, 0.0, 0.0), gauges=(5.0, 0.0, 60.0, 2.0), attempts=NOTHING, commits=NOTHING
)


class NoDesk:
    """Answers nothing."""

    async def ask(self, request: Json) -> Json:
        return {"families": []}

    async def pieces(self, message_id: str) -> AsyncIterator[bytes]:
        yield b""


def named(values: tuple[float | None, ...]) -> dict[str, float | None]:
    return dict(zip(NAMES, values, strict=True))


def test_counters_become_rates_and_gauges_stay() -> None:
    later = replace(FIRST, at=105.0, counters=(60.0, 1.0, 18.0, 5.0, 0.0), gauges=(7.0, 1.0, 65.0, 3.0))
    found = named(point(FIRST, later))
    assert found["at"] == 105.0
    assert (found["accepted"], found["refused"], found["delivered"], found["delayed"]) == (10.0, 0.0, 2.0, 1.0)
    assert (found["messages"], found["held"], found["oldest"], found["sessions"]) == (7.0, 1.0, 65.0, 3.0)


def test_a_process_that_was_started_again_counts_from_nothing() -> None:
    assert named(point(FIRST, replace(FIRST, at=105.0, counters=(5.0, 0.0, 0.0, 0.0, 0.0))))["accepted"] == 1.0


def test_a_duration_is_read_out_of_its_bucket_and_is_none_where_nothing_was_done() -> None:
    buckets = [0.0] * len(NOTHING)
    assert quantile(buckets, 0.5) is None
    buckets[BOUNDS.index(0.1)] = 10
    median = quantile(buckets, 0.5)
    assert median is not None
    assert 0.05 < median < 0.1
    buckets[-1] = 1000
    assert quantile(buckets, 0.95) == BOUNDS[-1]


def test_a_sample_is_read_out_of_the_metrics() -> None:
    counts = Counts()
    counts.messages = 3
    counts.refusals[550, "recipient.unknown"] = 2
    counts.attempts["delivered", "content"] = 4
    counts.attempts["relayed", "content"] = 1
    counts.attempts["delayed", "rcpt"] = 6
    counts.attempt_seconds.buckets[2] = 7
    depth = family("queue_messages", "gauge", "", [({}, 9)])
    held = family("queue_recipients", "gauge", "", [({"state": "waiting"}, 5), ({"state": "held"}, 2)])
    found = sample([*counted(counts), depth, held], 50.0)
    assert found.counters == (3.0, 2.0, 5.0, 6.0, 0.0)
    assert found.gauges[:2] == (9.0, 2.0)
    assert found.attempts[2] == 7
    assert sum(found.attempts) == 7


def test_the_rings_are_bounded_and_a_span_can_be_asked_for_from_a_moment_on() -> None:
    history = History(NoDesk(), SystemClock())
    for number in range(FINE + 50):
        history.add(replace(FIRST, at=100.0 + 5 * number))
    hour, day = history.points("hour"), history.points("day")
    assert len(hour["points"]) == FINE
    assert len(day["points"]) == (FINE + 50 - 1) // 12 < COARSE
    last = hour["points"][-1]
    assert history.newest == last
    assert history.points("hour", after=last[0] - 5)["points"] == [last]


def test_whoever_follows_is_told_of_each_point() -> None:
    async def followed() -> None:
        history = History(NoDesk(), SystemClock())
        history.add(FIRST)
        waiting = asyncio.create_task(history.news.beyond(0))
        await asyncio.sleep(0)
        assert not waiting.done()
        history.add(replace(FIRST, at=105.0))
        await waiting

    asyncio.run(followed())
