"""Who is put off without being leased, while the line of his destination is full: only whose time has not come."""

import pytest

from heloise.delivery.putting_off import PuttingOff, Waits
from heloise.queue.model import DueRecipient
from heloise.queue.schedule import RetrySchedule

NOW = 1_000_000.0
SCHEDULE = RetrySchedule(warn_after=3600.0, expire_after=86400.0)
DUE = DueRecipient(
    id=7, route="mx:full.test", attempts=0, last_word_at=0.0, accepted_at=NOW, is_from_nobody=False, has_hints=False
)


WAITS = Waits(100.0, 200.0)


def until(due: DueRecipient, waits: Waits = WAITS) -> float | None:
    return PuttingOff({"mx:full.test": waits}, SCHEDULE, now=NOW, told=lambda put_off: None).until(due)


def test_it_waits_for_about_its_turn() -> None:
    moments = [until(DUE._replace(id=number)) for number in range(1000)]
    assert all(moment is not None and NOW + 90 <= moment <= NOW + 110 for moment in moments)
    assert len(set(moments)) == 1000, "they do not all come back at once"


def test_who_was_tried_before_waits_as_such() -> None:
    moment = until(DUE._replace(attempts=3))
    assert moment is not None
    assert NOW + 180 <= moment <= NOW + 220
    assert until(DUE._replace(attempts=3), Waits(100.0, None)) is None
    assert until(DUE, Waits(None, 100.0)) is None


def test_other_routes_are_leased() -> None:
    assert until(DUE._replace(route="mx:live.test")) is None


def test_a_message_with_hints_is_looked_at_by_itself() -> None:
    assert until(DUE._replace(has_hints=True)) is None


@pytest.mark.parametrize(
    ("age", "last_word", "expected"),
    [
        (3590, 0, NOW + 10),  # not past the warning
        (3600, 0, None),  # to be warned of
        (3600, NOW - 3000, None),  # heard of before the warning was due
        (7200, NOW - 10, NOW + 100),  # warned of
        (86390, NOW - 10, NOW + 10),  # not past its end
        (86400, NOW - 10, None),  # to be given up
    ],
)
def test_nobody_is_put_off_past_the_moment_at_which_its_sender_is_told(
    age: float, last_word: float, expected: float | None
) -> None:
    moment = until(DUE._replace(accepted_at=NOW - age, last_word_at=last_word))
    assert moment == (expected if expected is None else pytest.approx(expected, abs=10.0))
    assert moment is None or moment <= max(NOW + 110, expected or 0)


def test_a_report_is_given_up_sooner() -> None:
    schedule = RetrySchedule(warn_after=0.0)
    putting_off = PuttingOff({DUE.route: Waits(100.0, 100.0)}, schedule, now=NOW, told=lambda put_off: None)
    old = DUE._replace(accepted_at=NOW - 2 * 86400)
    assert putting_off.until(old) is not None
    assert putting_off.until(old._replace(is_from_nobody=True)) is None
