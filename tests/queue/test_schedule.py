"""When a recipient is tried again."""

import pytest

from heloise.queue.schedule import RetrySchedule, expires_at, next_attempt

MINUTE, HOUR, DAY = 60.0, 3600.0, 86400.0


def test_the_waits_grow_to_three_hours() -> None:
    waits = [next_attempt(RetrySchedule(), now=0.0, attempts=attempts, random=0.5) for attempts in range(1, 9)]
    assert waits == [5 * MINUTE, 15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 3 * HOUR, 3 * HOUR, 3 * HOUR]


def test_jitter_is_a_fifth_to_both_sides() -> None:
    assert next_attempt(RetrySchedule(), now=1000.0, attempts=4, random=0.0) == pytest.approx(1000 + 0.8 * HOUR)
    assert next_attempt(RetrySchedule(), now=1000.0, attempts=4, random=0.999999) == pytest.approx(1000 + 1.2 * HOUR)


def test_a_message_is_given_up_after_five_days() -> None:
    assert expires_at(RetrySchedule(), accepted_at=7.0) == 7 + 5 * DAY


@pytest.mark.parametrize("wrong", [{"intervals": ()}, {"intervals": (0.0,)}, {"jitter": 1.0}, {"jitter": -0.1}])
def test_a_schedule_without_waits_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match="retry schedule"):
        RetrySchedule(**wrong)  # type: ignore[arg-type]
