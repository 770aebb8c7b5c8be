"""How hard a destination may be worked, without any destination."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.delivery.allowance import FIRST_PAUSE, FIRST_WINDOW, LONGEST_PAUSE, Allowance, Bounds
from heloise.delivery.rate import Bucket, Rate
from heloise.delivery.troubles import Troubles
from heloise.mail.outcome import Action, Outcome, Stage
from heloise.smtp import replies

TROUBLE = Outcome(action=Action.DELAYED, stage=Stage.CONNECT, reply=replies.dns_failure("x.test", "timed out"))


@pytest.mark.parametrize(
    ("text", "rate"),
    [("100/1m", Rate(100, 60)), ("5/s", Rate(5, 1)), ("1000/2h", Rate(1000, 7200)), ("1/1d", Rate(1, 86400))],
)
def test_a_rate_is_so_many_in_a_time(text: str, rate: Rate) -> None:
    assert Rate.parse(text) == rate
    assert Rate.parse(str(rate)) == rate


@pytest.mark.parametrize("text", ["", "100", "0/1m", "100/", "100/1", "1.5/s", "-1/m", "100/0m", "100 / 1m"])
def test_anything_else_is_no_rate(text: str) -> None:
    with pytest.raises(ValueError, match="write it like"):
        Rate.parse(text)


@given(
    st.integers(min_value=1, max_value=200),
    st.sampled_from([1.0, 60.0, 3600.0]),
    st.lists(st.floats(min_value=0, max_value=100), max_size=60),
)
def test_no_stretch_of_time_has_more_than_the_rate(count: int, seconds: float, rests: list[float]) -> None:
    now, sent = 0.0, list[float]()
    bucket = Bucket.of(Rate(count, seconds), now)
    for rest in rests * 4:
        now += rest
        while (delay := bucket.delay(now)) > 0:
            now += delay
        bucket.spend(now)
        sent.append(now)
    for first in sent:
        assert sum(first <= moment < first + seconds for moment in sent) <= count


def test_the_window_begins_small_doubles_and_is_halved() -> None:
    allowance = Allowance(Bounds(concurrency=20), 0.0)
    assert allowance.window == FIRST_WINDOW
    for _ in range(FIRST_WINDOW):
        allowance.taken(1.0)
    assert allowance.window == 2 * FIRST_WINDOW
    for _ in range(100):
        allowance.taken(2.0)
    assert allowance.window == 20
    allowance.too_slow(begun=2.0, now=3.0)
    allowance.too_slow(begun=2.5, now=3.5)  # was under way when the first one was given up
    assert allowance.window == 10
    for _ in range(10):
        allowance.taken(4.0)
    assert allowance.window == 10  # from here on by one a round
    allowance.taken(4.0)
    assert allowance.window == 11


def test_one_at_a_time_is_the_least_and_what_is_on_this_machine_is_not_slowed() -> None:
    allowance = Allowance(Bounds(concurrency=1), 0.0)
    allowance.too_slow(begun=1.0, now=2.0)
    assert allowance.window == 1
    assert Allowance(Bounds(concurrency=20, careful=False), 0.0).window == 20


def test_pauses_double_until_something_is_taken() -> None:
    allowance, now = Allowance(Bounds(), 0.0), 0.0
    for expected in (30, 60, 120, 240, 480, 900, 900):
        allowance.too_much(begun=now, now=now)
        assert allowance.delay(now) == pytest.approx(expected)
        now += expected
    assert LONGEST_PAUSE == 900
    allowance.taken(now)
    allowance.too_much(begun=now, now=now)
    assert allowance.delay(now) == FIRST_PAUSE
    allowance.forgive()
    assert allowance.delay(now + 120) == 0


def test_what_was_under_way_at_the_first_421_does_not_make_the_pause_longer() -> None:
    allowance = Allowance(Bounds(), 0.0)
    allowance.too_much(begun=1.0, now=2.0)
    allowance.too_much(begun=1.5, now=3.0)
    assert allowance.paused_until == 2.0 + FIRST_PAUSE


def test_a_learned_pace_is_below_what_was_too_much_and_goes_when_it_is_no_limit_any_more() -> None:
    allowance = Allowance(Bounds(), 0.0)
    for second in range(60):
        allowance.taken(float(second))
    allowance.too_much(begun=60.0, now=60.0)
    pace = allowance.pace(60.0)
    assert pace is not None
    assert 0.85 < pace < 0.95
    later = allowance.pace(60 + 15 * 60.0)
    assert later is not None
    assert 0.9 < later < 1.1
    for minute in range(0, 24 * 60, 5):
        allowance.pace(60.0 * minute + 1000)
    assert allowance.pace(90_000.0) is None


def test_a_place_in_trouble_is_left_alone_for_longer_each_time() -> None:
    troubles = Troubles()
    troubles.failed("host", TROUBLE, begun=0.0, now=1.0)
    troubles.failed("host", TROUBLE, begun=0.5, now=2.0)
    assert troubles.known("host", 30.9) == TROUBLE
    assert troubles.known("other", 1.0) is None
    assert troubles.known("host", 31.0) is None
    troubles.failed("host", TROUBLE, begun=31.0, now=32.0)
    assert troubles.known("host", 91.0) == TROUBLE
    troubles.works("host")
    assert troubles.known("host", 33.0) is None
