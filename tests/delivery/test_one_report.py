"""The recipients of one message go different ways; their sender gets one report about all who fail in one round."""

import asyncio
import email
from collections.abc import Awaitable, Callable

from heloise.delivery.debts import read_debts, write_debt
from heloise.delivery.reporting import REPORT_PATIENCE
from heloise.dsn.report import RecipientReport
from heloise.local.program import PipeProgram
from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.content import MemoryContent
from heloise.mail.outcome import Action
from heloise.mail.status import EnhancedStatus
from heloise.queue.model import Owed, RecipientState
from heloise.testing import ProgramRun, SimulatedWorld, run_simulated
from heloise.world import Files
from tests.delivery.house import House, open_house

SLOW = PipeProgram(name="slow", command=("/bin/slow",), timeout=3000.0)
FAST = PipeProgram(name="fast", command=("/bin/fast",))
TWO = (("<x@example.test>", "pipe:fast"), ("<y@example.test>", "pipe:slow"))


def in_a_house(scenario: Callable[[House], Awaitable[None]]) -> None:
    async def run(world: SimulatedWorld) -> None:
        house = await open_house(world, programs=[SLOW, FAST])
        await scenario(house)
        await house.stop()

    run_simulated(run, seed=3)


def reports(files: Files) -> list[dict[str, str]]:
    """What the reports in the mailbox say: recipient → action, a report each."""
    directory = "/var/mail/a/new"
    names = files.names(directory) if files.exists(directory) else []
    return [_fates(files.open(f"{directory}/{name}").read(1 << 20)) for name in names]


def _fates(octets: bytes) -> dict[str, str]:
    parts = email.message_from_bytes(octets).walk()
    groups = [part for part in parts if part["Final-Recipient"]]
    return {group["Final-Recipient"].partition("; ")[2]: group["Action"] for group in groups}


def install(house: House, *, fast: int, slow: int, seconds: float) -> None:
    async def work(run: ProgramRun) -> int:
        await asyncio.sleep(seconds)
        return slow

    house.host.programs.install("/bin/fast", lambda run: fast)
    house.host.programs.install("/bin/slow", work)


def test_recipients_on_two_routes_that_fail_together_are_in_one_report() -> None:
    async def scenario(house: House) -> None:
        install(house, fast=67, slow=77, seconds=60)
        await house.submit(*TWO)
        await house.settled(3)
        assert reports(house.host.disk) == [{"x@example.test": "failed", "y@example.test": "failed"}]
        assert await house.messages() == []
        assert house.journal.faults == []

    in_a_house(scenario)


def test_what_was_delivered_is_settled_at_once_and_who_failed_is_not_tried_again() -> None:
    async def scenario(house: House) -> None:
        install(house, fast=0, slow=67, seconds=60)
        await house.submit(*TWO, ("<z@example.test>", "pipe:none"))
        await asyncio.sleep(30)
        (message,) = await house.messages()
        states = {str(each.recipient.forward_path): each.state for each in message.recipients}
        assert states == {
            "<x@example.test>": RecipientState.DELIVERED,
            "<y@example.test>": RecipientState.LEASED,
            "<z@example.test>": RecipientState.WAITING,
        }
        await asyncio.sleep(60)
        assert reports(house.host.disk) == [{"y@example.test": "failed"}]

    in_a_house(scenario)


def test_a_sender_asks_for_success_and_hears_of_it_with_the_failure() -> None:
    async def scenario(house: House) -> None:
        install(house, fast=0, slow=67, seconds=60)
        await house.submit(("<x@example.test> NOTIFY=SUCCESS", "pipe:fast"), TWO[1])
        await house.settled(3)
        assert reports(house.host.disk) == [{"x@example.test": "delivered", "y@example.test": "failed"}]

    in_a_house(scenario)


def test_who_takes_very_long_does_not_hold_up_the_report_about_the_others() -> None:
    async def scenario(house: House) -> None:
        install(house, fast=67, slow=67, seconds=1000)
        await house.submit(*TWO)
        await asyncio.sleep(REPORT_PATIENCE - 10)
        assert reports(house.host.disk) == []
        await asyncio.sleep(20)
        assert reports(house.host.disk) == [{"x@example.test": "failed"}]
        await house.settled(4)
        assert reports(house.host.disk) == [{"x@example.test": "failed"}, {"y@example.test": "failed"}]
        assert await house.messages() == []

    in_a_house(scenario)


def test_a_message_for_one_place_owes_nothing() -> None:
    async def scenario(house: House) -> None:
        install(house, fast=67, slow=0, seconds=0)
        owed: list[bool] = []
        settle = house.store.settle

        async def watched(settlement, *, can_wait=False):  # type: ignore[no-untyped-def]
            owed.append(bool(settlement.owed or settlement.paid))
            await settle(settlement, can_wait=can_wait)

        house.store.settle = watched  # type: ignore[method-assign]
        await house.submit(TWO[0], ("<z@example.test>", "pipe:fast"))
        await house.settled(3)
        assert reports(house.host.disk) == [{"x@example.test": "failed", "z@example.test": "failed"}]
        assert owed == [False, False]  # one for the message, one for its report

    in_a_house(scenario)


def test_a_stop_tells_what_is_owed() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        house = await open_house(world, programs=[SLOW, FAST])
        install(house, fast=67, slow=0, seconds=1000)
        await house.submit(*TWO)
        await asyncio.sleep(30)
        await house.stop()
        messages = {message.reverse_path.is_null: message for message in await house.messages()}
        assert len(messages) == 2  # the message still waits for y, and there is a report about x
        assert await house.store.owing() == ()

    run_simulated(scenario, seed=3)


def test_after_a_crash_the_sender_is_told_once_of_everybody_who_failed() -> None:
    """Whenever the power goes: each recipient is in exactly one report, and nobody is run for twice who was settled."""

    async def scenario(world: SimulatedWorld, moment: float) -> list[dict[str, str]]:
        house = await open_house(world, programs=[SLOW, FAST], on_disk=True)
        install(house, fast=67, slow=67, seconds=60)
        await house.submit(*TWO)
        await asyncio.sleep(moment)
        await house.host.power_cut()
        again = await open_house(world, programs=[SLOW, FAST], on_disk=True, host=house.host)
        await asyncio.sleep(100)
        while await again.messages():  # noqa: ASYNC110 - time is virtual
            await asyncio.sleep(10)
        await again.stop()
        return reports(again.host.disk)

    everybody = {"x@example.test": "failed", "y@example.test": "failed"}
    for moment in (30.0, 59.99, 60.0, 60.01, 60.02, 60.05, 61.0):
        told = run_simulated(lambda world, at=moment: scenario(world, at), seed=int(moment * 100))  # type: ignore[misc]
        merged = {recipient: action for report in told for recipient, action in report.items()}
        assert merged == everybody, moment
        assert sum(map(len, told)) == 2, (moment, told)


def test_what_is_owed_is_read_as_it_was_written() -> None:
    async def scenario(house: House) -> None:
        await house.submit(*TWO)
        (message,) = await house.messages()
        first, second = message.recipients
        items = (
            RecipientReport(
                recipient=first.recipient,
                action=Action.FAILED,
                status=EnhancedStatus(5, 1, 1),
                diagnostic="550 5.1.1 ünï no",
                remote_mta="mx.test",
                cause=causes.PEER_SAID.because(Rule("h.toml", 3), peer="mx.test", code=550),
                last_attempt=5.5,
            ),
            RecipientReport(
                recipient=second.recipient, action=Action.DELIVERED, status=EnhancedStatus(2, 0, 0), diagnostic="250 ok"
            ),
        )
        debts = tuple(map(write_debt, message.recipients, items))
        assert read_debts(Owed(message=message, content=MemoryContent(b""), debts=debts)) == items

    in_a_house(scenario)
