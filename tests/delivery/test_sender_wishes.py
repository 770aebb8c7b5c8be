"""What a sender asks of the queue, in simulated time: deadlines, releases, order, and TLS all the way. RFC 2852, RFC
4865, RFC 6710, RFC 8689."""

import asyncio
from dataclasses import replace
from email import message_from_bytes, policy

import pytest

from heloise.delivery.allowance import Bounds
from heloise.delivery.deliverer import DeliveryOptions
from heloise.dsn.parse import parse_report
from heloise.dsn.reading import ReadReport
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.mail.route import Route
from heloise.mail.sink import Submission, Taken
from heloise.mail.trace import Origin
from heloise.queue.schedule import RetrySchedule
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import OutgoingTls, TlsLevel
from tests.delivery.house import CONTENT, House, open_house, open_peer

REGISTRY = discover()
HOUR = 3600.0
ROUTE = "smtp:198.51.100.1:25"
FAST = DeliveryOptions(schedule=RetrySchedule(intervals=(600.0,), jitter=0.0))


async def submit(
    house: House, parameters: str, *recipients: str, route: str = ROUTE, name: str = "M1", content: bytes = CONTENT
) -> None:
    """A message as reception takes it: what its parameters ask of the queue is kept with it."""
    now = house.host.world.clock.now()
    lines = "\r\n".join((f"<a@client.test> {parameters}".rstrip(), *recipients))
    envelope = Envelope.parse(lines.encode())
    submission = Submission(
        message_id=MessageId(name),
        envelope=envelope,
        routes=tuple(Route.parse(route) for _ in recipients),
        origin=Origin(
            hello_name="client.test", peer_address="198.51.100.7", protocol="ESMTP", session="s", received_at=now
        ),
        hints=REGISTRY.hints(envelope, now),
    )
    deposit = house.queue.begin(submission)
    await deposit.write(content)
    assert isinstance(await deposit.commit(content_facts(content)), Taken)


def reports(house: House) -> list[ReadReport]:
    """Those that came to the sender, in the order they were made."""
    files, directory = house.host.world.files, "/var/mail/a/new"
    if not files.exists(directory):
        return []
    names = sorted(files.names(directory), key=lambda name: files.modified(f"{directory}/{name}"))
    found = [parse_report(files.open(f"{directory}/{name}").read(1 << 20)) for name in names]
    assert None not in found
    return [report for report in found if report is not None]


def told(house: House) -> list[tuple[str, str]]:
    """Action and status of each report."""
    return [
        (str(each.action and each.action.value), str(each.status))
        for report in reports(house)
        for each in report.recipients
    ]


def test_by_with_r_is_returned_when_its_time_is_up_and_not_tried_after_it() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1", {"RCPT": "450 later"}, extensions=("DELIVERBY",))
        await submit(house, "BY=3600;R", "<b@x.test>")
        await asyncio.sleep(HOUR - 1)
        assert told(house) == []
        tries = len(peer.said("RCPT"))
        await asyncio.sleep(5)
        assert told(house) == [("failed", "5.4.7")]
        await asyncio.sleep(24 * HOUR)
        assert len(peer.said("RCPT")) == tries == 6
        assert await house.messages() == []
        await house.stop()

    run_simulated(scenario)


def test_of_by_with_n_the_sender_is_told_once_when_it_is_late_and_it_goes_on() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1", {"RCPT": "450 later"}, extensions=("DELIVERBY",))
        await submit(house, "BY=1800;N", "<b@x.test>")
        await asyncio.sleep(1790)
        assert told(house) == []
        await asyncio.sleep(6 * HOUR)
        assert told(house) == [("delayed", "4.4.7")]
        del peer.script["RCPT"]
        await asyncio.sleep(HOUR)
        assert len(peer.messages) == 1
        assert told(house) == [("delayed", "4.4.7")]  # nobody asked to hear of success, and the next hop knows BY
        await house.stop()

    run_simulated(scenario)


def test_the_time_a_message_was_held_is_taken_off() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1", {"MAIL": "450 later"}, extensions=("DELIVERBY",))
        await submit(house, "BY=900;N", "<b@x.test>")
        await asyncio.sleep(1000)
        del peer.script["MAIL"]
        await asyncio.sleep(HOUR)
        said = [line.partition(" BY=")[2] for line in peer.said("MAIL")]
        seconds = [int(value.partition(";")[0]) for value in said]
        assert seconds[0] == 900
        assert seconds[-1] < -290  # negative times are legal with N
        assert all(value.endswith(";N") for value in said)
        await house.stop()

    run_simulated(scenario)


def test_by_with_r_never_goes_to_a_next_hop_that_does_not_know_it() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1")
        await submit(house, "BY=3600;R", "<b@x.test>")
        await asyncio.sleep(60)
        assert told(house) == [("failed", "5.3.3")]
        assert peer.said("MAIL") == []
        await house.stop()

    run_simulated(scenario)


@pytest.mark.parametrize(
    ("by", "extensions", "notify", "due"),
    [
        ("3600;N", (), "", [("relayed", "2.0.0")]),  # its wish ends there
        ("3600;N", ("DSN",), " NOTIFY=FAILURE", [("relayed", "2.0.0")]),
        ("3600;N", (), " NOTIFY=NEVER", []),
        ("3600;N", ("DELIVERBY",), "", []),
        ("3600;NT", ("DELIVERBY",), "", [("relayed", "2.0.0")]),  # each step is to be told
        ("3600;RT", ("DELIVERBY", "DSN"), "", [("relayed", "2.0.0")]),
        ("3600;RT", ("DELIVERBY",), " NOTIFY=NEVER", []),
    ],
)
def test_the_sender_is_told_that_it_was_relayed(
    by: str, extensions: tuple[str, ...], notify: str, due: list[tuple[str, str]]
) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1", extensions=extensions)
        await submit(house, f"BY={by}", f"<b@x.test>{notify}")
        await asyncio.sleep(60)
        assert len(peer.messages) == 1
        assert told(house) == due
        await house.stop()

    run_simulated(scenario)


def test_a_message_is_not_attempted_before_it_is_released_and_its_days_begin_then() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        options = DeliveryOptions(
            schedule=RetrySchedule(intervals=(600.0,), jitter=0.0, expire_after=2 * HOUR, warn_after=HOUR)
        )
        house = await open_house(simulation, options=options, on_disk=True)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1", {"RCPT": "450 later"})
        await submit(house, "HOLDFOR=86400", "<b@x.test>")
        await asyncio.sleep(24 * HOUR - 1)
        assert peer.connections == 0
        [waiting] = await house.waiting()
        assert waiting.attempts == 0
        await asyncio.sleep(60)
        assert peer.connections == 1
        assert "HOLD" not in " ".join(peer.commands)
        await asyncio.sleep(1.5 * HOUR)
        assert told(house) == [("delayed", "4.2.1")]
        await asyncio.sleep(HOUR)
        assert told(house)[1:] == [("failed", "5.4.7")]
        await house.stop()

    run_simulated(scenario)


def test_a_release_survives_a_restart() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, on_disk=True)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1")
        await submit(house, "HOLDUNTIL=" + moment_after(simulation, 2 * HOUR), "<b@x.test>")
        await asyncio.sleep(HOUR)
        await house.stop()
        await house.queue.close()
        house = await open_house(simulation, on_disk=True, host=house.host)
        await asyncio.sleep(HOUR - 60)
        assert peer.connections == 0
        await asyncio.sleep(120)
        assert len(peer.messages) == 1
        await house.stop()

    run_simulated(scenario)


def moment_after(simulation: SimulatedWorld, seconds: float) -> str:
    from datetime import UTC, datetime

    return datetime.fromtimestamp(simulation.clock.now() + seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def test_a_higher_priority_goes_first_where_messages_wait_for_the_same_turn() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        one = replace(FAST, bounds_of=lambda names: Bounds(concurrency=1))
        house = await open_house(simulation, options=one)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1", {"DATA": ""}, extensions=("MT-PRIORITY",))
        await submit(house, "", "<first@x.test>", name="M0")
        await asyncio.sleep(5)  # the first one keeps the only connection busy
        for number, priority in enumerate((0, -2, 5, 0, 9, -9, 5)):
            parameter = f"MT-PRIORITY={priority}" if priority else ""
            await submit(house, parameter, f"<p{priority}n{number}@x.test>", name=f"P{number}")
        await asyncio.sleep(5)
        peer.script.clear()
        await asyncio.sleep(HOUR)
        order = list(dict.fromkeys(line.partition("<")[2].partition("@")[0] for line in peer.said("RCPT")))
        assert [each for each in order if each != "first"] == [
            "p9n4", "p5n2", "p5n6", "p0n0", "p0n3", "p-2n1", "p-9n5",
        ]  # fmt: skip
        await house.stop()

    run_simulated(scenario)


def test_a_number_that_came_in_the_header_is_replaced_by_that_of_the_envelope() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1", extensions=("SIZE",))
        content = b"A: 1\r\nmt-priority: 9\r\n folded\r\nB: 2\r\n\r\nMT-Priority: 7\r\n"
        await submit(house, "MT-PRIORITY=2", "<b@x.test>", content=content)
        await asyncio.sleep(60)
        assert peer.messages == [b"MT-Priority: 2\r\nA: 1\r\nB: 2\r\n\r\nMT-Priority: 7\r\n"]
        assert f"SIZE={len(peer.messages[0])}" in peer.said("MAIL")[0]
        await house.stop()

    run_simulated(scenario)


def test_a_message_that_requires_tls_never_goes_in_plaintext() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST)
        for number in (1, 2):
            name = f"mx{number}.x.test"
            simulation.zones.add_mail_exchanger("x.test", number, name)
            await open_peer(simulation, name, f"198.51.100.{number}", extensions=("REQUIRETLS",))
        await submit(house, "REQUIRETLS RET=FULL", "<b@x.test>", route="mx:x.test", content=CONTENT)
        await asyncio.sleep(60)
        assert told(house) == [("failed", "5.7.10")]
        [ended] = [each for each in house.journal.ended if each.route == Route.parse("mx:x.test")]
        assert [each.hop.name for each in ended.tried] == ["mx1.x.test", "mx2.x.test"]
        [report] = ended.settlement.reports
        assert "REQUIRETLS" in report.submission.envelope.parameters
        assert report.octets is not None
        parsed = message_from_bytes(report.octets, policy=policy.default)
        assert [part.get_content_type() for part in parsed.iter_parts()][-1] == "text/rfc822-headers"
        await house.stop()

    run_simulated(scenario)


def test_delivery_into_a_mailbox_is_the_end_of_the_way_that_requires_tls() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST)
        peer = await open_peer(simulation, "lmtp.test", "198.51.100.1", port=24)
        await submit(house, "REQUIRETLS", "<alice@x.test>", route="maildir:alice")
        await submit(house, "REQUIRETLS", "<b@x.test>", route="lmtp:198.51.100.1:24", name="M2")
        await asyncio.sleep(60)
        assert len(peer.messages) == 1
        assert peer.said("MAIL") == ["MAIL FROM:<a@client.test>"]
        assert await house.messages() == []
        assert told(house) == []
        await house.stop()

    run_simulated(scenario)


WAIVED = b"Subject: lunch\r\nTLS-Required: No\r\n\r\nAt noon?\r\n"


WAIVABLE = OutgoingTls(level=TlsLevel.ENCRYPT, is_waivable=True)


@pytest.mark.parametrize(
    ("header", "waives"),
    [
        ("TLS-Required: No", True),
        ("tls-required:\r\n\tno (it is only a newsletter)", True),
        ("TLS-Required: Yes", False),
        ("TLS-Required:", False),
        ("TLS-Required: No\r\nTLS-Required: No", False),  # nobody knows what is meant
        ("X-TLS-Required: No", False),
        ("Subject: lunch\r\n\r\nTLS-Required: No", False),
    ],
)
def test_a_sender_may_waive_tls_in_the_header(header: str, waives: bool) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST, tls=WAIVABLE)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1")
        await submit(house, "", "<b@x.test>", content=f"{header}\r\n\r\nAt noon?\r\n".encode())
        await asyncio.sleep(60)
        assert len(peer.messages) == waives
        assert [action for _, action, _ in house.journal.attempts] == ["relayed" if waives else "delayed"]
        await house.stop()

    run_simulated(scenario)


@pytest.mark.parametrize("level", [TlsLevel.ENCRYPT, TlsLevel.VERIFY])
def test_unless_the_operator_lets_him_he_may_not(level: TlsLevel) -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST, tls=OutgoingTls(level=level))
        peer = await open_peer(simulation, "mx.test", "198.51.100.1")
        await submit(house, "", "<b@x.test>", content=WAIVED)
        await asyncio.sleep(60)
        assert peer.said("MAIL") == []
        assert [reply.partition(" The")[0] for _, _, reply in house.journal.attempts] == ["454 4.7.10"]
        await house.stop()

    run_simulated(scenario)


def test_who_requires_tls_waives_nothing() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST, tls=WAIVABLE)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1", extensions=("REQUIRETLS",))
        await submit(house, "REQUIRETLS", "<b@x.test>", content=WAIVED)
        await asyncio.sleep(60)
        assert peer.said("MAIL") == []
        assert told(house) == [("failed", "5.7.10")]
        await house.stop()

    run_simulated(scenario)


def test_the_mail_of_others_never_goes_over_a_session_in_which_tls_was_waived() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST, tls=WAIVABLE)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1")
        await submit(house, "", "<a@x.test>", content=WAIVED)
        await asyncio.sleep(1)  # a session would be kept for longer
        await submit(house, "", "<b@x.test>", name="M2")
        await asyncio.sleep(1)
        assert peer.said("RCPT") == ["RCPT TO:<a@x.test>"]
        await house.stop()

    run_simulated(scenario)


def test_a_host_without_tls_is_no_dead_host_to_who_waives_it() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        house = await open_house(simulation, options=FAST, tls=WAIVABLE)
        peer = await open_peer(simulation, "mx.test", "198.51.100.1")
        await submit(house, "", "<a@x.test>")
        await asyncio.sleep(1)
        await submit(house, "", "<b@x.test>", name="M2", content=WAIVED)
        await asyncio.sleep(1)
        assert peer.said("RCPT") == ["RCPT TO:<b@x.test>"]
        await house.stop()

    run_simulated(scenario)
