"""Five days of retries in simulated time: a thousand messages to hosts that greylist, go away, close, or say nothing.

Every attempt lies where the schedule wants it, every message has one end, every sender hears what he is owed, once.
RFC 5321 §4.5.4.1.
"""

import asyncio
import random
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise

import pytest

from heloise.delivery.deliverer import DeliveryOptions
from heloise.dsn.parse import parse_report
from heloise.mail.outcome import Action, Outcome
from heloise.queue.model import QueuedMessage, QueuedRecipient
from heloise.queue.schedule import RetrySchedule
from heloise.testing import SimulatedHost, SimulatedWorld, run_simulated
from heloise.world import Clock, Endpoint, Listening, Stream
from tests.delivery.house import House, Journal, Peer, open_house

HOUR, DAY = 3600.0, 86400.0
HOSTS = 80  # twenty of each kind
SCHEDULE = RetrySchedule()
# Seconds. A host that took mail lately and is busy is waited for: its longest pause, and the turns of those before.
PATIENCE = {"greylists": 60.0, "goes away": 60.0, "closes": 1800.0, "drops": 1800.0}
KINDS = tuple(PATIENCE)


def window(*, accepted: float, attempts: int, last: float, last_said: float) -> tuple[float, float]:
    """Between which moments the attempt after `attempts` may come, if the last one ended at `last`: when its interval
    is over, or when the sender is to be warned (`last_said`: by when nobody had warned him), or when all is given up.
    """
    interval = SCHEDULE.intervals[min(attempts, len(SCHEDULE.intervals)) - 1]
    ends = accepted + SCHEDULE.expire_after
    if last_said < accepted + SCHEDULE.warn_after:
        ends = min(ends, accepted + SCHEDULE.warn_after)
    low, high = interval * (1 - SCHEDULE.jitter), interval * (1 + SCHEDULE.jitter)
    return min(last + low, ends), min(last + high, ends)


def test_the_window_of_a_retry_ends_with_the_warning_and_with_the_end() -> None:
    assert window(accepted=0, attempts=1, last=0, last_said=0) == (240, 360)
    assert window(accepted=0, attempts=9, last=3.5 * HOUR, last_said=3.5 * HOUR) == (4 * HOUR, 4 * HOUR)
    later = 4 * HOUR + 1
    assert window(accepted=0, attempts=9, last=later, last_said=later) == (later + 2.4 * HOUR, later + 3.6 * HOUR)
    assert window(accepted=0, attempts=9, last=5 * DAY - 60, last_said=DAY) == (5 * DAY, 5 * DAY)


class Diary(Journal):
    """Remembers when."""

    def __init__(self, clock: Clock) -> None:
        super().__init__()
        self._clock = clock
        self.entries: dict[str, list[tuple[float, Outcome]]] = defaultdict(list)
        self.accepted: dict[str, float] = {}

    def attempted(self, message: QueuedMessage, recipient: QueuedRecipient, outcome: Outcome) -> None:
        super().attempted(message, recipient, outcome)
        if not message.reverse_path.is_null:
            address = str(recipient.recipient.forward_path)[1:-1]
            self.accepted[address] = message.accepted_at
            self.entries[address].append((self._clock.now(), outcome))


class Moody(Peer):
    """A host of one of the kinds; a quarter of them stay as they are for good."""

    def __init__(self, host: SimulatedHost, kind: str, generator: random.Random) -> None:
        super().__init__(host.name, extensions=("DSN",))
        self.kind = kind
        self.got: Counter[str] = Counter()
        self._host = host
        self._generator = generator
        self._seen: dict[str, float] = {}
        self._listening: Listening | None = None
        self._begun = host.world.clock.now()
        self.lasts = generator.choice((0.2, 2.0, 30.0, 24 * 6.0)) * HOUR

    async def live(self) -> None:
        """Listen; a host that goes away does so in between."""
        endpoint = Endpoint(self._host.network.addresses[0], 25)
        if self.kind == "goes away":
            await asyncio.sleep(self.lasts)
        self._listening = await self._host.network.listen(endpoint, self.serve)

    @property
    def is_moody(self) -> bool:
        return self._host.world.clock.now() < self._begun + self.lasts

    def _answer(self, line: str) -> str:
        if line.startswith("RCPT"):
            first = self._seen.setdefault(line, self._host.world.clock.now())
            if self.kind == "greylists" and self._host.world.clock.now() < first + self.lasts / 4:
                return "450 4.7.1 greylisted, come again"
        return super()._answer(line)

    def _say(self, stream: Stream, line: str) -> bool:
        if self.kind == "closes" and self.is_moody and line[:4] in ("", "MAIL") and self._generator.random() < 0.9:
            stream.send(b"421 4.3.2 closing\r\n")
            stream.close()
            return False
        if line == ".":
            number = self.messages[-1].split(b"\r\n")[0].decode().removeprefix("Subject: ")
            self.got[number] += 1
            if self.kind == "drops" and self.is_moody and self._generator.random() < 0.9:
                stream.abort()
                return False
        return super()._say(stream, line)


@dataclass(frozen=True)
class Ended:
    """What is left of a run: the diary, copies by the number of the message, and what senders were told."""

    diary: Diary
    copies: Counter[str]
    told: Counter[tuple[str, str]]
    digest: str


def five_days(messages: int, *, seed: int) -> Ended:
    async def scenario(simulation: SimulatedWorld) -> Ended:
        diary = Diary(simulation.clock)
        options = DeliveryOptions(schedule=SCHEDULE)
        house = await open_house(simulation, options=options, on_disk=True, journal=diary)
        generator = random.Random(f"moods/{seed}")
        peers = []
        for number in range(HOSTS):
            host = simulation.host(f"moody{number}.test", f"192.0.3.{number + 1}")
            peers.append(Moody(host, KINDS[number % len(KINDS)], generator))
        lives = [asyncio.create_task(peer.live()) for peer in peers]
        for number in range(messages):
            place = number % HOSTS
            await house.submit(
                (f"<m{number}@{KINDS[place % len(KINDS)].replace(' ', '')}.test>", f"smtp:192.0.3.{place + 1}:25"),
                sender=f"<s{number}@client.test>",
                content=f"Subject: {number}\r\n\r\nAt noon?\r\n".encode(),
            )
            await asyncio.sleep(generator.random())
        await asyncio.sleep(5 * DAY + 2 * HOUR)
        for life in lives:
            life.cancel()
        assert (await house.queue.counts()).messages == 0
        copies = sum((peer.got for peer in peers), Counter[str]())
        await house.stop()
        return Ended(diary, copies, reports(house), simulation.trace.digest())

    return run_simulated(scenario, seed=seed)


def reports(house: House) -> Counter[tuple[str, str]]:
    """How often each recipient was told of as what."""
    files = house.host.world.files
    found: Counter[tuple[str, str]] = Counter()
    for name in files.names("/var/mail/a/new"):
        report = parse_report(files.open(f"/var/mail/a/new/{name}").read(1 << 20))
        assert report is not None
        found.update((each.address, each.action.value) for each in report.recipients if each.action is not None)
    return found


def check_times(diary: Diary) -> None:
    """No attempt is early; late are only those that had to wait for their turn."""
    for address, entries in diary.entries.items():
        accepted = diary.accepted[address]
        patience = next(PATIENCE[kind] for kind in KINDS if kind.replace(" ", "") in address)
        assert entries[0][0] <= accepted + patience, address
        for attempts, ((last, _), (now, _)) in enumerate(pairwise(entries), start=1):
            low, high = window(accepted=accepted, attempts=attempts, last=last, last_said=last)
            assert low - 0.01 <= now <= high + patience, f"{address}, attempt {attempts + 1}: {low} {now} {high}"


def check_ends(ended: Ended) -> None:
    """Delivered or given up after five days, told of accordingly; a second copy has a lost reply before it."""
    for address, entries in ended.diary.entries.items():
        accepted, number = ended.diary.accepted[address], address[1:].partition("@")[0]
        (end, last), earlier = entries[-1], entries[:-1]
        assert all(outcome.action is Action.DELAYED for _, outcome in earlier), address
        warned = [at for at, _ in earlier if at >= accepted + SCHEDULE.warn_after]
        assert ended.told[address, "delayed"] == bool(warned), address
        assert ended.told[address, "failed"] == (last.action is Action.FAILED), address
        doubtful = sum(outcome.ambiguous for _, outcome in entries)
        assert ended.copies[number] == doubtful + (last.action is Action.RELAYED), address
        if last.action is Action.FAILED:
            assert str(last.reply.status) == "5.4.7", address
            assert accepted + 5 * DAY <= end <= accepted + 5 * DAY + PATIENCE["closes"], address
        else:
            assert last.action is Action.RELAYED, address


@pytest.mark.slow
def test_a_thousand_messages_come_to_their_ends_by_the_schedule() -> None:
    ended = five_days(1000, seed=1)
    assert len(ended.diary.entries) == 1000
    assert ended.diary.faults == []
    check_times(ended.diary)
    check_ends(ended)
    actions = Counter(entries[-1][1].action for entries in ended.diary.entries.values())
    assert actions[Action.RELAYED] > 300
    assert actions[Action.FAILED] > 50
    assert sum(outcome.ambiguous for entries in ended.diary.entries.values() for _, outcome in entries) > 100


@pytest.mark.slow
def test_the_same_seed_has_the_same_five_days() -> None:
    first, again, other = (five_days(40, seed=seed) for seed in (2, 2, 3))
    check_times(first.diary)
    check_ends(first)
    assert first.digest == again.digest != other.digest
