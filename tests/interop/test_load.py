"""The load generator and the sink of the benchmarks: they count what was acknowledged, and end by themselves."""

from __future__ import annotations

import smtplib
import socket
import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.tools import Load, Sink, build, sink
from tests.peers import Postfix

pytestmark = [pytest.mark.interop, pytest.mark.slow]

LOAD = Load(sessions=5, messages=200, size=1024, domain="example.org", timeout=20)


@pytest.fixture(scope="module", autouse=True)
def programs() -> None:
    build()


@pytest.fixture
def target() -> Iterator[Sink]:
    with sink(timeout=60) as running:
        yield running


@pytest.mark.parametrize("pipelining", [False, True])
@pytest.mark.parametrize("per_connection", [0, 1, 7])
def test_the_sink_has_every_message_that_the_load_generator_counts(
    target: Sink, pipelining: bool, per_connection: int
) -> None:
    report = replace(LOAD, pipelining=pipelining, per_connection=per_connection).offer(target.port)
    assert (report["accepted"], report["failed"]) == (200, 0)
    assert report["pipelining"] is pipelining
    assert (target.messages(), target.distinct()) == (200, 200)


def test_the_sink_tells_a_message_that_comes_twice(target: Sink) -> None:
    for _ in range(2):
        LOAD.offer(target.port)
    assert (target.messages(), target.distinct()) == (400, 200)


def test_the_sink_finds_the_end_of_content_however_it_is_cut(target: Sink) -> None:
    empty = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\n.\r\n"
    dotted = b"MAIL FROM:<a@b>\r\nRCPT TO:<c@d>\r\nDATA\r\na\r\n..\r\n.x\r\n.\r\n"
    dialogue = b"EHLO x\r\n" + empty + dotted + b"QUIT\r\n"
    for step in (1, 2, 3, 5, len(dialogue)):
        with socket.create_connection(("127.0.0.1", target.port), timeout=20) as link:
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            for start in range(0, len(dialogue), step):
                link.sendall(dialogue[start : start + step])
            with link.makefile("rb") as stream:
                replies = stream.read()
        assert replies.count(b"250 taken") == 2
        assert replies.endswith(b"221 bye\r\n")


def test_a_large_message_arrives_whole_at_a_real_server() -> None:
    with Postfix(local_domains=["example.org"], users=["user0"]) as postfix:
        report = replace(LOAD, messages=1, size=3_000_000, recipients=1).offer(postfix.port)
        assert report["accepted"] == 1
        [message] = postfix.mailboxes.wait_for_messages("user0")
        body = message.partition(b"\n\n")[2]
        assert 2_900_000 < len(body) < 3_000_000
        assert set(body) == set(b"x\n")


def test_refusals_are_counted_by_their_code() -> None:
    with Postfix(local_domains=["example.org"], users=["user0", "user1"]) as postfix:
        report = replace(LOAD, recipients=4).offer(postfix.port)
        assert report["accepted"] == 100
        assert report["failures"] == {"550": 100}


def test_refusals_are_counted_in_a_pipelined_group_too() -> None:
    with Postfix(local_domains=["example.org"], users=["user0", "user1"]) as postfix:
        report = replace(LOAD, recipients=4, pipelining=True).offer(postfix.port)
        assert report["accepted"] == 100
        assert report["failures"] == {"550": 100}


def test_a_server_that_says_nothing_ends_with_the_time_given() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        began = time.monotonic()
        report = replace(LOAD, timeout=1).offer(silent.getsockname()[1])
        assert report["timed_out"] is True
        assert time.monotonic() - began < 10


def test_a_server_that_is_away_is_a_lost_message_not_a_crash() -> None:
    report = LOAD.offer(9)
    assert report["failures"] == {"lost": 200}


def test_the_sink_speaks_to_the_standard_library_client(target: Sink) -> None:
    with smtplib.SMTP("127.0.0.1", target.port, local_hostname="client.test", timeout=20) as session:
        assert session.sendmail("a@b.test", ["c@d.test"], "Subject: x\r\n\r\n.dot\r\n") == {}
    assert target.messages() == 1
