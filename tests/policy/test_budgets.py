"""Before memory or descriptors are used up nobody is let in and nothing taken, until there are more again."""

import asyncio

import pytest

from heloise.app.server.resources import Budgets, descriptors_allowed, judge, memory_allowed
from heloise.testing import SimulatedHost, SimulatedWorld, run_simulated
from tests.policy.house import House, at_home

PAGES = 5000  # of 4 KiB


def write(host: SimulatedHost, path: str, octets: bytes) -> None:
    files = host.world.files
    files.make_directory(path.rpartition("/")[0])
    if files.exists(path):
        files.remove(path)
    file = files.create(path)
    file.write(octets)
    file.close()


def statm(host: SimulatedHost, pages: int) -> None:
    write(host, "/proc/self/statm", b"9 %d 0 0 0 0 0\n" % pages)
    write(host, "/proc/self/fd/0", b"")


def test_with_too_much_memory_new_sessions_get_421_and_new_messages_452() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        statm(house.host, 20_000)
        await asyncio.sleep(2)
        assert (await (await house.connect()).hear()).startswith("421 4.3.2 The server is busy")
        assert (await client.say("MAIL FROM:<c@client.test>")).startswith("452 4.3.1")
        for refused in house.events("command.refused"):
            assert (refused["cause"], refused["rule"]) == ("budget.memory", "heloise.toml:19")
        statm(house.host, PAGES + 100)  # under the budget, but not by a tenth
        await asyncio.sleep(2)
        assert (await client.say("MAIL FROM:<c@client.test>")).startswith("452")
        statm(house.host, 1000)
        await asyncio.sleep(2)
        assert (await client.send())[:3] == "250"
        assert len(house.events("server.pressed")) == len(house.events("server.relieved")) == 1

    budget = f"[limits]\nmemory = {(PAGES + 200) * 4096}\n"
    at_home(play, more=budget, before=lambda host: statm(host, 1000))


def test_a_message_that_was_begun_is_taken_all_the_same() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        await client.all("MAIL FROM:<c@client.test>", "RCPT TO:<u@away.test>", "DATA")
        statm(house.host, 20_000)
        await asyncio.sleep(2)
        assert (await client.say("Subject: x\r\n\r\n."))[:3] == "250"

    at_home(play, more=f"[limits]\nmemory = {PAGES * 4096}\n", before=lambda host: statm(host, 1000))


@pytest.mark.parametrize(
    ("used", "files", "pressed", "cause"),
    [
        (100, 10, False, None),
        (101, 10, False, "budget.memory"),
        (91, 10, True, "budget.memory"),
        (90, 10, True, None),
        (100, 51, False, "budget.descriptors"),
        (100, 46, True, "budget.memory"),
        (80, 46, True, "budget.descriptors"),
    ],
)
def test_what_is_too_much_is_so_until_a_tenth_is_free(used: int, files: int, pressed: bool, cause: str | None) -> None:
    found = judge(used, files, Budgets(memory=100, descriptors=50), pressed=pressed)
    assert (None if found is None else found.id) == cause


def test_some_descriptors_are_left_for_what_is_no_session() -> None:
    assert descriptors_allowed(20_000) == 18_000
    assert descriptors_allowed(256) == 192
    assert descriptors_allowed(32) == 1


def test_without_a_budget_half_of_the_machine_is_one() -> None:
    async def play(house: House) -> None:
        client = await house.greeted()
        statm(house.host, 20_000)
        await asyncio.sleep(2)
        assert (await client.say("MAIL FROM:<c@client.test>")).startswith("452 4.3.1")

    def machine(host: SimulatedHost) -> None:
        statm(host, 1000)
        write(host, "/proc/meminfo", b"MemTotal:  %d kB\nMemFree: 1 kB\n" % (10_000 * 4))

    at_home(play, before=machine)


@pytest.mark.parametrize(
    ("groups", "limits", "allowed"),
    [
        (b"0::/\n", {}, 512 << 20),
        (b"0::/mail\n", {"/mail/memory.max": b"max\n"}, 512 << 20),
        (b"0::/mail\n", {"/mail/memory.max": b"%d\n" % (64 << 20)}, 32 << 20),
        (b"0::/mail/heloise\n", {"/mail/memory.max": b"%d\n" % (64 << 20)}, 32 << 20),
        (b"1:cpu:/mail\n4:memory:/mail\n", {"/memory/mail/memory.limit_in_bytes": b"%d" % (64 << 20)}, 32 << 20),
        (b"1:cpu:/mail\n", {"/mail/memory.max": b"1\n"}, 512 << 20),
    ],
)
def test_who_may_have_less_than_the_machine_has_half_of_that(
    groups: bytes, limits: dict[str, bytes], allowed: int
) -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host = world.host("mx.test", "192.0.2.1")
        assert memory_allowed(host.world.files) == 0
        write(host, "/proc/meminfo", b"MemTotal:  1048576 kB\n")
        write(host, "/proc/self/cgroup", groups)
        for path, octets in limits.items():
            write(host, f"/sys/fs/cgroup{path}", octets)
        assert memory_allowed(host.world.files) == allowed

    run_simulated(scenario, seed=1)
