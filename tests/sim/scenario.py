"""One simulated week of two mail servers, drawn from a seed, with a judge.

`mx.home.example` has users, aliases and routes to everywhere; `mx.away.example` is a second heloise. Around them are
next hops of all tempers, and clients. For some hours things go wrong; then all is healed, and days pass until every
letter has come to its end.
"""

import asyncio
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import lru_cache

from heloise.app.operator.control import remote_control
from heloise.app.operator.control_desk import ControlError
from heloise.app.server.mail_server import MailServer
from heloise.config import Configuration, parse_configuration
from heloise.queue.model import Selection
from heloise.testing import (
    DiskFaults,
    FaultPlan,
    FaultRates,
    Judge,
    SimulatedWorld,
    Unsynced,
    run_simulated,
)
from heloise.testing.disk import BOUNDLESS
from heloise.world import Endpoint, LinkError, ResolverFault
from tests.sim.clients import Sending, send_by_engine, send_by_hand
from tests.sim.machine import Machine
from tests.sim.next_hop import GENTLE, PATIENCE, NextHop, Temper

HOUR, DAY = 3600.0, 86400.0
HOME, AWAY = "192.0.2.1", "192.0.2.2"
LOCK = "/var/mail/alice/.locked"
TEAM = ("alice@home.example", "bob@home.example", "dora@gentle.example")

_HOME = """
hostname = "mx.home.example"
state = "/var/lib/heloise"

[[listener]]
address = "{address}:25"
[extensions]
VERB = "relay"
[relay]
networks = ["198.51.100.0/24"]
[local]
domains = ["home.example"]
maildir = "/var/mail/{{user}}"
[[user]]
name = "alice"
[[user]]
name = "bob"
[[user]]
name = "carol"
quota = "3 KiB"
[aliases]
team = ["alice", "bob", "dora@gentle.example"]
[[route]]
domains = ["gentle.example"]
to = "smtp:gentle.example:25"
[[route]]
domains = ["rough.example"]
to = "smtp:rough.example:25"
[[route]]
domains = ["store.example"]
to = "lmtp:store.example:25"
[[route]]
domains = ["away.example"]
to = "smtp:mx.away.example:25"
[limits]
minimum_free = "{minimum_free} B"
[retry]
expire_after = "{expire_after}h"
"""

_AWAY = """
hostname = "mx.away.example"
state = "/var/lib/heloise"

[[listener]]
address = "192.0.2.2:25"
[local]
domains = ["away.example"]
maildir = "/var/mail/{user}"
[[user]]
name = "erin"
[[route]]
domains = ["home.example"]
to = "smtp:mx.home.example:25"
[[route]]
domains = ["gentle.example"]
to = "smtp:gentle.example:25"
[limits]
minimum_free = "0 B"
"""


@lru_cache
def _configuration(text: str) -> Configuration:
    return parse_configuration(text, directory="/")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rigging:
    """What a test may have broken: the server, or the disks."""

    make: Callable[..., MailServer] = MailServer
    disk_faults: DiskFaults = DiskFaults()  # noqa: RUF009  # immutable
    only_crashes: bool = False


FAIR = Rigging()


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """What came of a seed: the digest of the whole trace, and some figures."""

    digest: str
    letters: int
    accepted: int
    arrived: int
    failed: int
    connections: int


def run_seed(seed: int) -> str:
    """The digest of all that happened. Raises JudgementError."""
    return run(seed).digest


def run(seed: int, rigging: Rigging = FAIR) -> Run:
    """Run a seed. Raises JudgementError, and AssertionError when a server told of a bug."""
    generator = random.Random(f"scenario/{seed}")
    rates = _draw_rates(generator)

    async def scenario(world: SimulatedWorld) -> Run:
        return await Scenario(world, generator, rigging).run()

    return run_simulated(scenario, seed=seed, faults=FaultPlan(rates=rates), disk_faults=rigging.disk_faults)


def _draw_rates(generator: random.Random) -> FaultRates:
    rough = generator.choice((0.0, 0.5, 1.0))
    return FaultRates(
        refuse=0.03 * rough,
        unreachable=0.02 * rough,
        time_out=0.02 * rough,
        reset=0.06 * rough,
        half_close=0.03 * rough,
        black_hole=0.03 * rough,
        lose_reply=0.08 * rough,
        server_failure=0.1 * rough,
        resolver_time_out=0.05 * rough,
        cuts=generator.choice((0.1, 0.5)),
        depth=generator.choice((500, 2000, 100_000)),
    )


class Scenario:
    """The week."""

    def __init__(self, world: SimulatedWorld, generator: random.Random, rigging: Rigging) -> None:
        self._world = world
        self._generator = generator
        self._rigging = rigging
        expire_after = generator.choice((24, 24, 48, 120))
        self._judge = Judge(world.clock, aliases={"team@home.example": TEAM}, expire_after=min(expire_after, 48) * HOUR)
        minimum_free = generator.choice((0, 65536))
        home = _HOME.format(address=HOME, minimum_free=minimum_free, expire_after=expire_after)
        self._home = self._machine("mx.home.example", HOME, home)
        self._away = self._machine("mx.away.example", AWAY, _AWAY)
        self._hops = {
            "gentle": self._hop("gentle.example", "192.0.2.10", _draw_gentle(generator)),
            "rough": self._hop("rough.example", "192.0.2.11", _draw_rough(generator)),
            "mx1": self._hop("mx1.mxed.example", "192.0.2.12", _draw_rough(generator)),
            "mx2": self._hop("mx2.mxed.example", "192.0.2.13", _draw_gentle(generator)),
            "store": self._hop("store.example", "192.0.2.14", _draw_store(generator)),
        }
        world.zones.add_mail_exchanger("mxed.example", 10, "mx1.mxed.example")
        world.zones.add_mail_exchanger("mxed.example", generator.choice((10, 20)), "mx2.mxed.example")
        world.zones.add_mail_exchanger("dead.example", 10, "dead.example")
        world.zones.add_addresses("dead.example", ["192.0.2.99"])
        self._clients = [world.host(f"client{each}.example", f"198.51.100.{each}") for each in range(1, 4)]
        self._stranger = world.host("stranger.example", "203.0.113.9")
        self._judge.ground("gone.example", "it does not exist")
        # Letters come in crowds, and trouble comes with them: the bugs are where things happen at once.
        self._moments = [generator.uniform(0, 4 * HOUR) for _ in range(generator.choice((1, 2, 4, 12)))]

    def _machine(self, name: str, address: str, text: str) -> Machine:
        host = self._world.host(name, address)
        return Machine(self._world, host, _configuration(text), self._judge, self._rigging.make)

    def _hop(self, name: str, address: str, temper: Temper) -> NextHop:
        generator = random.Random(f"{self._world.seed}/{name}")
        return NextHop(self._world.host(name, address), self._judge, generator, temper)

    async def run(self) -> Run:
        """All of it, to the last letter."""
        errors: list[str] = []
        asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(repr(context)))
        for hop in self._hops.values():
            await hop.up()
        await self._keep_up()
        async with asyncio.TaskGroup() as tasks:
            for _ in range(self._generator.randint(3, 16)):
                tasks.create_task(self._letter(self._generator.randrange(1 << 32)))
            for _ in range(self._generator.randint(0, 5)):
                tasks.create_task(self._trouble(self._generator.randrange(1 << 32)))
            tasks.create_task(self._look_now_and_then(self._generator.randrange(1 << 32)))
        await self._heal()
        await self._wait_for_the_end()
        await self._home.stop()
        await self._away.stop()
        await self._end(errors)
        return Run(
            digest=self._world.trace.digest(),
            letters=len(self._judge.letters),
            accepted=self._judge.accepted,
            arrived=self._judge.arrivals,
            failed=self._judge.failures,
            connections=self._world.internet.free_port() - 40_000,
        )

    async def _end(self, errors: Sequence[str]) -> None:
        """Nobody is left behind, nothing went wrong unheard."""
        await asyncio.sleep(PATIENCE)
        left = [
            str(task.get_coro()) + str(task.get_stack())
            for task in asyncio.all_tasks()
            if task is not asyncio.current_task()
        ]
        bugs = [*self._home.bugs, *self._away.bugs, *errors]
        assert not bugs, "\n".join(bugs)
        assert not left, f"these tasks outlived the servers: {left}"

    # Letters

    async def _letter(self, seed: int) -> None:
        generator = random.Random(seed)
        await asyncio.sleep(generator.choice(self._moments) + generator.choice((0.0, 0.1, 1.0)) * generator.random())
        judge, number = self._judge, len(self._judge.letters) + 1
        host = generator.choice((*self._clients, *self._clients, self._stranger))
        server = Endpoint(HOME, 25)
        body = _draw_body(generator)
        sender = _draw_sender(generator, number)
        letter = judge.write(sender, _draw_recipients(generator, number), body)
        self._grounds(number)
        send = generator.choice((send_by_engine, send_by_hand))
        left = letter.recipients
        for _ in range(6):
            sending = Sending(
                host=host, server=server, judge=judge, letter=letter, recipients=left, generator=generator
            )
            left = tuple(await send(sending))
            if not left:
                return
            await asyncio.sleep(generator.uniform(60, 1800))

    def _grounds(self, number: int) -> None:
        """Who may refuse letter `number` for good, whatever happens."""
        self._judge.ground(f"nobody{number}@away.example", "there is no such user")
        self._judge.ground(f"carol+m{number}@home.example", "her mailbox is small")

    # Trouble

    async def _trouble(self, seed: int) -> None:
        generator = random.Random(seed)
        machine = generator.choice((self._home, self._home, self._away))
        crashes = (self._kill, self._cut, self._cut)
        others = (
            self._stop,
            self._fill_disk,
            self._fail_syncs,
            self._lose_hop,
            self._lose_names,
            self._lock_mailbox,
            self._operate,
            self._turn,
        )
        trouble = generator.choice(crashes if self._rigging.only_crashes else (*crashes, *others))
        if generator.random() < 0.7:
            await asyncio.sleep(generator.choice(self._moments) + generator.choice((0.3, 2.0)) * generator.random())
        else:
            await asyncio.sleep(generator.uniform(0, 5 * HOUR))
            await self._until_something_happens(generator)
        await trouble(machine, generator)

    async def _until_something_happens(self, generator: random.Random) -> None:
        """Most of a day nothing does."""
        before = self._world.trace.digest()
        for _ in range(200):
            await asyncio.sleep(generator.uniform(0, 20))
            if self._world.trace.digest() != before:
                break
        await asyncio.sleep(generator.choice((0.0, 0.01, 0.1, 1.0)) * generator.random())

    async def _kill(self, machine: Machine, generator: random.Random) -> None:
        await machine.kill()
        await self._come_back(machine, generator)

    async def _cut(self, machine: Machine, generator: random.Random) -> None:
        await machine.power_cut(generator.choice(list(Unsynced)))
        await self._come_back(machine, generator)

    async def _stop(self, machine: Machine, generator: random.Random) -> None:
        await machine.stop()
        await self._come_back(machine, generator)

    async def _come_back(self, machine: Machine, generator: random.Random) -> None:
        await asyncio.sleep(generator.choice((0.0, 1.0, 600.0)))
        await machine.keep_up()
        await self._look()

    async def _fill_disk(self, machine: Machine, generator: random.Random) -> None:
        disk = machine.host.disk
        used = BOUNDLESS - disk.free_octets("/")
        disk.faults = replace(disk.faults, quota=used + generator.choice((0, 5000, 50_000)))
        await asyncio.sleep(generator.choice((1.0, 60.0, 3600.0)))
        disk = machine.host.disk
        disk.faults = replace(disk.faults, quota=BOUNDLESS)

    async def _fail_syncs(self, machine: Machine, generator: random.Random) -> None:
        machine.host.disk.fail_syncs(generator.choice((1, 2, 5, 50)))
        if generator.random() < 0.5:
            await asyncio.sleep(generator.choice((0.1, 1.0, 10.0)) * generator.random())
            await generator.choice((self._kill, self._cut))(machine, generator)

    async def _lose_hop(self, machine: Machine, generator: random.Random) -> None:
        hop = generator.choice(list(self._hops.values()))
        await hop.down()
        await asyncio.sleep(generator.uniform(60, 2 * HOUR))
        await hop.up()

    async def _lose_names(self, machine: Machine, generator: random.Random) -> None:
        name = generator.choice(("mxed.example", "mx1.mxed.example"))
        self._world.zones.fail(name, generator.choice((ResolverFault.SERVER_FAILURE, ResolverFault.TIMED_OUT)))
        await asyncio.sleep(generator.uniform(60, 2 * HOUR))
        self._world.zones.heal(name)

    async def _lock_mailbox(self, machine: Machine, generator: random.Random) -> None:
        files = self._home.host.disk
        files.make_directory("/var/mail/alice")
        if not files.exists(LOCK):
            files.create(LOCK).close()
        await asyncio.sleep(generator.uniform(60, 2 * HOUR))
        self._unlock_mailbox()

    def _unlock_mailbox(self) -> None:
        files = self._home.host.disk
        if files.exists(LOCK):
            files.remove(LOCK)

    async def _turn(self, machine: Machine, generator: random.Random) -> None:
        """ETRN, RFC 1985: some client asks for the mail of a domain."""
        client, domain = generator.choice(self._clients), generator.choice(("gentle", "rough", "mxed", "away"))
        for _ in range(3):
            with suppress(LinkError, TimeoutError):
                stream = await client.world.network.connect(Endpoint(HOME, 25), timeout=30)
                stream.send(f"EHLO {client.name}\r\nETRN {domain}.example\r\nHELP STATUS\r\nQUIT\r\n".encode())
                async with asyncio.timeout(900):
                    while await stream.receive():
                        pass
                stream.close()
            await asyncio.sleep(generator.uniform(1, 600))

    async def _operate(self, machine: Machine, generator: random.Random) -> None:
        """Hold everything, and let it go later; through the control socket, as an operator does."""
        for operation in ("hold", "retry", "release", "retry"):
            with suppress(LinkError, ControlError):
                async with remote_control(machine.host.world.network, "/var/lib/heloise/control") as control:
                    await control.change(operation, Selection())
            await asyncio.sleep(generator.uniform(1, 600))

    async def _keep_up(self) -> None:
        for machine in (self._home, self._away):
            await machine.keep_up()

    async def _heal(self) -> None:
        self._world.internet.change_plan(FaultPlan())
        for machine in (self._home, self._away):
            machine.host.disk.faults = replace(machine.host.disk.faults, quota=BOUNDLESS)
            machine.host.disk.fail_syncs(0)
        self._unlock_mailbox()  # a power cut may have brought the lock back
        await self._keep_up()
        for machine in (self._home, self._away):
            assert machine.server is not None
            await machine.server.queue.release(Selection(), due=self._world.clock.now())

    # Judging

    async def _look_now_and_then(self, seed: int) -> None:
        generator = random.Random(seed)
        for _ in range(generator.randint(0, 6)):
            await asyncio.sleep(generator.uniform(0, 1.5 * HOUR))
            await self._look()

    async def _look(self) -> None:
        """Judge by what is there. Mail moves while we look, so what is missing is looked for once more."""
        for last in (False, False, True):
            home, away = await self._home.queued(), await self._away.queued()
            self._home.look_into_maildirs()
            self._away.look_into_maildirs()
            if home is None or away is None:
                return
            if last:
                self._judge.pronounce([*home, *away])
            elif not self._judge.violations([*home, *away]):
                return

    async def _wait_for_the_end(self) -> None:
        until = self._world.clock.now() + 12 * DAY
        pause = HOUR
        while self._world.clock.now() < until:
            await asyncio.sleep(pause)
            await self._look()
            if not await self._home.queued() and not await self._away.queued():
                break
            pause = min(pause * 2, DAY)
        queued = [*(await self._home.queued() or ()), *(await self._away.queued() or ())]
        self._judge.pronounce(queued, is_final=True)


def _draw_gentle(generator: random.Random) -> Temper:
    return replace(
        GENTLE,
        delays=generator.choice((0.0, 0.0, 0.1)),
        leaves=generator.choice((0.0, 0.05)),
        esmtp=generator.random() < 0.9,
        slow=generator.choice((0.0, 0.1, 5.0)),
    )


def _draw_rough(generator: random.Random) -> Temper:
    return replace(
        _draw_gentle(generator),
        delays=0.15,
        refuses=generator.choice((0.0, 0.05, 0.15)),
        leaves=0.05,
        sleeps=generator.choice((0.0, 0.02)),
    )


def _draw_store(generator: random.Random) -> Temper:
    """An LMTP server, which takes mail for one recipient and refuses it for another."""
    return replace(_draw_rough(generator), delays=0.1, lmtp=True)


def _draw_sender(generator: random.Random, number: int) -> str:
    return generator.choice(
        ("", f"alice+s{number}@home.example", f"bob+s{number}@home.example", f"s{number}@gentle.example")
    )


def _draw_recipients(generator: random.Random, number: int) -> list[str]:
    domains = ("gentle.example", "rough.example", "mxed.example", "store.example")
    pool = [
        f"alice+m{number}@home.example",
        f"bob+m{number}@home.example",
        f"nobody{number}@home.example",
        f"erin+m{number}@away.example",
        f"nobody{number}@away.example",
        "team@home.example",
        *(f"m{number}.{each}@{domain}" for domain in domains for each in range(2)),
    ]
    if generator.random() < 0.15:
        pool += [f"m{number}@dead.example", f"m{number}@gone.example", f"carol+m{number}@home.example"]
    return generator.sample(pool, generator.choice((1, 1, 2, 3, 5)))


def _draw_body(generator: random.Random) -> bytes:
    size = generator.choice((0, 50, 50, 500, 3000, 3000, 20_000, 70_000, 200_000))
    line = generator.choice((b"It is about lunch.", b".", b"..", "Grüße".encode(), b"x" * 300))
    return (line + b"\r\n") * (size // (len(line) + 2)) + b"\r\n" * (size % 2)
