"""Real programs: what they get, how they end, and that none outlives its time."""

import asyncio
import os
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

import pytest

from heloise.net import SystemProcesses
from heloise.world import Program, ProgramEnd

# No program is run as root; whoever runs these tests as root has this account.
USER = "nobody" if os.geteuid() == 0 else None
SHELL = "/bin/sh"


async def pieces(*octets: bytes) -> AsyncIterator[bytes]:
    for piece in octets:
        yield piece


def run(
    *command: str,
    content: AsyncIterator[bytes] | None = None,
    timeout: float = 60.0,
    most_output: int = 1000,
    environment: Mapping[str, str] | None = None,
    user: str | None = USER,
) -> ProgramEnd:
    async def scenario() -> ProgramEnd:
        program = Program(command=command, environment={"PATH": os.environ["PATH"], **(environment or {})}, user=user)
        return await SystemProcesses().run(
            program, content or pieces(b"hello\n"), timeout=timeout, most_output=most_output
        )

    return asyncio.run(scenario())


def test_a_program_reads_what_it_is_given_and_its_words_are_kept() -> None:
    assert run("/bin/cat", content=pieces(b"one\r\n", b"two\r\n")) == ProgramEnd(exit_code=0, output=b"one\r\ntwo\r\n")


def test_an_exit_code_and_what_was_said_on_standard_error_are_told() -> None:
    assert run(SHELL, "-c", "echo no such user >&2; exit 67") == ProgramEnd(exit_code=67, output=b"no such user\n")


def test_a_program_that_reads_nothing_has_taken_the_message_when_it_says_so() -> None:
    assert run(SHELL, "-c", "exec 0<&-; exit 0", content=pieces(*[b"x" * 65536] * 100)).exit_code == 0


def test_a_signal_is_told() -> None:
    assert run(SHELL, "-c", "kill -9 $$") == ProgramEnd(signal=9)


def test_only_the_beginning_of_the_output_is_kept_and_the_rest_does_not_stop_the_program() -> None:
    end = run(SHELL, "-c", "yes | head -c 1000000", most_output=10)
    assert end == ProgramEnd(exit_code=0, output=b"y\ny\ny\ny\ny\n")


def test_arguments_reach_the_program_as_they_are() -> None:
    end = run("/bin/echo", "a b", "$(id)", "`id`;", "*", "x'y\"")
    assert end.output == b"a b $(id) `id`; * x'y\"\n"


def test_a_program_inherits_no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "s")
    lines = run("/usr/bin/env", environment={"SENDER": "a@client.test"}).output.decode().splitlines()
    names = {line.partition("=")[0] for line in lines}
    assert "SENDER=a@client.test" in lines
    assert names <= {"SENDER", "PATH", "HOME", "LOGNAME", "USER", "SHELL"}


def test_when_its_time_is_over_a_program_is_killed_with_all_it_started(tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:3]:
        parent.chmod(parent.stat().st_mode | 0o111)
    pipe = tmp_path / "alive"
    os.mkfifo(pipe)
    pipe.chmod(0o666)
    # Whoever holds the writing end is alive; reading ends when nobody does.
    reading = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    end = run(SHELL, "-c", f"exec 3>'{pipe}'; sleep 1000 & sleep 1000", timeout=0.5)
    assert end.timed_out
    os.set_blocking(reading, True)
    assert os.read(reading, 1) == b""
    os.close(reading)


def test_a_program_that_leaves_something_running_has_ended_all_the_same() -> None:
    assert run(SHELL, "-c", "sleep 5 & echo done", timeout=60.0) == ProgramEnd(exit_code=0, output=b"done\n")


def test_a_content_that_can_not_be_read_never_looks_like_a_whole_message(tmp_path: Path) -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield b"half a mess"
        raise OSError("the disk is gone")

    kept = tmp_path / "kept"
    kept.touch()
    kept.chmod(0o666)
    with pytest.raises(OSError, match="the disk is gone"):
        run(SHELL, "-c", f"cat > /dev/null && echo whole > '{kept}'", content=broken())
    assert kept.read_text() == ""


def test_a_program_that_is_not_there_is_an_error() -> None:
    with pytest.raises(FileNotFoundError):
        run("/nonexistent/program")


def test_a_user_who_is_not_there_is_an_error() -> None:
    with pytest.raises(OSError, match="no user"):
        run("/bin/true", user="no-such-user-here")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
@pytest.mark.parametrize("user", [None, "root"])
def test_nothing_is_run_as_root(user: str | None) -> None:
    with pytest.raises(PermissionError, match="as root"):
        run("/bin/true", user=user)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")
def test_root_becomes_the_user_with_his_groups_only() -> None:
    end = run("/usr/bin/id", "-un", user="nobody")
    assert end.output == b"nobody\n"
    assert b"root" not in run("/usr/bin/id", "-Gn", user="nobody").output


@pytest.mark.skipif(os.geteuid() == 0, reason="root can")
def test_who_is_not_root_can_not_become_somebody_else() -> None:
    with pytest.raises(PermissionError, match="only root"):
        run("/bin/true", user="nobody" if os.environ.get("USER") != "nobody" else "daemon")


def test_it_is_the_same_on_uvloop() -> None:
    uvloop = pytest.importorskip("uvloop")

    async def scenario() -> ProgramEnd:
        program = Program(
            command=(SHELL, "-c", "cat; id -un; exit 3"), environment={"PATH": "/usr/bin:/bin"}, user=USER
        )
        return await SystemProcesses().run(program, pieces(b"hello\n"), timeout=60.0, most_output=100)

    end = uvloop.run(scenario())
    assert (end.exit_code, end.output[:6]) == (3, b"hello\n")
