"""Metrics are written as Prometheus reads them, and those of several processes are put together."""

import re

from heloise.observe.counts import BOUNDS, Counts, Durations
from heloise.observe.exposition import counted, family, histogram, put_together, render

_SAMPLE = re.compile(r'([a-z_]+)(?:\{((?:[a-z_]+="(?:[^"\\\n]|\\["\\n])*",?)+)\})? (\S+)')


def samples(text: str) -> dict[str, float]:
    """Each line, read as strictly as the format is written down."""
    found: dict[str, float] = {}
    assert text.endswith("\n")
    for line in text.splitlines():
        if line.startswith("# "):
            assert re.fullmatch(r"# (HELP [a-z_]+ .+|TYPE [a-z_]+ (counter|gauge|histogram))", line), line
            continue
        match = _SAMPLE.fullmatch(line)
        assert match is not None, line
        name = match[1] + (f"{{{match[2]}}}" if match[2] else "")
        assert name not in found, f"{name} is there twice"
        found[name] = float(match[3])
    return found


def test_counters_have_names_and_labels() -> None:
    counts = Counts()
    counts.sessions, counts.sessions_ended, counts.messages = 5, 2, 3
    counts.refusals[550, "recipient.unknown"] += 4
    found = samples(render(counted(counts)))
    assert found["heloise_sessions_open"] == 3
    assert found["heloise_messages_total"] == 3
    assert found['heloise_refusals_total{code="550",cause="recipient.unknown"}'] == 4


def test_the_buckets_of_a_histogram_hold_all_that_is_below_their_ends() -> None:
    durations = Durations()
    durations.buckets[0] += 2
    durations.buckets[3] += 1
    durations.buckets[len(BOUNDS)] += 1
    durations.total = 1000.5
    found = samples(render([histogram("x_seconds", "Some time.", durations)]))
    assert found['heloise_x_seconds_bucket{le="0.001"}'] == 2
    assert found['heloise_x_seconds_bucket{le="0.01"}'] == 3
    assert found['heloise_x_seconds_bucket{le="+Inf"}'] == found["heloise_x_seconds_count"] == 4
    assert found["heloise_x_seconds_sum"] == 1000.5


def test_durations_of_several_kinds_are_told_apart() -> None:
    counts = Counts()
    counts.policy_seconds["opendkim", "message"].buckets[2] += 1
    counts.policy_seconds["opendkim", "message"].total = 0.004
    counts.policy_seconds["hooks", "rcpt"].buckets[0] += 2
    text = render(put_together([counted(counts), counted(counts)]))
    found = samples(text)
    assert found['heloise_policy_seconds_count{check="opendkim",stage="message"}'] == 2
    assert found['heloise_policy_seconds_sum{check="opendkim",stage="message"}'] == 0.008
    assert found['heloise_policy_seconds_bucket{check="hooks",stage="rcpt",le="0.001"}'] == 4
    assert text.count("# TYPE heloise_policy_seconds histogram") == 1


def test_labels_can_not_break_a_line() -> None:
    (line,) = [
        each
        for each in render([family("x", "gauge", "a\nb", [({"version": 'a"b\\c\nd'}, 1)])]).splitlines()
        if not each.startswith("#")
    ]
    assert line == 'heloise_x{version="a\\"b\\\\c\\nd"} 1'


def test_processes_are_added_up_and_the_oldest_is_the_oldest() -> None:
    one, other = (
        [
            family("a_total", "counter", "A.", [({"code": "550"}, 2), ({}, number)]),
            family("age_seconds", "gauge", "Age.", [({}, number)], put_together="largest"),
        ]
        for number in (7, 3)
    )
    found = samples(render(put_together([one, other])))
    assert found == {'heloise_a_total{code="550"}': 4, "heloise_a_total": 10, "heloise_age_seconds": 7}
