"""The simulated disk: what a power cut takes and what it leaves."""

import errno

import pytest

from heloise.testing import DiskFaults, SimulatedDisk, SimulatedWorld, Unsynced

SEEDS = range(60)


def new_disk(seed: int = 0, faults: DiskFaults | None = None) -> SimulatedDisk:
    world = SimulatedWorld(seed, disk_faults=faults or DiskFaults())
    return world.host("a.example").disk


def write(disk: SimulatedDisk, path: str, octets: bytes, *, sync: bool) -> None:
    file = disk.create(path)
    file.write(octets)
    if sync:
        file.sync()
    file.close()


def read(disk: SimulatedDisk, path: str) -> bytes | None:
    return disk.open(path).read(1 << 20) if disk.exists(path) else None


def test_what_was_synced_with_its_name_is_there_after_a_power_cut() -> None:
    for seed in SEEDS:
        disk = new_disk(seed)
        write(disk, "/tmp/a", b"content", sync=True)
        disk.sync_directory("/tmp")
        assert read(disk.crash(), "/tmp/a") == b"content"


def test_a_synced_file_whose_name_was_not_synced_may_be_gone() -> None:
    found = set()
    for seed in SEEDS:
        disk = new_disk(seed)
        write(disk, "/tmp/a", b"content", sync=True)
        found.add(read(disk.crash(), "/tmp/a"))
    assert found == {None, b"content"}


def test_any_prefix_of_unsynced_writes_may_be_found() -> None:
    found = set()
    for seed in SEEDS:
        disk = new_disk(seed)
        file = disk.create("/tmp/a")
        disk.sync_directory("/tmp")
        for piece in (b"one", b"two", b"three"):
            file.write(piece)
        found.add(read(disk.crash(), "/tmp/a"))
    assert {b"", b"one", b"onetwothree"} <= found
    assert all(b"onetwothree".startswith(octets or b"") for octets in found)
    assert any(octets not in (b"", b"one", b"onetwo", b"onetwothree") for octets in found), "writes are torn"


def test_a_rename_is_seen_or_not_but_never_halfway() -> None:
    found = set()
    for seed in SEEDS:
        disk = new_disk(seed)
        for name, octets in (("old", b"old"), ("new", b"new")):
            write(disk, f"/tmp/{name}", octets, sync=True)
        disk.sync_directory("/tmp")
        disk.rename("/tmp/new", "/tmp/old")
        disk = disk.crash()
        found.add((read(disk, "/tmp/old"), read(disk, "/tmp/new")))
    assert found == {(b"old", b"new"), (b"new", None)}


def test_a_synced_rename_stays_even_when_its_file_was_never_named_stably() -> None:
    disk = new_disk()
    disk.make_directory("/var/mail/tmp")
    disk.make_directory("/var/mail/new")
    disk.sync_directory("/var/mail")
    write(disk, "/var/mail/tmp/1", b"message", sync=True)
    disk.rename("/var/mail/tmp/1", "/var/mail/new/1")
    disk.sync_directory("/var/mail/new")
    disk = disk.crash(Unsynced.LOST)
    assert disk.names("/var/mail/new") == ["1"]
    assert disk.names("/var/mail/tmp") == []


def test_a_file_in_a_directory_that_was_never_synced_goes_with_it() -> None:
    disk = new_disk()
    disk.make_directory("/var/mail/new")
    write(disk, "/var/mail/new/1", b"message", sync=True)
    disk.sync_directory("/var/mail/new")
    assert disk.crash(Unsynced.LOST).names("/var/mail") == []


def test_a_removed_file_may_come_back() -> None:
    disk = new_disk()
    write(disk, "/tmp/a", b"content", sync=True)
    disk.sync_directory("/tmp")
    disk.remove("/tmp/a")
    assert read(disk.crash(Unsynced.LOST), "/tmp/a") == b"content"


def test_after_the_power_cut_the_old_disk_is_dead() -> None:
    disk = new_disk()
    file = disk.create("/tmp/a")
    disk.crash()
    for call in (lambda: file.write(b"x"), lambda: disk.exists("/tmp"), file.sync):
        with pytest.raises(OSError, match="power") as caught:
            call()
        assert caught.value.errno == errno.EIO


def test_a_full_disk_takes_no_more_until_something_is_removed() -> None:
    disk = new_disk(faults=DiskFaults(quota=100))
    write(disk, "/tmp/a", bytes(60), sync=False)
    file = disk.create("/tmp/b")
    with pytest.raises(OSError, match="no space") as caught:
        file.write(bytes(41))
    assert caught.value.errno == errno.ENOSPC
    assert disk.free_octets("/tmp") == 40
    disk.remove("/tmp/a")
    file.write(bytes(41))


def test_a_failed_sync_loses_the_octets_even_when_the_next_one_succeeds() -> None:
    disk = new_disk()
    file = disk.create("/tmp/a")
    disk.sync_directory("/tmp")
    file.write(b"content")
    disk.fail_syncs(1)
    with pytest.raises(OSError, match="sync failed"):
        file.sync()
    file.sync()
    assert read(disk, "/tmp/a") == b"content"
    assert read(disk.crash(Unsynced.KEPT), "/tmp/a") == b""


def test_a_lying_disk_loses_what_was_synced() -> None:
    disk = new_disk(faults=DiskFaults(lies=True))
    write(disk, "/tmp/a", b"content", sync=True)
    disk.sync_directory("/tmp")
    assert disk.crash(Unsynced.LOST).names("/tmp") == []


def test_the_names_in_a_directory_may_be_synced_before_its_own() -> None:
    disk = new_disk()
    disk.make_directory("/tmp/a/b")
    disk.sync_directory("/tmp/a")
    assert disk.crash(Unsynced.LOST).names("/tmp") == []
    disk = new_disk()
    disk.make_directory("/tmp/a/b")
    disk.sync_directory("/tmp/a")
    disk.sync_directory("/tmp")
    assert disk.crash(Unsynced.LOST).names("/tmp/a") == ["b"]
