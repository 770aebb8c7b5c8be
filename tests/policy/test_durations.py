"""How long whoever is asked takes is counted, in simulated time."""

import asyncio

import pytest

from heloise.observe.counts import BOUNDS
from heloise.policy import CONTINUE, Stage, Verdict, View
from tests.policy.house import House, Scripted, at_home


@pytest.mark.parametrize(("seconds", "end"), [(0.2, 0.25), (3.0, 5.0)])
def test_an_answer_is_counted_by_name_and_stage_with_the_time_it_took(seconds: float, end: float) -> None:
    async def slowly(view: View) -> Verdict:
        await asyncio.sleep(seconds)
        return CONTINUE

    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.send())[:3] == "250"
        counted = house.server._journal.counts.policy_seconds
        assert set(counted) == {("slow", "rcpt")}
        durations = counted["slow", "rcpt"]
        assert durations.buckets[BOUNDS.index(end)] == sum(durations.buckets) == 1
        assert durations.total == pytest.approx(seconds)

    at_home(play, filters=[Scripted({Stage.RCPT: slowly}, name="slow")])


def test_an_answer_that_does_not_come_is_counted_with_the_time_that_was_waited() -> None:
    async def never(view: View) -> Verdict:
        await asyncio.Event().wait()
        return CONTINUE

    async def play(house: House) -> None:
        client = await house.greeted()
        assert (await client.send())[:3] == "451"
        assert house.server._journal.counts.policy_seconds["mute", "mail"].total == pytest.approx(2.0)

    at_home(play, filters=[Scripted({Stage.MAIL: never}, name="mute", deadline=2.0)])
