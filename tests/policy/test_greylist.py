"""Who is not known waits once, who comes back is let in, and a restart forgets nobody."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from heloise.policy.greylist import Greylist, GreylistTimes, Known, Triplet, judge
from heloise.testing import SimulatedWorld, run_simulated
from tests.policy.house import Client, House, at_home

TIMES = GreylistTimes(wait=300, window=3600, keep=86400, good_after=2)
GREYLIST = '[greylist]\nwait = "5m"\nwindow = "1h"\ngood_after = 2\n'


async def asks(client: Client, recipient: str = "bob@home.test", sender: str = "c@client.test") -> str:
    await client.say("RSET")
    await client.say(f"MAIL FROM:<{sender}>")
    return (await client.say(f"RCPT TO:<{recipient}>"))[:9]


def test_the_first_time_is_451_and_after_the_wait_it_is_250() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        assert await asks(client) == "451 4.7.1"
        assert house.events("command.refused")[0]["cause"] == "greylist.wait"
        assert await asks(client) == "451 4.7.1"
        await asyncio.sleep(299)
        assert await asks(client) == "451 4.7.1"
        await asyncio.sleep(2)
        assert await asks(client) == "250 2.1.5"
        assert await asks(client, "Bob@HOME.test", "C@client.test") == "250 2.1.5"
        assert await asks(client, sender="d@client.test") == "451 4.7.1"
        neighbour = await house.greeted("198.51.100.8")  # another host of the same sender
        assert await asks(neighbour) == "250 2.1.5"
        assert await asks(await house.greeted("198.51.101.8")) == "451 4.7.1"

    at_home(play, more=GREYLIST)


def test_a_network_that_has_come_back_often_enough_need_not_wait() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        for sender in ("one@client.test", "two@client.test"):
            await asks(client, sender=sender)
        await asyncio.sleep(301 - 1)
        client = await house.greeted("198.51.100.9")
        await asyncio.sleep(2)
        for sender in ("one@client.test", "two@client.test", "three@client.test"):
            assert await asks(client, sender=sender) == "250 2.1.5"

    at_home(play, more=GREYLIST)


def test_the_postmaster_and_clients_that_may_relay_need_not_wait() -> None:
    async def play(house: House) -> None:
        assert await asks(await house.greeted(), "postmaster@home.test") == "250 2.1.5"
        assert await asks(await house.greeted("203.0.113.1")) == "250 2.1.5"

    at_home(play, more=GREYLIST + '[relay]\nnetworks = ["203.0.113.0/24"]\n')


def test_what_is_known_survives_a_restart_and_a_damaged_file_is_set_aside() -> None:
    triplet = Triplet("192.0.2.0/24", "<a@b.test>", "<c@d.test>")

    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("mx.home.test", "192.0.2.1")
        path = "/var/lib/heloise/greylist/greylist.db"

        def opened() -> Greylist:
            return Greylist(path, TIMES, host.world, vfs=host.sqlite_vfs(), exclusive=True)

        first = opened()
        assert await first.seen(triplet, 1000.0) == 300
        await first.close()
        second = opened()
        assert await second.seen(triplet, 1100.0) == 200
        assert await second.seen(triplet, 1300.0) == 0
        await second.close()
        host.world.files.remove(path)
        broken = host.world.files.create(path)
        broken.write(b"no database at all" * 100)
        broken.close()
        third = opened()
        assert await third.seen(triplet, 1400.0) == 300
        await third.close()
        names = host.world.files.names("/var/lib/heloise/greylist")
        assert [name for name in names if "damaged" in name] == ["greylist.db.damaged-1400"]

    run_simulated(scenario, seed=1)


def test_no_more_is_remembered_than_may_be() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("mx.home.test", "192.0.2.1")
        times = GreylistTimes(wait=300, rows=50)
        path = "/var/lib/heloise/greylist/greylist.db"
        memory = Greylist(path, times, host.world, vfs=host.sqlite_vfs(), exclusive=True)
        for number in range(200):
            await memory.seen(Triplet("192.0.2.0/24", f"<{number}@b.test>", "<c@d.test>"), 1000.0 + number)
        await memory.seen(Triplet("192.0.2.0/24", "<last@b.test>", "<c@d.test>"), 3000.0)
        connection = memory._connection
        assert connection is not None
        assert connection.execute("SELECT count(*) FROM triplet").fetchall() == [(51,)]
        await memory.close()

    run_simulated(scenario, seed=1)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=30))
def test_whoever_comes_back_after_the_wait_and_before_the_window_ends_is_let_in(times: list[float]) -> None:
    known: Known | None = None
    for now in sorted(times):
        before = known
        wait, known = judge(known, 0, now, TIMES)
        assert 0 <= wait <= TIMES.wait
        if before is not None and not before.passed and TIMES.wait <= now - before.first <= TIMES.window:
            assert wait == 0
        if wait == 0:
            assert before is not None
            assert now - before.first >= TIMES.wait
