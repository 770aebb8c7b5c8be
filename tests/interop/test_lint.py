"""Real clients keep the rules: the lint finds nothing with any of them, and something with one that breaks them."""

from __future__ import annotations

import socket
import subprocess

import pytest

from tests.interop.clients import Curl, HeloiseSend, Msmtp, Nodemailer, Smtplib, Swaks
from tests.interop.test_clients import Client
from tests.peers import free_port
from tests.serving import PROGRAM

pytestmark = [pytest.mark.interop, pytest.mark.slow]

MESSAGE = (
    b"From: a@client.test\r\nTo: b@example.test\r\nSubject: lint\r\nDate: Sat, 28 Nov 2026 22:00:00 +0000\r\n"
    b"Message-ID: <1@client.test>\r\n\r\n.dot\r\nIt works.\r\n"
)
CLIENTS: dict[str, Client] = {
    "smtplib": Smtplib(),
    "swaks": Swaks(),
    "swaks-pipelining": Swaks("--pipeline"),
    "curl": Curl(),
    "msmtp": Msmtp(),
    "nodemailer": Nodemailer(),
    "heloise": HeloiseSend("--quiet"),
    "heloise-bdat": HeloiseSend("--quiet", "--bdat"),
}


# nodemailer closes the connection of a transport without a pool as soon as it has its 250.
BREAKS = {"nodemailer": ["lint.no-quit"]}


def linted(*more: str) -> tuple[subprocess.Popen[str], int]:
    """A development server that looks at its clients, ready to be spoken to."""
    port = free_port()
    command = [PROGRAM, "dev", "--lint", "--port", str(port), *more]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    while str(port) not in (line := process.stdout.readline()):
        assert line, "it ended"
    return process, port


@pytest.mark.parametrize("client", CLIENTS)
def test_a_real_client_keeps_the_rules(client: str) -> None:
    process, port = linted("--pedantic")
    try:
        CLIENTS[client].send(port, "a@client.test", ["b@example.test", "c@example.test"], MESSAGE)
    finally:
        process.terminate()
        said, _ = process.communicate(timeout=30)
    found = [line.split()[0] for line in said.splitlines() if " · command " in line]
    assert found == BREAKS.get(client, []), said
    assert ("No violations." in said, process.returncode) == ((True, 0) if not found else (False, 1))


def test_a_bad_client_makes_the_exit_code_1() -> None:
    process, port = linted()
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(b"HELO client.test\nMAIL FROM:<a@b.test>\n\r\n")
        replies = client.makefile("rb")
        assert [replies.readline()[:3] for _ in range(2)] == [b"220", b"500"]
    process.terminate()
    said, _ = process.communicate(timeout=30)
    assert "line.ending · RFC 5321 §2.3.8" in said
    assert process.returncode == 1
