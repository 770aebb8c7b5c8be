"""Several processes are one mail server: for clients, for operators, and when one of them dies."""

import os
import signal
import smtplib
import socket
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from heloise.app.operator.crew_control import put_together
from heloise.app.server.part import Part
from heloise.config import parse_configuration
from heloise.delivery.allowance import Bounds
from heloise.delivery.rate import Rate
from tests.serving import Served, served, start

pytestmark = pytest.mark.slow  # each test starts servers of its own

CONFIGURATION = """\
hostname = "mx.test"
state = "state"
processes = {processes}
[[listener]]
address = "127.0.0.1:0"
[[route]]
domains = ["there.test"]
to = "smtp:127.0.0.1:9"
on_request = true
"""
MESSAGES = 24
SECONDS = 30.0  # a deadline, not a wait


def write(directory: Path, processes: int) -> Path:
    path = directory / "heloise.toml"
    path.write_text(CONFIGURATION.format(processes=processes))
    return path


def send(port: int, number: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS) as client:
        client.sendmail("a@client.test", [f"b{number}@there.test"], f"Subject: {number}\r\n\r\nhello\r\n")


def ids(server: Served) -> list[str]:
    return [message["id"] for message in server.control({"do": "list", "limit": 1000})["ok"]["messages"]]


def children(server: Served) -> dict[int, int]:
    """The number of each process below the server → its process id."""
    listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
    command = {int(pid): Path(f"/proc/{pid}/cmdline").read_text() for pid in listed}
    return {
        int(text.partition('"index": ')[2].partition(",")[0]): pid for pid, text in command.items() if "index" in text
    }


def until(holds: Callable[[], bool], what: str) -> None:
    """Another process tells of nothing by itself, so this asks, with a deadline."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"


def test_mail_is_taken_by_all_processes_and_listed_as_one_queue(tmp_path: Path) -> None:
    with served(write(tmp_path, 2), tmp_path / "state", log=tmp_path / "log") as server:
        for number in range(MESSAGES):
            send(server.port, number)
        shown = ids(server)
        assert len(shown) == MESSAGES
        assert shown == sorted(shown)
        assert server.control({"do": "counts"})["ok"] == {
            "messages": MESSAGES,
            "waiting": MESSAGES,
            "leased": 0,
            "held": 0,
        }
        parts = [server.state / f"control-{number}" for number in (0, 1)]
        assert all(part.is_socket() for part in parts)
        assert server.control({"do": "hold"})["ok"] == {"recipients": MESSAGES, "under_way": 0}
        assert ids(server)[:5] == [
            message["id"] for message in server.control({"do": "list", "limit": 5})["ok"]["messages"]
        ]


def test_etrn_starts_what_waits_in_all_processes(tmp_path: Path) -> None:
    with served(write(tmp_path, 2), tmp_path / "state", log=tmp_path / "log") as server:
        for number in range(MESSAGES):
            send(server.port, number)
        with smtplib.SMTP("127.0.0.1", server.port, timeout=SECONDS) as client:
            client.ehlo()
            code, text = client.docmd("ETRN", "there.test")
        assert (code, text) == (253, f"2.0.0 {MESSAGES} pending messages for there.test started".encode())


def test_a_process_that_dies_is_started_again_with_its_mail(tmp_path: Path) -> None:
    with served(write(tmp_path, 2), tmp_path / "state", log=tmp_path / "log") as server:
        for number in range(MESSAGES):
            send(server.port, number)
        before = ids(server)
        victim = children(server)[1]
        os.kill(victim, signal.SIGKILL)
        until(lambda: children(server).get(1, victim) != victim, "it was not started again")
        until(lambda: "ok" in server.control({"do": "counts"}), "it does not answer")
        assert ids(server) == before
        assert "process-died" in (tmp_path / "log").read_text()


def test_when_the_one_above_is_killed_all_end_and_the_next_start_has_everything(tmp_path: Path) -> None:
    path = write(tmp_path, 2)
    server = start(path, tmp_path / "state", log=tmp_path / "log")
    for number in range(MESSAGES):
        send(server.port, number)
    before, below = ids(server), children(server)
    server.kill()
    until(lambda: all(map(is_gone, below.values())), "they outlive it")
    with served(path, tmp_path / "state", log=tmp_path / "log") as again:
        assert ids(again) == before


def test_a_stop_ends_all_of_them(tmp_path: Path) -> None:
    server = start(write(tmp_path, 3), tmp_path / "state", log=tmp_path / "log")
    below = children(server)
    assert len(below) == 3
    assert server.stop() == 0
    assert all(map(is_gone, below.values()))


def test_fewer_processes_take_over_the_queues_of_those_that_are_no_more(tmp_path: Path) -> None:
    with served(write(tmp_path, 3), tmp_path / "state", log=tmp_path / "log") as server:
        for number in range(MESSAGES):
            send(server.port, number)
        before = ids(server)
    with served(write(tmp_path, 1), tmp_path / "state", log=tmp_path / "log") as server:
        assert sorted(ids(server)) == before
        assert server.control({"do": "remove"})["ok"] == {"recipients": MESSAGES, "under_way": 0}
        assert ids(server) == []


def test_an_address_of_another_server_is_not_shared(tmp_path: Path) -> None:
    with socket.socket() as other:
        other.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        other.bind(("127.0.0.1", 0))
        other.listen()
        text = CONFIGURATION.format(processes=2).replace(":0", f":{other.getsockname()[1]}", 1)
        path = tmp_path / "heloise.toml"
        path.write_text(text)
        with pytest.raises(AssertionError, match="can not listen"):
            start(path, tmp_path / "state", log=tmp_path / "log")


def test_a_process_that_can_not_start_is_the_end_of_all(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    (state / "queue-1").write_text("a file where a directory should be")
    with pytest.raises(AssertionError, match="process 2 of 2 did not start"):
        start(write(tmp_path, 2), state, log=tmp_path / "log")


def test_answers_are_put_together() -> None:
    first = {"messages": [{"id": "1"}, {"id": "4"}], "recipients": 2, "destinations": None}
    second = {"messages": [{"id": "2"}, {"id": "3"}], "recipients": 3, "destinations": [{"name": "x"}]}
    assert put_together({"do": "list", "limit": 3}, [first, second]) == {
        "messages": [{"id": "1"}, {"id": "2"}, {"id": "3"}],
        "recipients": 5,
        "destinations": [{"name": "x"}],
    }


def test_each_process_has_its_share_of_the_limits() -> None:
    part = Part(1, 4)
    assert part.share(200) == 50
    assert part.share(201) == 51
    assert part.share_of(Bounds(concurrency=2, rate=Rate(100, 60))) == Bounds(concurrency=1, rate=Rate(100, 240))


@pytest.mark.parametrize(("written", "processes"), [('"auto"', 0), ('"3"', 3), ("3", 3)])
def test_processes_are_auto_or_a_number(written: str, processes: int) -> None:
    text = CONFIGURATION.format(processes=written)
    assert parse_configuration(text, directory="/d").processes == processes
