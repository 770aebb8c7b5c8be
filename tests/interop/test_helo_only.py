"""Servers that know no EHLO: `heloise send` and the relay say HELO and deliver. RFC 5321 §3.2, §4.1.4."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from tests.interop.clients import HeloiseSend
from tests.interop.house import fields_of_report, house
from tests.interop.letters import LETTERS
from tests.interop.test_relay import submit
from tests.peers import wait_until

pytestmark = [pytest.mark.interop, pytest.mark.slow]

DROP = "drop"
ANSWERS = ["500 what?", "501 no", "502 not here", "504 no", "550 no", "554-no\r\n554 really", "500", DROP]


class OldServer(socketserver.ThreadingTCPServer):
    """Knows what RFC 821 knows, and meets EHLO with one answer."""

    daemon_threads = True

    def __init__(self, answer: str) -> None:
        super().__init__(("127.0.0.1", 0), _Session)
        self.answer = answer
        self.commands: list[str] = []
        self.messages: list[bytes] = []

    @property
    def port(self) -> int:
        return int(self.server_address[1])

    def wait_for_messages(self) -> list[bytes]:
        return wait_until(lambda: list(self.messages), "a message at the old server", 20)


class _Session(socketserver.StreamRequestHandler):
    server: OldServer

    def handle(self) -> None:
        self._say("220 old.test")
        for line in self.rfile:
            command = line.decode().rstrip("\r\n")
            self.server.commands.append(command)
            verb = command.partition(" ")[0]
            if verb == "EHLO" and self.server.answer == DROP:
                return
            if verb == "DATA":
                self._say("354 go on")
                self.server.messages.append(self._text())
            self._say(self.server.answer if verb == "EHLO" else "221 bye" if verb == "QUIT" else "250 ok")
            if verb == "QUIT":
                return

    def _say(self, reply: str) -> None:
        self.wfile.write(reply.encode() + b"\r\n")

    def _text(self) -> bytes:
        lines = []
        for line in self.rfile:
            if line == b".\r\n":
                break
            lines.append(line.removeprefix(b"."))
        return b"".join(lines)


@contextmanager
def old_server(answer: str) -> Iterator[OldServer]:
    with OldServer(answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


@pytest.mark.parametrize("answer", ANSWERS)
def test_heloise_send_falls_back_to_helo_and_shows_it(answer: str) -> None:
    with old_server(answer) as server:
        transcript = HeloiseSend().transcript(server.port, "a@client.test", ["b@old.test"], LETTERS["dots"])
        assert server.messages == [LETTERS["dots"]]
        assert transcript.index("EHLO client.test") < transcript.index("HELO client.test")
        if answer == DROP:
            assert any("once more, with HELO" in line for line in transcript)
        assert "MAIL FROM:<a@client.test>" in transcript  # no parameters: HELO offers none


def test_the_relay_falls_back_to_helo_with_each_of_them(tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = {f"a{i}.test": stack.enter_context(old_server(answer)) for i, answer in enumerate(ANSWERS)}
        routes = {domain: f"smtp:127.0.0.1:{server.port}" for domain, server in servers.items()}
        heloise = stack.enter_context(house(tmp_path, routes=routes))
        recipients = [f"bob@{domain}" for domain in servers]
        submit(heloise.port, recipients, LETTERS["dots"], rcpt=["NOTIFY=SUCCESS"])
        for domain, server in servers.items():
            [message] = server.wait_for_messages()
            assert message.endswith(b"\r\n" + LETTERS["dots"])
            commands = [command for command in server.commands if command not in ("EHLO heloise.test", "QUIT")]
            assert commands == [
                "HELO heloise.test",
                "MAIL FROM:<alice@here.test>",
                f"RCPT TO:<bob@{domain}>",
                "DATA",
            ]
        # They can not be asked for a report, so ours tells that they have it, one for all. RFC 3461 §5.2.2.
        [report] = heloise.reports()
        _, groups = fields_of_report(report)
        assert [group["Action"] for group in groups] == ["relayed"] * len(servers)
