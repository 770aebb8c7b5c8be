"""Real clients, and servers as clients, log in at `heloise serve`, after STARTTLS and with TLS first, by each mechanism
they know.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from urllib.parse import parse_qs

import pytest

from heloise.reception.users import Scheme, new_login
from tests.certificates import Authority
from tests.interop.login_relays import RELAYS
from tests.interop.logins import CLIENTS, PASSWORD, TOKEN, USER, Door
from tests.peers.jail import Mailboxes, free_port
from tests.serving import served

pytestmark = [pytest.mark.interop, pytest.mark.slow]

MECHANISMS = (
    *("SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"),
    *("EXTERNAL", "OAUTHBEARER", "XOAUTH2", "PLAIN", "LOGIN"),
)
ALL = {**CLIENTS, **RELAYS}
PAIRS = [
    (client, mechanism, tls)
    for client, (_, known) in ALL.items()
    for mechanism in known
    for tls in ("starttls", "implicit")
    if (client, tls) != ("sendmail", "implicit")  # as a client it has STARTTLS only
]


class Introspection(BaseHTTPRequestHandler):
    """An authorization server with one token. RFC 7662."""

    def do_POST(self) -> None:
        asked = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
        is_good = asked["token"] == [TOKEN] and self.headers["Authorization"] == "Basic bWFpbDpzZWNyZXQ="
        body = json.dumps({"active": is_good, "username": USER}).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *arguments: object) -> None:
        """Nothing is printed."""


@dataclass(frozen=True)
class Place:
    """A running server with two listeners."""

    doors: dict[str, Door]
    mailboxes: Mailboxes
    log: Path


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    directory = tmp_path_factory.mktemp("logins")
    authority = Authority(directory)
    server, client = authority.issue("localhost"), authority.issue("laptop.test")
    login = new_login(USER, PASSWORD, ("alice@here.test",), b"salt-of-test", tuple(Scheme))
    (directory / "users").write_text(f"{login.encode()}\n")
    (directory / "secret").write_text("secret\n")
    web = ThreadingHTTPServer(("127.0.0.1", 0), Introspection)
    Thread(target=web.serve_forever, daemon=True).start()
    ports = {"starttls": free_port(), "implicit": free_port()}
    listeners = "".join(
        f'[[listener]]\naddress = "127.0.0.1:{port}"\ntls = "{tls}"\nrequires_auth = true\nclient_certificates = true\n'
        for tls, port in ports.items()
    )
    (directory / "heloise.toml").write_text(
        f'hostname = "heloise.test"\nstate = "state"\nprocesses = 1\n{listeners}'
        f'[tls]\nclient_ca = "{authority.ca_file}"\n'
        f'[[tls.certificate]]\nchain = "{server.chain}"\nkey = "{server.key}"\n'
        f'[auth]\nusers = "users"\nsender_login_match = true\nmechanisms = {json.dumps(MECHANISMS)}\n'
        f'[auth.certificates]\n"laptop.test" = "{USER}"\n'
        f'[auth.tokens]\nurl = "http://127.0.0.1:{web.server_port}/"\n'
        'client_id = "mail"\nclient_secret_file = "secret"\n'
        '[local]\ndomains = ["here.test"]\npostmaster = "alice"\nmaildir = "mail/{user}"\n[[user]]\nname = "alice"\n'
        "[limits]\nminimum_free = 0\n"
    )
    log = directory / "heloise.log"
    with served(directory / "heloise.toml", directory / "state", log=log):
        doors = {
            tls: Door(port, tls == "implicit", authority.ca_file, client.chain, client.key)
            for tls, port in ports.items()
        }
        yield Place(doors, Mailboxes(directory / "state" / "mail"), log)
    web.shutdown()
    web.server_close()


@pytest.mark.parametrize(("client", "mechanism", "tls"), PAIRS)
def test_a_client_logs_in_and_its_mail_arrives(client: str, mechanism: str, tls: str, place: Place) -> None:
    _clear(place)
    before = place.log.read_text().count("session.authenticated")
    ALL[client][0](place.doors[tls], mechanism)
    seen = [line for line in place.log.read_text().splitlines() if "session.authenticated" in line][before:]
    assert len(seen) == 1
    assert f" {mechanism}" in seen[0] or f"={mechanism}" in seen[0], seen[0]
    [letter] = place.mailboxes.wait_for_messages("alice", 1)
    assert b"with ESMTPSA id" in letter
    assert PASSWORD not in place.log.read_text()


def _clear(place: Place) -> None:
    for path in (place.mailboxes.maildir("alice") / "new").glob("*"):
        path.unlink()


@pytest.mark.parametrize("client", ["curl", "msmtp", "swaks"])
def test_a_wrong_password_is_told_to_the_client(client: str, place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.interop.logins.PASSWORD", "guessed")
    with pytest.raises((AssertionError, subprocess.CalledProcessError)) as told:
        CLIENTS[client][0](place.doors["starttls"], "PLAIN")
    assert "535" in str(told.value) or "5.7.8" in str(told.value) or "denied" in str(told.value)
