"""What a running server tells by HTTP and by `heloise health`: metrics, and whether it is ready."""

import json
import signal
import smtplib
import socket
import subprocess
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest

from tests.observe.test_exposition import samples
from tests.peers import free_port
from tests.serving import PROGRAM, served

pytestmark = pytest.mark.slow
SECONDS = 30.0  # a deadline, not a wait
CONFIGURATION = """\
hostname = "mx.test"
state = "state"
processes = {processes}
[[listener]]
address = "127.0.0.1:0"
[local]
domains = ["example.test"]
[[user]]
name = "alice"
[[route]]
domains = ["elsewhere.test"]
to = "smtp:127.0.0.1:{silent}"
[admin]
address = "127.0.0.1:{admin}"
"""


def get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=SECONDS) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def health(path: Path) -> tuple[int, str]:
    command = [PROGRAM, "health", "-c", str(path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)
    return done.returncode, done.stdout


def send(port: int, recipient: str) -> None:
    with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS) as client:
        client.sendmail("a@client.test", [recipient], "Subject: x\r\n\r\nhello\r\n")


@pytest.mark.parametrize("processes", [1, 2])
def test_metrics_and_health_of_the_whole_server(tmp_path: Path, processes: int) -> None:
    admin, path = free_port(), tmp_path / "heloise.toml"
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        path.write_text(
            CONFIGURATION.format(processes=processes, admin=admin, silent=silent.getsockname()[1]),
        )
        assert health(path)[0] == 3
        with served(path, tmp_path / "state", log=tmp_path / "log") as server:
            assert health(path) == (0, "ready\n")
            assert get(admin, "/live") == (200, "alive\n")
            assert get(admin, "/ready")[0] == 200
            for _ in range(5):
                send(server.port, "alice@example.test")
            send(server.port, "bob@elsewhere.test")
            with smtplib.SMTP("127.0.0.1", server.port, timeout=SECONDS) as client:
                client.ehlo()
                assert client.docmd("MAIL", "FROM:<a@client.test>")[0] == 250
                assert client.docmd("RCPT", "TO:<nobody@example.test>")[0] == 550
                assert client.docmd("FOO")[0] == 500
            deadline = time.monotonic() + SECONDS
            while True:
                status, text = get(admin, "/metrics")
                assert status == 200, (tmp_path / "log").read_text()
                found = samples(text)
                delivered = [number for name, number in found.items() if 'action="delivered"' in name]
                # An attempt is told before it is settled.
                if sum(delivered) == 5 and not found["heloise_sessions_open"] and found["heloise_queue_messages"] == 1:
                    break
                assert time.monotonic() < deadline, text
                time.sleep(0.05)
            assert found["heloise_messages_total"] == found["heloise_recipients_total"] == 6
            assert found["heloise_sessions_total"] == 7
            assert found['heloise_refusals_total{code="550",cause="recipient.unknown"}'] == 1
            refused = {name: number for name, number in found.items() if 'code="500"' in name}
            assert sum(refused.values()) == 1, refused
            assert found["heloise_queue_messages"] == 1
            assert found["heloise_queue_oldest_seconds"] > 0
            assert found["heloise_attempt_seconds_count"] == 5
            assert found["heloise_commit_seconds_count"] >= 1
            assert found["heloise_processes"] == processes
            assert "example.test" not in text
            connection, _ = silent.accept()
            with connection:  # an attempt that lasts: the server is being stopped for a while
                server.process.send_signal(signal.SIGTERM)
                while get(admin, "/ready")[0] == 200:
                    assert time.monotonic() < deadline
                status, text = get(admin, "/ready")
                assert (status, json.loads(text)["why"]) == (503, "the server is being stopped")
                assert get(admin, "/live")[0] == 200
                server.process.send_signal(signal.SIGTERM)
                assert server.process.wait(SECONDS) == 1
