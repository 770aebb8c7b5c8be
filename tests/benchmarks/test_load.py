"""The load generator: its open loop, groups behind the final dot, and sessions that are only held."""

from __future__ import annotations

import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from benchmarks.tools import Load, Sink, build, holding, sink

pytestmark = [pytest.mark.interop, pytest.mark.slow]

LOAD = Load(sessions=4, messages=60, size=1024, domain="example.org", rate=200, timeout=20)
PAUSE = 0.5


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    build()


@pytest.fixture
def target() -> Iterator[Sink]:
    with sink(timeout=60) as running:
        yield running


@pytest.mark.parametrize("per_connection", [0, 1, 7])
def test_an_open_loop_sends_every_message_and_none_before_it_is_due(target: Sink, per_connection: int) -> None:
    report = replace(LOAD, per_connection=per_connection).offer(target.port)
    assert (report["accepted"], report["failed"], target.distinct()) == (60, 0, 60)
    assert report["seconds"] >= 59 / 200


def test_an_open_loop_counts_the_time_a_message_waits_for_a_free_session() -> None:
    with _slow_server() as port:
        report = replace(LOAD, sessions=1, messages=2, rate=1000).offer(port)
    assert report["accepted"] == 2
    # The second one is due a moment after the first, which keeps the only session busy.
    assert report["latency_ms"]["max"] > 2 * PAUSE * 1000 - 50


def test_an_open_loop_ends_when_nobody_listens() -> None:
    assert replace(LOAD, messages=10).offer(9)["failures"] == {"lost": 10}


@pytest.mark.parametrize("per_connection", [0, 1, 7])
def test_groups_behind_the_final_dot_bring_every_message_once(target: Sink, per_connection: int) -> None:
    report = replace(LOAD, rate=0, deep=True, per_connection=per_connection).offer(target.port)
    assert (report["accepted"], report["failed"], target.distinct()) == (60, 0, 60)
    assert report["pipelining"] is True


def test_nothing_is_sent_behind_the_final_dot_to_a_server_that_does_not_pipeline() -> None:
    with _slow_server() as port:
        report = replace(LOAD, sessions=1, messages=2, rate=0, deep=True).offer(port)
    assert (report["accepted"], report["pipelining"]) == (2, False)


def test_sessions_are_held_until_the_end_of_the_block(target: Sink) -> None:
    with holding(target.port, 300):
        pass
    assert target.connections() == 300


def test_holding_tells_that_a_session_was_refused() -> None:
    with pytest.raises(RuntimeError, match="refused"), holding(9, 1):
        pass


@contextmanager
def _slow_server() -> Iterator[int]:
    """The port of a server that takes its time over each final dot, on one connection."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=_serve, args=(listening,))
        thread.start()
        yield int(listening.getsockname()[1])
        thread.join(20)


def _serve(listening: socket.socket) -> None:
    link, _ = listening.accept()
    pause = threading.Event()
    with link, link.makefile("rb") as lines:
        link.sendall(b"220 slow.test\r\n")
        in_content = False
        for line in lines:
            if in_content:
                in_content = line != b".\r\n"
                if in_content:
                    continue
                pause.wait(PAUSE)
            elif line == b"DATA\r\n":
                in_content = True
            link.sendall(b"354 go on\r\n" if in_content else b"250 ok\r\n")
            if line == b"QUIT\r\n":
                return
