"""What one message costs, counted: a change that makes the path longer is seen here, on a loaded machine too.

When the longer path is meant, `python -m tests.pathlength` writes the table again.
"""

import os
import shutil
from pathlib import Path

import pytest

from tests.pathlength.calls import count_calls
from tests.pathlength.order import OPTIONS, acknowledged
from tests.pathlength.system_calls import MESSAGES, accepting, count_system_calls
from tests.pathlength.table import VERSION, known, longer

TRIES = 3

# On CI it runs, and fails, without it.
needs_strace = pytest.mark.skipif(
    shutil.which("strace") is None and "CI" not in os.environ, reason="no strace: apt-get install strace"
)


def test_accepting_a_message_takes_no_more_function_calls_than_it_did() -> None:
    if not known(VERSION):
        pytest.skip(f"the table has nothing for {VERSION}")
    assert longer(known(VERSION), count_calls()) == []


def test_a_path_that_got_longer_is_told_and_so_is_one_that_is_new() -> None:
    counted = {"shorter": 90.0, "the same": 102.9, "longer": 103.1, "new": 1.0}
    before = {"shorter": 100.0, "the same": 100.0, "longer": 100.0}
    assert longer(before, counted) == ["longer: 103.1, was 100", "new: 1, not in the table"]


def test_function_calls_are_counted_the_same_each_time() -> None:
    assert count_calls() == count_calls()


@needs_strace
@pytest.mark.interop
@pytest.mark.slow
def test_accepting_and_relaying_a_message_takes_no_more_system_calls_than_it_did(tmp_path: Path) -> None:
    # On a busy machine the run takes longer, and what the server does once a second comes into it more often.
    for number in range(TRIES):
        directory = tmp_path / str(number)
        directory.mkdir()
        if not (found := longer(known("system"), count_system_calls(directory))):
            break
    assert found == []


@needs_strace
@pytest.mark.slow
def test_250_is_said_only_after_the_message_was_written_and_synced(tmp_path: Path) -> None:
    assert acknowledged(accepting(tmp_path, *OPTIONS).decode(errors="replace")) == MESSAGES


WRITE = '7 pwrite64(14</s/queue/queue.db-wal>, "x", 24, 0) = 24'
SYNC = "7 fdatasync(14</s/queue/queue.db-wal>) = 0"
SYNC_BEGINS = "7 fdatasync(14</s/queue/queue.db-wal> <unfinished ...>"
SYNC_RETURNS = "7 <... fdatasync resumed>) = 0"
GO_ON = '5 write(21<socket:[9]>, "354 Send the mes"..., 58) = 58'
TAKEN = '5 write(21<socket:[9]>, "250 2.0.0 1M85SG"..., 33) = 33'


@pytest.mark.parametrize("lines", [[GO_ON, WRITE, SYNC, TAKEN], [GO_ON, WRITE, SYNC_BEGINS, SYNC_RETURNS, TAKEN] * 2])
def test_a_trace_with_the_sync_before_250_is_in_order(lines: list[str]) -> None:
    assert acknowledged("\n".join(lines)) == lines.count(TAKEN)


@pytest.mark.parametrize(
    "lines",
    [
        [GO_ON, TAKEN],
        [GO_ON, WRITE, TAKEN, SYNC],
        [GO_ON, SYNC, WRITE, TAKEN],
        [GO_ON, WRITE, SYNC, WRITE, TAKEN],
        [GO_ON, WRITE, SYNC_BEGINS, TAKEN, SYNC_RETURNS],
        [GO_ON, WRITE, SYNC, TAKEN, GO_ON, TAKEN],
    ],
)
def test_a_trace_with_250_before_the_sync_is_found_out(lines: list[str]) -> None:
    with pytest.raises(AssertionError, match="250 was said"):
        acknowledged("\n".join(lines))
