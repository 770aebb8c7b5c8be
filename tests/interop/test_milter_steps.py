"""What a milter is told, packet by packet, behind heloise and behind Postfix: the same steps with the same data."""

from __future__ import annotations

import smtplib
import socket
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from tests.interop.house import house
from tests.peers import Postfix
from tests.peers.jail import wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow]
Packet = tuple[str, bytes]
USERS = ("alice", "bob")
LETTER = (
    "From: a@client.test\r\nTo: alice@here.test\r\nDate: Sat, 28 Nov 2026 20:00:00 +0000\r\n"
    "Message-Id: <1@client.test>\r\nSubject:  two blanks\r\nX-Folded: one\r\n\ttwo\r\nX-Empty:\r\n"
    "X-Tab:\tx\r\n\r\nHello,\r\n..\r\n\r\n.\r\n"
)
ALL_ACTIONS = 0x1FF


@dataclass(slots=True)
class Recorder:
    """A milter that says yes to everything and keeps what it hears. `steps` are the flags that it wants."""

    steps: int = 0
    answers: dict[bytes, bytes] = field(default_factory=dict)
    sessions: list[list[Packet]] = field(default_factory=list)
    offers: list[tuple[int, int, int]] = field(default_factory=list)
    ended: int = 0
    port: int = 0

    @property
    def silent(self) -> set[bytes]:
        """Steps that it does not answer, by its flags (SMFIP_NR_*)."""
        flags = {b"L": 0x80, b"C": 0x1000, b"H": 0x2000, b"M": 0x4000, b"R": 0x8000, b"T": 0x10000, b"U": 0x20000}
        flags |= {b"N": 0x40000, b"B": 0x80000}
        return {code for code, flag in flags.items() if self.steps & flag}

    def serve(self, link: socket.socket) -> None:
        packets: list[Packet] = []
        self.sessions.append(packets)
        with link.makefile("rb") as stream:
            while size := stream.read(4):
                octets = stream.read(int.from_bytes(size, "big"))
                code, data = octets[:1], octets[1:]
                if code == b"O":
                    version, actions, steps = (int.from_bytes(data[place : place + 4], "big") for place in (0, 4, 8))
                    self.offers.append((version, actions, steps))
                    numbers = (min(version, 6), actions & ALL_ACTIONS, steps & self.steps)
                    answer = b"O" + b"".join(number.to_bytes(4, "big") for number in numbers)
                    link.sendall(len(answer).to_bytes(4, "big") + answer)
                    continue
                packets.append((code.decode(), data))
                if code in b"DAQ" or code in self.silent:
                    continue
                answer = self.answers.get(code, b"c")
                link.sendall(len(answer).to_bytes(4, "big") + answer)
        self.ended += 1

    def commands(self) -> str:
        """The steps of the last session, without macros and the farewell."""
        return "".join(code for code, _ in self.sessions[-1] if code not in "DQ")

    def data(self, code: str) -> list[bytes]:
        """What was told with this step."""
        return [data for each, data in self.sessions[-1] if each == code]

    def macros(self) -> dict[str, dict[str, str]]:
        """Those told before each step, the last counts."""
        found: dict[str, dict[str, str]] = {}
        for code, data in self.sessions[-1]:
            if code == "D":
                words = data[1:].decode().rstrip("\0").split("\0")
                found[chr(data[0])] = dict(zip(words[::2], words[1::2], strict=False))
        return found


@contextmanager
def recording(steps: int = 0, answers: dict[bytes, bytes] | None = None) -> Iterator[Recorder]:
    recorder = Recorder(steps, answers or {})

    class Handler(socketserver.BaseRequestHandler):
        def handle(self) -> None:
            recorder.serve(self.request)

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with Server(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
        thread.start()
        recorder.port = server.server_address[1]
        try:
            yield recorder
        finally:
            server.shutdown()
            thread.join()


@contextmanager
def both(directory: Path, recorder: Recorder, **postfix_parameters: str) -> Iterator[tuple[int, int]]:
    """The ports of heloise and Postfix with this milter behind them."""
    extra = f'[[milter]]\nname = "recorder"\naddress = "127.0.0.1:{recorder.port}"\n'
    parameters = {"smtpd_milters": f"inet:127.0.0.1:{recorder.port}", **postfix_parameters}
    with (
        house(directory, users=USERS, extra=extra) as heloise,
        Postfix(local_domains=["here.test"], users=USERS, extra=parameters) as postfix,
    ):
        yield heloise.port, postfix.port


def play(port: int, lines: Sequence[str]) -> list[int]:
    """The codes of the replies; the letter goes after DATA."""
    codes = []
    with smtplib.SMTP("127.0.0.1", port, "client.test", 30) as client:
        for line in lines:
            codes.append(client.docmd(line)[0])
            if line == "DATA" and codes[-1] == 354:
                client.send(LETTER.encode())
                codes.append(client.getreply()[0])
    return codes


EHLO, MAIL, RCPT = "EHLO client.test", "MAIL FROM:<a@client.test>", "RCPT TO:<alice@here.test>"
PLAYS: dict[str, tuple[str, ...]] = {
    "a message": (EHLO, MAIL, RCPT, "DATA"),
    "a message with parameters": (EHLO, MAIL + " SIZE=100 BODY=8BITMIME", RCPT + " NOTIFY=NEVER", "DATA"),
    "by HELO": ("HELO client.test", MAIL, RCPT, "DATA"),
    "from nobody": (EHLO, "MAIL FROM:<>", RCPT, "DATA"),
    "two recipients": (EHLO, MAIL, RCPT, "RCPT TO:<bob@here.test>", "DATA"),
    "two messages": (EHLO, MAIL, RCPT, "DATA", MAIL, RCPT, "DATA"),
    "given up": (EHLO, MAIL, RCPT, "RSET", MAIL, RCPT, "DATA"),
    "given up by EHLO": (EHLO, MAIL, RCPT, EHLO, MAIL, RCPT, "DATA"),
    "an unknown recipient": (EHLO, MAIL, "RCPT TO:<nobody@here.test>", RCPT, "DATA"),
    "an unknown command": (EHLO, "WHAT", MAIL, RCPT, "DATA"),
    "nothing but a hello": (EHLO,),
    "commands that bring nothing": (EHLO, "NOOP", "RSET", MAIL, RCPT, "DATA"),
}
NO_BODY, NO_HEADERS, SKIP, REFUSED, LEADING_SPACE = 0x10, 0x20, 0x400, 0x800, 0x100000
NOTHING_IS_ANSWERED = 0x80 | 0x1000 | 0x2000 | 0x4000 | 0x8000 | 0x10000 | 0x20000 | 0x40000 | 0x80000
FLAGS = {
    "none": 0,
    "leading space": LEADING_SPACE,
    "no body and no header": NO_BODY | NO_HEADERS,
    "refused recipients": REFUSED,
    "nothing is answered": NOTHING_IS_ANSWERED,
    "nothing but the end": 0x01 | 0x02 | 0x04 | 0x08 | NO_BODY | NO_HEADERS | 0x40 | 0x100 | 0x200,
}


@pytest.fixture(scope="module", params=FLAGS)
def pair(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[tuple[Recorder, int, int]]:
    with recording(FLAGS[request.param]) as recorder, both(tmp_path_factory.mktemp("steps"), recorder) as ports:
        yield recorder, *ports


def heard(recorder: Recorder, port: int, lines: Sequence[str]) -> tuple[list[int], str, list[Packet]]:
    """The codes, the steps, and what was told with them, but for what only one server can know."""
    before = recorder.ended
    codes = play(port, lines)
    wait_until(lambda: recorder.ended > before, "the end of the session", 30)
    told = meaning([(code, data) for code, data in recorder.sessions[-1] if code not in "DCQ"])
    return codes, "".join(code for code, _ in told), told


def meaning(packets: Sequence[Packet]) -> list[Packet]:
    """Without the aborts of no transaction, of which Postfix sends many: they say nothing."""
    kept, is_open = list[Packet](), False
    for code, data in packets:
        if code == "A" and not is_open:
            continue
        is_open = code not in "AE" and (is_open or code == "M")
        kept.append((code, data))
    return kept


@pytest.mark.parametrize("name", PLAYS)
def test_each_step_is_told_as_by_postfix(pair: tuple[Recorder, int, int], name: str) -> None:
    recorder, ours, theirs = pair
    here, there = heard(recorder, ours, PLAYS[name]), heard(recorder, theirs, PLAYS[name])
    assert here[1] == there[1]
    assert here[2] == there[2]


def test_macros_are_those_of_postfix(tmp_path: Path) -> None:
    with recording() as recorder, both(tmp_path, recorder) as ports:
        found = []
        for port in ports:
            heard(recorder, port, PLAYS["an unknown recipient"])
            found.append(recorder.macros())
    ours, theirs = found
    for step in "CMRTNE":
        assert set(theirs[step]) <= set(ours[step])
    told = {("C", "{daemon_addr}"), ("M", "{mail_addr}"), ("R", "{rcpt_addr}"), ("R", "{rcpt_host}")}
    assert {(*at, ours[at[0]][at[1]]) for at in told} == {(*at, theirs[at[0]][at[1]]) for at in told}
    assert ours["T"]["i"] == ours["N"]["i"] == ours["E"]["i"] != ""
