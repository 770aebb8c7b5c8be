"""SQLite on the simulated disk: a commit means something there, and an empty commit is found out."""

from contextlib import suppress

import apsw
import pytest

from heloise.testing import DiskFaults, SimulatedDisk, SimulatedHost, SimulatedVfs, SimulatedWorld, Unsynced

PATH = "/var/lib/heloise/queue.db"


class Machine:
    """A host with a database on it."""

    def __init__(self, seed: int = 0, faults: DiskFaults | None = None, synchronous: str = "full") -> None:
        self.host: SimulatedHost = SimulatedWorld(seed, disk_faults=faults or DiskFaults()).host("a.example")
        self.disk: SimulatedDisk = self.host.disk
        self._synchronous = synchronous
        self._connect()

    def _connect(self) -> None:
        self.vfs = SimulatedVfs(self.disk, clock=self.host.world.clock)
        self.db = apsw.Connection(PATH, vfs=self.vfs.name)
        self.db.pragma("locking_mode", "exclusive")
        assert self.db.pragma("journal_mode", "wal") == "wal"
        self.db.pragma("synchronous", self._synchronous)

    def crash(self, unsynced: Unsynced = Unsynced.DRAWN) -> None:
        self.disk = self.disk.crash(unsynced)
        self.close()
        self._connect()

    def close(self) -> None:
        # Closing writes back what the log holds, which a disk without power or space refuses.
        with suppress(apsw.Error):
            self.db.close()

    def rows(self) -> list[int]:
        if not self.db.table_exists(None, "message"):
            return []
        return [row[0] for row in self.db.execute("select id from message order by id")]

    def insert(self, number: int) -> None:
        self.db.execute("insert into message values(?, zeroblob(3000))", (number,))


def new_machine(seed: int = 0, faults: DiskFaults | None = None, synchronous: str = "full") -> Machine:
    machine = Machine(seed, faults, synchronous)
    machine.db.execute("create table message(id integer primary key, content blob)")
    return machine


@pytest.mark.parametrize("unsynced", list(Unsynced))
@pytest.mark.parametrize("seed", range(5))
def test_what_was_committed_is_there_after_a_power_cut(seed: int, unsynced: Unsynced) -> None:
    machine = new_machine(seed)
    for number in range(20):
        machine.insert(number)
    machine.crash(unsynced)
    assert machine.rows() == list(range(20))
    assert machine.db.pragma("integrity_check") == "ok"


@pytest.mark.parametrize("unsynced", list(Unsynced))
def test_what_was_not_committed_is_not_there(unsynced: Unsynced) -> None:
    machine = new_machine()
    machine.insert(1)
    machine.db.pragma("cache_size", 2)  # so that the open transaction spills to the disk
    machine.db.execute("begin immediate")
    for number in range(2, 50):
        machine.insert(number)
    machine.crash(unsynced)
    assert machine.rows() == [1]


def test_commits_survive_crash_after_crash_and_checkpoints() -> None:
    for seed in range(10):
        machine = new_machine(seed)
        machine.db.pragma("wal_autocheckpoint", 5)
        for number in range(12):
            machine.insert(number)
            if number % 3 == 2:
                machine.crash()
                machine.db.pragma("wal_autocheckpoint", 5)
            assert machine.rows() == list(range(number + 1))


def test_a_disk_that_lies_loses_what_was_committed() -> None:
    machine = new_machine(faults=DiskFaults(lies=True))
    machine.insert(1)
    machine.crash(Unsynced.LOST)
    assert machine.rows() == []


def test_a_commit_that_is_not_synced_is_found_out() -> None:
    machine = new_machine(synchronous="normal")
    machine.db.execute("pragma wal_checkpoint(truncate)")
    machine.insert(1)
    machine.crash(Unsynced.LOST)
    assert machine.rows() == []


def test_a_full_disk_fails_the_commit_and_keeps_what_was_there() -> None:
    machine = new_machine(faults=DiskFaults(quota=100_000))
    committed = []
    with suppress(apsw.FullError):
        for number in range(100):
            machine.insert(number)
            committed.append(number)
    assert 0 < len(committed) < 100
    machine.crash()
    assert machine.rows() == committed
    machine.close()


def test_a_sync_that_fails_fails_the_commit() -> None:
    machine = new_machine()
    machine.insert(1)
    machine.disk.fail_syncs(1)
    with pytest.raises(apsw.IOError):
        machine.insert(2)
    machine.crash(Unsynced.LOST)
    assert machine.rows() == [1]


def test_a_second_connection_finds_the_database_locked() -> None:
    machine = new_machine()
    machine.insert(1)
    other = apsw.Connection(PATH, vfs=machine.vfs.name)
    with pytest.raises(apsw.BusyError):
        other.execute("select * from message")


def test_a_rollback_journal_works_as_well() -> None:
    machine = new_machine()
    machine.db.pragma("journal_mode", "delete")
    machine.insert(1)
    machine.db.execute("begin immediate")
    machine.insert(2)
    machine.crash()
    assert machine.rows() == [1]


def test_sqlite_tells_the_simulated_time() -> None:
    assert new_machine().db.execute("select datetime('now')").get == "2026-01-01 00:00:00"
