"""A simulated world as a whole: DNS, time, chance, and machines that die."""

import asyncio
from contextlib import suppress

import apsw
import pytest

from heloise.testing import EPOCH, FaultPlan, FaultRates, SimulatedWorld, Unsynced, run_simulated
from heloise.world import MailExchanger, ResolverError, ResolverFault, World


def test_the_clock_begins_at_a_fixed_day_and_follows_the_loop() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        await asyncio.sleep(86_400.0)
        assert world.clock.now() == pytest.approx(EPOCH + 86_400.0)
        assert world.clock.monotonic() == asyncio.get_running_loop().time()

    run_simulated(scenario)


def test_a_world_has_all_doors() -> None:
    host = SimulatedWorld(1).host("a.example", "192.0.2.1")
    assert isinstance(host.world, World)


def test_chance_follows_the_seed_and_the_host() -> None:
    def draw(seed: int, name: str) -> bytes:
        return SimulatedWorld(seed).host(name).world.entropy.octets(16)

    assert draw(1, "a.example") == draw(1, "a.example")
    assert len({draw(1, "a.example"), draw(2, "a.example"), draw(1, "b.example")}) == 3


def test_hosts_are_entered_in_the_dns() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("MX.example", "192.0.2.1", "2001:db8::1")
        world.zones.add_mail_exchanger("example", 10, "mx.example")
        resolver = host.world.resolver
        assert await resolver.addresses("mx.example.") == ("192.0.2.1", "2001:db8::1")
        assert await resolver.names("2001:db8::1") == ("MX.example",)
        assert await resolver.mail_exchangers("example") == (MailExchanger(preference=10, host="mx.example"),)
        assert await resolver.mail_exchangers("mx.example") == ()
        with pytest.raises(ResolverError) as caught:
            await resolver.addresses("none.example")
        assert caught.value.fault is ResolverFault.NO_SUCH_DOMAIN

    run_simulated(scenario)


def test_a_name_fails_as_often_as_it_is_told_to() -> None:
    async def ask(world: SimulatedWorld) -> ResolverFault | None:
        try:
            await world.resolver.addresses("a.example")
        except ResolverError as error:
            return error.fault
        return None

    async def scenario(world: SimulatedWorld) -> None:
        world.host("a.example", "192.0.2.1")
        world.zones.fail("a.example", ResolverFault.TIMED_OUT, times=2)
        assert [await ask(world) for _ in range(3)] == [ResolverFault.TIMED_OUT] * 2 + [None]
        world.zones.fail("a.example", ResolverFault.SERVER_FAILURE)
        assert [await ask(world) for _ in range(3)] == [ResolverFault.SERVER_FAILURE] * 3
        world.zones.heal("a.example")
        assert await ask(world) is None

    run_simulated(scenario)


def test_resolver_faults_come_at_the_rate_asked_for() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        world.host("a.example", "192.0.2.1")
        questions = [world.resolver.addresses("a.example") for _ in range(400)]
        answers = await asyncio.gather(*questions, return_exceptions=True)
        failed = sum(isinstance(answer, ResolverError) for answer in answers)
        assert 60 < failed < 140

    run_simulated(scenario, faults=FaultPlan(rates=FaultRates(server_failure=0.25)))


def test_a_power_cut_stops_the_program_and_takes_what_was_not_synced() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("a.example", "192.0.2.1")
        before = host.world

        async def program() -> None:
            before.files.create("/tmp/a").write(b"x")
            await asyncio.sleep(1e6)

        running = host.start(program())
        await asyncio.sleep(1.0)
        await host.power_cut(Unsynced.LOST)
        assert running.cancelled()
        assert host.world.files.names("/tmp") == []
        with pytest.raises(OSError, match="power"):
            before.files.names("/tmp")

    run_simulated(scenario)


def test_a_killed_program_leaves_the_disk_as_it_wrote_it_and_does_no_more_work() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("a.example", "192.0.2.1")
        before = host.world
        before.files.create("/tmp/a").write(b"x")
        late = host.start(before.blocking.run(before.files.remove, "/tmp/a"))
        await asyncio.sleep(0)
        await host.kill()
        assert late.cancelled()
        assert host.world.files.size("/tmp/a") == 1
        with pytest.raises(RuntimeError):
            await before.blocking.run(int)

    run_simulated(scenario)


def test_the_queue_of_a_host_is_on_its_disk_and_survives_a_power_cut_in_a_commit_lane() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("a.example", "192.0.2.1")
        committed: list[int] = []

        def connect() -> apsw.Connection:
            connection = apsw.Connection("/var/lib/heloise/queue.db", vfs=host.sqlite_vfs())
            connection.pragma("locking_mode", "exclusive")
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", "full")
            connection.execute("create table if not exists message(id integer)")
            return connection

        async def program(connection: apsw.Connection) -> None:
            lane = host.world.blocking.lane("writer")
            for number in range(10_000):
                await lane.run(connection.execute, "insert into message values(?)", (number,))
                committed.append(number)

        for _ in range(3):
            connection = connect()
            connection.execute("delete from message")
            committed.clear()
            host.start(program(connection))
            await asyncio.sleep(0.5)
            await host.power_cut()
            with suppress(apsw.Error):
                connection.close()
            connection = connect()
            found = [row[0] for row in connection.execute("select id from message order by id")]
            # One commit may be on the disk whose caller was never told.
            assert len(committed) > 10
            assert found[: len(committed)] == committed
            assert len(found) <= len(committed) + 1
            connection.close()

    run_simulated(scenario, seed=3)


def test_a_killed_program_lets_go_of_its_database() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("a.example", "192.0.2.1")
        connections = []
        for _ in range(2):
            connection = apsw.Connection("/var/lib/heloise/queue.db", vfs=host.sqlite_vfs())
            connection.pragma("locking_mode", "exclusive")
            connection.execute("create table if not exists message(id integer); insert into message values(1)")
            connections.append(connection)
            await host.kill()
        with pytest.raises(apsw.IOError):
            connections[0].execute("insert into message values(2)")
        for connection in connections:
            with suppress(apsw.Error):
                connection.close()

    run_simulated(scenario)


def test_interleavings_vary_with_the_seed() -> None:
    async def scenario(world: SimulatedWorld) -> tuple[int, ...]:
        blocking = world.host("a.example").world.blocking
        order: list[int] = []
        await asyncio.gather(*(blocking.run(order.append, number) for number in range(8)))
        return tuple(order)

    assert len({run_simulated(scenario, seed=seed) for seed in range(10)}) > 5
