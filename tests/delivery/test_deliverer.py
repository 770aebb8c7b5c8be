"""The deliverer end to end, in a simulated world: what peers say, and what becomes of the mail."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from heloise.delivery.allowance import Bounds
from heloise.delivery.deliverer import DeliveryOptions
from heloise.mail.ids import MessageId
from heloise.queue.errors import StoreFull
from heloise.queue.model import Lease, RecipientState, Selection, Settlement
from heloise.testing import DiskFaults, SimulatedWorld, run_simulated
from heloise.world import Endpoint, ResolverFault
from tests.delivery.house import CONTENT, House, Peer, open_house, open_peer


def in_a_house(
    scenario: Callable[[House], Awaitable[None]],
    *,
    reports: str | None = "maildir:a",
    options: DeliveryOptions | None = None,
) -> None:
    async def run(world: SimulatedWorld) -> None:
        house = await open_house(world, reports=reports, options=options)
        await scenario(house)
        await house.stop()

    run_simulated(run, seed=3)


def letters(house: House, account: str) -> list[bytes]:
    files = house.host.world.files
    directory = f"/var/mail/{account}/new"
    if not files.exists(directory):
        return []
    return [files.open(f"{directory}/{name}").read(1 << 20) for name in files.names(directory)]


def test_a_message_is_relayed_to_a_given_host() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9")
        await house.submit(("<x@full.test>", "smtp:192.0.2.9:25"))
        await house.settled(1)
        assert house.journal.attempts == [("<x@full.test>", "relayed", "250 2.0.0 queued as SINK")]
        assert peer.messages == [CONTENT]
        assert await house.messages() == []

    in_a_house(scenario)


def test_a_message_is_relayed_by_mx_in_order_of_preference() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "worse.test", "192.0.2.8")
        best = await open_peer(house.simulation, "best.test", "192.0.2.9")
        house.simulation.zones.add_mail_exchanger("dom.test", 20, "worse.test")
        house.simulation.zones.add_mail_exchanger("dom.test", 10, "best.test")
        await house.submit(("<x@dom.test>", "mx:dom.test"))
        await house.settled(1)
        assert len(best.messages) == 1

    in_a_house(scenario)


def test_all_recipients_of_a_route_go_in_one_transaction() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9")
        await house.submit(*((f"<x{number}@full.test>", "smtp:192.0.2.9:25") for number in range(3)))
        await house.settled(3)
        assert (peer.connections, len(peer.messages), len(peer.said("RCPT"))) == (1, 1, 3)

    in_a_house(scenario)


@pytest.mark.parametrize(
    ("script", "expected"),
    [
        ({"": "421 4.3.2 full"}, ("delayed", "421 4.3.2 full")),
        ({"": "554 no service"}, ("failed", "554 no service")),
        ({"EHLO": "451 4.3.0 later"}, ("delayed", "451 4.3.0 later")),
        ({"EHLO": "502 5.5.1 what"}, ("relayed", "250 2.0.0 queued as SINK")),
        ({"MAIL": "451 4.1.8 dns"}, ("delayed", "451 4.1.8 dns")),
        ({"MAIL": "550 5.7.1 no"}, ("failed", "550 5.7.1 no")),
        ({"RCPT": "450 4.2.1 greylisted"}, ("delayed", "450 4.2.1 greylisted")),
        ({"RCPT": "550 5.1.1 unknown"}, ("failed", "550 5.1.1 unknown")),
        ({"RCPT": "551 5.1.6 try <y@new.test>"}, ("failed", "551 5.1.6 try <y@new.test>")),
        ({"RCPT": "552 5.2.2 full"}, ("failed", "552 5.2.2 full")),
        ({"RCPT": "251 2.1.5 will forward"}, ("relayed", "250 2.0.0 queued as SINK")),
        ({"DATA": "452 4.3.1 disk"}, ("delayed", "452 4.3.1 disk")),
        ({"DATA": "554 5.6.0 no"}, ("failed", "554 5.6.0 no")),
        ({".": "451 4.3.0 scanner"}, ("delayed", "451 4.3.0 scanner")),
        ({".": "554 5.7.1 spam"}, ("failed", "554 5.7.1 spam")),
        ({"MAIL": "421 4.3.2 bye"}, ("delayed", "421 4.3.2 bye")),
        ({"RCPT": "421 4.3.2 bye"}, ("delayed", "421 4.3.2 bye")),
    ],
)
def test_what_a_peer_says_decides(script: dict[str, str | None], expected: tuple[str, str]) -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "full.test", "192.0.2.9", script)
        await house.submit(("<x@full.test> NOTIFY=NEVER", "smtp:192.0.2.9:25"))
        await house.settled(1)
        assert house.journal.attempts == [("<x@full.test>", *expected)]
        left = await house.waiting()
        assert [each.state for each in left] == ([RecipientState.WAITING] if expected[0] == "delayed" else [])

    in_a_house(scenario)


def test_partial_success_is_kept_per_recipient() -> None:
    async def scenario(house: House) -> None:
        script = {"RCPT TO:<bad": "550 5.1.1 unknown", "RCPT TO:<later": "450 4.2.1 locked"}
        await open_peer(house.simulation, "full.test", "192.0.2.9", script)
        route = "smtp:192.0.2.9:25"
        await house.submit(
            ("<good@full.test>", route), ("<bad@full.test> NOTIFY=NEVER", route), ("<later@full.test>", route)
        )
        await house.settled(3)
        assert [action for _, action, _ in house.journal.attempts] == ["relayed", "failed", "delayed"]
        (left,) = [each for each in await house.waiting() if each.state is RecipientState.WAITING]
        assert str(left.recipient.forward_path) == "<later@full.test>"
        assert left.last_word is not None
        assert left.last_word.reply == "450 4.2.1 locked"

    in_a_house(scenario)


def test_too_many_recipients_go_into_another_transaction_at_once() -> None:
    class Counting(Peer):
        """Takes two recipients a transaction."""

        def _answer(self, line: str) -> str:
            if line.startswith("RCPT"):
                since = len(self.commands) - 1 - max(i for i, said in enumerate(self.commands) if said[:4] == "MAIL")
                return "250 ok" if since <= 2 else "452 4.5.3 too many"
            return super()._answer(line)

    async def scenario(house: House) -> None:
        peer = Counting("full.test")
        host = house.simulation.host("full.test", "192.0.2.9")
        await host.world.network.listen(Endpoint("192.0.2.9", 25), peer.serve)
        await house.submit(*((f"<x{number}@full.test>", "smtp:192.0.2.9:25") for number in range(5)))
        await house.settled(5)
        assert {action for _, action, _ in house.journal.attempts} == {"relayed"}
        assert len(peer.messages) == 3
        assert peer.connections == 1

    in_a_house(scenario)


def test_a_dead_host_is_passed_over_for_the_next() -> None:
    async def scenario(house: House) -> None:
        house.simulation.host("dead.test", "192.0.2.8")
        alive = await open_peer(house.simulation, "alive.test", "192.0.2.9")
        house.simulation.zones.add_mail_exchanger("dom.test", 10, "dead.test")
        house.simulation.zones.add_mail_exchanger("dom.test", 20, "alive.test")
        await house.submit(("<x@dom.test>", "mx:dom.test"))
        await house.settled(1)
        assert len(alive.messages) == 1

    in_a_house(scenario)


@pytest.mark.parametrize("verb", ["MAIL", "RCPT", "DATA"])
def test_a_connection_lost_before_the_dot_moves_on_to_the_next_host(verb: str) -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "shaky.test", "192.0.2.8", {verb: None})
        alive = await open_peer(house.simulation, "alive.test", "192.0.2.9")
        house.simulation.zones.add_mail_exchanger("dom.test", 10, "shaky.test")
        house.simulation.zones.add_mail_exchanger("dom.test", 20, "alive.test")
        await house.submit(("<x@dom.test>", "mx:dom.test"))
        await house.settled(1)
        assert len(alive.messages) == 1

    in_a_house(scenario)


def test_a_connection_lost_after_the_dot_is_ambiguous_and_tried_again_later() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "shaky.test", "192.0.2.8", {".": None})
        alive = await open_peer(house.simulation, "alive.test", "192.0.2.9")
        house.simulation.zones.add_mail_exchanger("dom.test", 10, "shaky.test")
        house.simulation.zones.add_mail_exchanger("dom.test", 20, "alive.test")
        await house.submit(("<x@dom.test>", "mx:dom.test"))
        await house.settled(1)
        assert house.journal.outcomes[0].ambiguous
        assert house.journal.outcomes[0].action.value == "delayed"
        assert alive.messages == []

    in_a_house(scenario)


@pytest.mark.parametrize(
    ("prepare", "action", "status"),
    [
        (lambda zones: None, "failed", "5.1.2"),
        (lambda zones: zones.add_mail_exchanger("dom.test", 0, "."), "failed", "5.1.10"),
        (lambda zones: zones.fail("dom.test", ResolverFault.SERVER_FAILURE), "delayed", "4.4.3"),
        (lambda zones: zones.add_mail_exchanger("dom.test", 10, "mx.example.test"), "failed", "5.4.6"),
        (lambda zones: zones.add_mail_exchanger("dom.test", 10, "nowhere.test"), "failed", "5.4.4"),
        (lambda zones: zones.add_addresses("dom.test", ["192.0.2.77"]), "delayed", "4.4.1"),
    ],
)
def test_what_dns_says_decides(prepare: Callable[..., None], action: str, status: str) -> None:
    async def scenario(house: House) -> None:
        prepare(house.simulation.zones)
        await house.submit(("<x@dom.test> NOTIFY=NEVER", "mx:dom.test"))
        await house.settled(1)
        outcome = house.journal.outcomes[0]
        assert (outcome.action.value, str(outcome.reply.status)) == (action, status)

    in_a_house(scenario)


def test_a_delayed_recipient_is_tried_again_and_delivered() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9", {"RCPT": "450 4.7.1 greylisted"})
        began = house.host.world.clock.now()
        await house.submit(("<x@full.test>", "smtp:192.0.2.9:25"))
        await house.settled(1)
        peer.script.clear()
        await house.settled(2)
        assert house.journal.attempts[1][1] == "relayed"
        assert 200 < house.host.world.clock.now() - began < 400  # RFC 5321 §4.5.4.1: there MUST be a delay

    in_a_house(scenario)


def test_a_sender_is_warned_once_and_after_five_days_told_the_last_trouble() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "full.test", "192.0.2.9", {"RCPT": "450 4.2.1 locked for good"})
        began = house.host.world.clock.now()
        await house.submit(("<x@full.test>", "smtp:192.0.2.9:25"))

        async def letter(number: int) -> tuple[bytes, float]:
            while len(letters(house, "a")) < number:  # noqa: ASYNC110 - time is virtual
                await asyncio.sleep(60)
            return letters(house, "a")[-1], house.host.world.clock.now() - began

        warning, passed = await letter(1)
        assert 4 * 3600 <= passed < 4 * 3600 + 130
        assert b"Action: delayed\r\nStatus: 4.2.1" in warning
        _, passed = await letter(2)
        assert 5 * 86400 <= passed < 5 * 86400 + 1300
        (report,) = [each for each in letters(house, "a") if each != warning]
        assert b"Status: 5.4.7" in report
        assert b"Diagnostic-Code: smtp; 450 4.2.1 locked for good" in report
        assert b"Remote-MTA: dns; [192.0.2.9]" in report
        assert await house.messages() == []

    in_a_house(scenario)


def test_a_failure_is_reported_to_the_sender_with_the_message() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "full.test", "192.0.2.9", {"RCPT": "550 5.1.1 no such user"})
        await house.submit(("<x@full.test>", "smtp:192.0.2.9:25"), ("<y@full.test>", "smtp:192.0.2.9:25"))
        await house.settled(3)
        (report,) = letters(house, "a")
        assert report.startswith(b"Return-Path: <>\r\n")
        assert report.count(b"Action: failed") == 2
        assert CONTENT in report
        assert await house.messages() == []

    in_a_house(scenario)


def test_null_reverse_path_never_earns_a_report() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "full.test", "192.0.2.9", {"RCPT": "550 5.1.1 no such user"})
        await house.submit(("<x@full.test>", "smtp:192.0.2.9:25"), sender="<>")
        await house.settled(1)
        assert await house.messages() == []
        assert letters(house, "a") == []

    in_a_house(scenario)


def test_a_report_that_fails_itself_makes_no_report() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "full.test", "192.0.2.9", {"RCPT": "550 5.1.1 no such user"})
        await house.submit(("<x@full.test>", "smtp:192.0.2.9:25"))
        await house.settled(2)
        assert [path for path, _, _ in house.journal.attempts] == ["<x@full.test>", "<a@client.test>"]
        assert await house.messages() == []

    in_a_house(scenario, reports="smtp:192.0.2.9:25")


def test_a_report_without_a_way_is_told_to_the_journal() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "full.test", "192.0.2.9", {"RCPT": "550 5.1.1 no such user"})
        await house.submit(("<x@full.test>", "smtp:192.0.2.9:25"))
        await house.settled(1)
        assert house.journal.faults == ["DeliveryFault: there is no way to send a report to <a@client.test>"]

    in_a_house(scenario, reports=None)


def test_relaying_to_a_host_without_dsn_is_reported_when_success_was_asked_for() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "plain.test", "192.0.2.8")
        dsn = await open_peer(house.simulation, "dsn.test", "192.0.2.9", extensions=("DSN",))
        await house.submit(("<x@plain.test> NOTIFY=SUCCESS", "smtp:192.0.2.8:25"))
        await house.settled(2)
        await house.submit(("<x@dsn.test> NOTIFY=SUCCESS", "smtp:192.0.2.9:25"))
        await house.settled(3)
        (report,) = letters(house, "a")
        assert b"Action: relayed" in report
        assert b"text/rfc822-headers" in report
        assert dsn.said("RCPT") == ["RCPT TO:<x@dsn.test> NOTIFY=SUCCESS"]

    in_a_house(scenario)


def test_a_message_is_put_into_a_maildir() -> None:
    async def scenario(house: House) -> None:
        await house.submit(("<alice+tag@example.test>", "maildir:alice"))
        await house.settled(1)
        (letter,) = letters(house, "alice")
        assert letter.startswith(
            b"Return-Path: <a@client.test>\r\nDelivered-To: alice+tag@example.test\r\nSubject: lunch\r\n"
        )
        assert house.journal.outcomes[0].reply.cause.id == "local.delivered"

    in_a_house(scenario)


def test_a_letter_for_nobody_fails_and_makes_no_maildir() -> None:
    async def scenario(house: House) -> None:
        await house.submit(("<ghost@example.test> NOTIFY=NEVER", "maildir:ghost"))
        await house.settled(1)
        assert house.journal.attempts[0][1:] == ("failed", "550 5.1.1 <ghost@example.test> is unknown here")
        assert not house.host.world.files.exists("/var/mail/ghost")

    in_a_house(scenario)


def test_a_locked_maildir_delays_and_a_full_one_fails() -> None:
    async def scenario(house: House) -> None:
        files = house.host.world.files
        files.make_directory("/var/mail/alice")
        files.create("/var/mail/alice/.locked").close()
        await house.submit(("<alice@example.test>", "maildir:alice"))
        await house.settled(1)
        files.remove("/var/mail/alice/.locked")
        await house.submit(("<alice@example.test> NOTIFY=NEVER", "maildir:alice"), content=b"x" * 100_001)
        await house.settled(2)
        assert [(action, text[:9]) for _, action, text in house.journal.attempts] == [
            ("delayed", "450 4.2.1"),
            ("failed", "552 5.2.2"),
        ]

    in_a_house(scenario)


def test_a_full_disk_delays() -> None:
    async def scenario(house: House) -> None:
        house.host.disk.faults = DiskFaults(quota=10)
        await house.submit(("<alice@example.test>", "maildir:alice"))
        await house.settled(1)
        assert house.journal.attempts[0][1:] == ("delayed", "452 4.3.1 There is no room for the message now")
        house.host.disk.faults = DiskFaults(sync_failure=1.0)
        await house.submit(("<alice@example.test>", "maildir:alice"))
        await house.settled(2)
        assert house.journal.outcomes[1].reply.cause.id == "local.trouble"

    in_a_house(scenario)


def test_discarded_mail_is_delivered_to_nowhere() -> None:
    async def scenario(house: House) -> None:
        await house.submit(("<x@example.test>", "discard:"))
        await house.settled(1)
        assert house.journal.attempts[0][1] == "delivered"
        assert await house.messages() == []

    in_a_house(scenario)


def test_lmtp_answers_for_each_recipient() -> None:
    async def scenario(house: House) -> None:
        script = {".": "250 2.0.0 stored\r\n452 4.2.2 full"}
        peer = await open_peer(house.simulation, "lmtp.test", "192.0.2.9", script, port=24)
        await house.submit(("<x@example.test>", "lmtp:192.0.2.9"), ("<y@example.test>", "lmtp:192.0.2.9"))
        await house.settled(2)
        assert peer.said("LHLO") == ["LHLO mx.example.test"]
        assert [(action, text) for _, action, text in house.journal.attempts] == [
            ("delivered", "250 2.0.0 stored"),
            ("delayed", "452 4.2.2 full"),
        ]

    in_a_house(scenario)


def test_a_dead_host_costs_one_connection_and_not_one_for_each_message() -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "full.test", "192.0.2.9", {"": "421 4.3.2 full"})
        for number in range(5):
            await house.submit((f"<x{number}@full.test>", "smtp:192.0.2.9:25"))
            await house.settled(number + 1)
        assert peer.connections == 1
        assert {text for _, _, text in house.journal.attempts} == {"421 4.3.2 full"}
        house.deliverer.forgive()
        await house.submit(("<y@full.test>", "smtp:192.0.2.9:25"))
        await house.settled(6)
        assert peer.connections == 2

    in_a_house(scenario)


def test_one_slow_route_does_not_hold_up_the_others() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "slow.test", "192.0.2.8", {"EHLO": ""})
        fast = await open_peer(house.simulation, "fast.test", "192.0.2.9")
        for _ in range(12):
            await house.submit(("<x@slow.test>", "smtp:192.0.2.8:25"))
        await house.submit(("<x@fast.test>", "smtp:192.0.2.9:25"))
        await asyncio.sleep(60)
        assert len(fast.messages) == 1

    options = DeliveryOptions(attempts=4, bounds_of=lambda names: Bounds(concurrency=2), backlog_per_route=2)
    in_a_house(scenario, options=options)


def test_an_agent_that_breaks_delays_and_does_not_end_the_deliverer() -> None:
    async def scenario(house: House) -> None:
        await house.submit(("<x@full.test>", "smtp:a:b:c"))
        await house.settled(1)
        assert house.journal.attempts[0][1:] == ("delayed", "451 4.3.0 The attempt failed by an error of this server")
        assert house.journal.faults[0].startswith("ValueError")
        await house.submit(("<alice@example.test>", "maildir:alice"))
        await house.settled(2)
        assert len(letters(house, "alice")) == 1

    in_a_house(scenario)


def test_stopping_cuts_attempts_off_and_keeps_what_was_decided() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "slow.test", "192.0.2.8", {"EHLO": ""})
        await house.submit(("<x@slow.test>", "smtp:192.0.2.8:25"), ("<alice@example.test>", "maildir:alice"))
        await asyncio.sleep(10)
        await house.deliverer.stop(5.0)
        (left,) = [each for each in await house.waiting() if each.state is RecipientState.WAITING]
        assert str(left.recipient.forward_path) == "<x@slow.test>"
        assert left.attempts == 0
        assert len(letters(house, "alice")) == 1

    in_a_house(scenario)


def test_an_attempt_that_outlives_its_lease_is_not_made_twice_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(house: House) -> None:
        peer = await open_peer(house.simulation, "slow.test", "192.0.2.8", {".": ""})
        await house.submit(("<x@slow.test>", "smtp:192.0.2.8:25"))
        await asyncio.sleep(500)
        assert (peer.connections, len(peer.messages)) == (1, 1)

    monkeypatch.setattr("heloise.queue.queue.LEASE_TIME", 100.0)
    in_a_house(scenario)


def test_stopping_does_not_wait_longer_because_all_hands_are_full() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "slow.test", "192.0.2.8", {".": ""})
        for _ in range(5):
            await house.submit(("<x@slow.test>", "smtp:192.0.2.8:25"))
        await asyncio.sleep(10)
        begin = house.simulation.clock.now()
        await house.deliverer.stop(5.0)
        assert house.simulation.clock.now() - begin < 6

    in_a_house(
        scenario,
        options=DeliveryOptions(attempts=1, bounds_of=lambda names: Bounds(concurrency=1), backlog_per_route=1),
    )


def test_a_verbose_session_hears_the_conversation() -> None:
    async def scenario(house: House) -> None:
        await open_peer(house.simulation, "full.test", "192.0.2.9")
        house.simulation.zones.add_mail_exchanger("dom.test", 10, "full.test")
        watch = house.queue.watch(MessageId("W"), 1)
        await house.submit(("<x@dom.test>", "mx:dom.test"), message_id="W")
        heard = [line async for line in watch.lines(60)]
        assert heard == [
            "<x@dom.test>... Connecting to full.test. via esmtp...",
            "220 full.test ESMTP sink",
            ">>> EHLO mx.example.test",
            "250-full.test",
            "250 ENHANCEDSTATUSCODES",
            ">>> MAIL FROM:<a@client.test>",
            "250 2.1.0 ok",
            ">>> RCPT TO:<x@dom.test>",
            "250 2.1.0 ok",
            ">>> DATA",
            "354 go ahead",
            ">>> .",
            "250 2.0.0 queued as SINK",
            "<x@dom.test>... Sent (queued as SINK)",
        ]

    in_a_house(scenario)


def test_a_verbose_session_hears_of_trouble() -> None:
    async def scenario(house: House) -> None:
        house.simulation.host("down.test", "192.0.2.8")
        watch = house.queue.watch(MessageId("W"), 2)
        await house.submit(("<z@down.test>", "mx:down.test"), ("<alice@example.test>", "maildir:alice"), message_id="W")
        heard = [line async for line in watch.lines(60)]
        assert "<z@down.test>... Connecting to down.test. via esmtp..." in heard
        assert "<z@down.test>... Deferred: Connection refused by down.test." in heard
        assert "<alice@example.test>... Connecting to local..." in heard
        assert "<alice@example.test>... Sent" in heard

    in_a_house(scenario)


@pytest.mark.interpreted("it replaces a method of the store, which compiled callers do not notice")
def test_an_unexpected_trouble_of_the_store_does_not_end_the_deliverer(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario(house: House) -> None:
        lease = house.store.lease
        troubles = [RuntimeError("a bug of the store")]

        async def troubled(**asked: Any) -> tuple[Lease, ...]:
            if troubles:
                raise troubles.pop()
            return await lease(**asked)

        monkeypatch.setattr(house.store, "lease", troubled)
        await house.submit(("<alice@example.test>", "maildir:alice?on-request"))
        await house.queue.retry(Selection(), due=house.host.world.clock.now())
        await house.settled(1)
        assert not troubles
        assert len(letters(house, "alice")) == 1

    in_a_house(scenario)


@pytest.mark.interpreted("it replaces methods of the store, which compiled callers do not notice")
def test_what_was_delivered_is_leased_to_nobody_while_a_full_disk_keeps_no_outcome(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    async def scenario(house: House) -> None:
        settle, lease, now = house.store.settle, house.store.lease, house.host.world.clock.now
        room = now() + 3 * 3600  # longer than a lease
        leased: list[str] = []

        async def full(settlement: Settlement, *, can_wait: bool = False) -> None:
            if now() < room:
                raise StoreFull("there is no room")
            await settle(settlement, can_wait=can_wait)

        async def noted(**asked: Any) -> tuple[Lease, ...]:
            given = await lease(**asked)
            leased.extend(each.message.message_id for each in given)
            return given

        monkeypatch.setattr(house.store, "settle", full)
        monkeypatch.setattr(house.store, "lease", noted)
        await house.submit(("<alice@example.test>", "maildir:alice"), message_id="A")
        await house.settled(1)
        await asyncio.sleep(2 * 3600)
        await house.submit(("<alice@example.test>", "maildir:alice?on-request"), message_id="B")
        await house.queue.retry(Selection(), due=now())
        await asyncio.sleep(2 * 3600)
        assert await house.messages() == []
        assert leased == ["A", "B"]
        assert len(letters(house, "alice")) == 2

    in_a_house(scenario)
