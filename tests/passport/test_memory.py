"""Passports in memory: told as to the office, bounded, and forgotten when they are to be."""

from heloise.passport.entries import Ended, Opened
from heloise.passport.memory import ENTRIES, OWNERS, MemoryPassports
from heloise.passport.timeline import read


def test_a_session_is_read_as_from_the_archive() -> None:
    kept = MemoryPassports(lambda: 1.0)
    kept.record(Opened("s", 1.0, "127.0.0.1"))
    kept.record(Ended("s", 2.0, False))
    timeline = read(kept, "s")
    assert timeline is not None
    assert (timeline.is_session, timeline.begun) == (True, 1.0)
    assert [facts["event"] for facts in timeline.events] == ["opened", "ended"]
    kept.forget("s")
    assert read(kept, "s") is None


def test_its_memory_is_bounded() -> None:
    kept = MemoryPassports(lambda: 1.0)
    for number in range(OWNERS + 5):
        kept.record(Opened(f"s{number}", 1.0, "x"))
    assert kept.entries("s0") == []
    assert len(kept.entries("s5")) == 1
    for _ in range(ENTRIES + 5):
        kept.record(Opened("s5", 1.0, "x"))
    assert len(kept.entries("s5")) == ENTRIES
