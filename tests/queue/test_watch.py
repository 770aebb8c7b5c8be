"""What a VERB session hears of the first attempt."""

import asyncio

import pytest

from heloise.queue.watch import Watch
from heloise.testing import run_in_virtual_time


def test_the_lines_end_when_every_recipient_was_tried() -> None:
    async def main() -> list[str]:
        watch = Watch(3)

        async def deliver() -> None:
            watch.say("connecting")
            watch.settled(1)
            await asyncio.sleep(10)
            watch.say("sent")
            watch.settled(2)
            watch.say("nobody listens any more")

        delivering = asyncio.create_task(deliver())
        lines = [line async for line in watch.lines(60)]
        await delivering
        return lines

    assert run_in_virtual_time(main()) == ["connecting", "sent"]


def test_the_lines_end_when_the_time_has_passed() -> None:
    async def main() -> None:
        watch = Watch(1)
        watch.say("connecting")
        lines = watch.lines(60)
        assert await anext(lines) == "connecting"
        with pytest.raises(TimeoutError):
            await anext(lines)

    run_in_virtual_time(main())
