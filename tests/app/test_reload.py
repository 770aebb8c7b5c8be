"""A running server takes over another configuration as a whole, or goes on as it was."""

import os
import signal
import smtplib
import socket
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.peers import free_port
from tests.serving import PROGRAM, served

pytestmark = pytest.mark.slow
SECONDS = 30.0  # a deadline, not a wait
CONFIGURATION = """\
hostname = "{hostname}"
state = "state"
processes = {processes}
[[listener]]
address = "127.0.0.1:0"
{listener}[local]
domains = ["example.test"]
[[user]]
name = "alice"
{user}[log]
file = "{log}"
[limits]
message_size = "{size}"
{more}"""


class Site:
    """A directory with a configuration that can be written anew."""

    def __init__(self, directory: Path, processes: int = 1) -> None:
        self.path = directory / "heloise.toml"
        self.state = directory / "state"
        self.log = directory / "log"
        self._processes = processes
        self.write()

    def write(
        self, *, hostname: str = "mx.test", listener: str = "", user: str = "", size: str = "1 MiB", more: str = ""
    ) -> None:
        text = CONFIGURATION.format(
            hostname=hostname,
            processes=self._processes,
            listener=listener,
            user=user,
            log=self.log,
            size=size,
            more=more,
        )
        self.path.write_text(text)

    def heloise(self, *arguments: str) -> "subprocess.CompletedProcess[str]":
        command = [PROGRAM, *arguments, "-c", str(self.path)]
        return subprocess.run(command, capture_output=True, text=True, timeout=SECONDS, check=False)

    def logged(self, event: str) -> int:
        """How often there is such an event in the log."""
        text = self.log.read_text() if self.log.exists() else ""
        return sum(event in line.split() for line in text.splitlines())

    def until_logged(self, event: str, count: int = 1) -> None:
        until(lambda: self.logged(event) >= count, f"no {event} in {self.log.read_text()}")


def until(holds: Callable[[], bool], what: str) -> None:
    """Another process tells of nothing by itself, so this asks, with a deadline."""
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def greeting_and_size(port: int) -> tuple[str, str]:
    with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS) as client:
        client.ehlo()
        name = (client.ehlo_resp or b"").split()[0].decode()
        return name, client.esmtp_features["size"]


def refuses(port: int) -> bool:
    try:
        smtplib.SMTP("127.0.0.1", port, timeout=SECONDS).close()
    except ConnectionRefusedError:
        return True
    return False


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    return Site(tmp_path, request.param)


def test_a_session_ends_under_the_rules_it_began_with_and_the_next_one_has_the_new_ones(
    site: Site, tmp_path: Path
) -> None:
    with served(site.path, site.state, log=tmp_path / "errors") as server:
        with smtplib.SMTP("127.0.0.1", server.port, timeout=SECONDS) as before:
            before.ehlo()
            site.write(hostname="new.test", size="2 MiB", user='[[user]]\nname = "bob"\n')
            done = site.heloise("reload")
            assert done.returncode == 0, done.stderr
            assert '[limits] message_size: "1 MiB" → "2 MiB"' in " ".join(done.stdout.split())
            assert '[[user]] "bob": is new' in done.stdout
            before.ehlo()
            assert before.esmtp_features["size"] == str(1 << 20)
            assert before.docmd("MAIL", "FROM:<a@client.test>")[0] == 250
            assert before.docmd("RCPT", "TO:<bob@example.test>")[0] == 550
            assert before.docmd("RCPT", "TO:<alice@example.test>")[0] == 250
            assert before.docmd("DATA")[0] == 354
            before.send(b"Subject: kept\r\n\r\nhello\r\n.\r\n")
            assert before.getreply()[0] == 250
        for _ in range(8):  # whichever process it is
            assert greeting_and_size(server.port) == ("new.test", str(2 << 20))
        with smtplib.SMTP("127.0.0.1", server.port, timeout=SECONDS) as after:
            after.sendmail("a@client.test", ["bob@example.test"], "Subject: new\r\n\r\nhello\r\n")
        mailboxes = [site.state / "mail" / name / "Maildir" / "new" for name in ("alice", "bob")]
        until(lambda: all(each.is_dir() and any(each.iterdir()) for each in mailboxes), "it was not delivered")
    assert site.logged("server.reloaded") == 1


def test_a_wrong_file_changes_nothing_and_is_told_with_its_line(site: Site, tmp_path: Path) -> None:
    with served(site.path, site.state, log=tmp_path / "errors") as server:
        site.write(hostname="new.test", size="2 MiB", more="recipents = 7\n")
        done = site.heloise("reload")
        assert done.returncode == 1
        assert 'heloise.toml:14: unknown key "recipents"' in done.stderr
        assert 'did you mean "recipients"?' in done.stderr
        assert greeting_and_size(server.port) == ("mx.test", str(1 << 20))
        assert site.logged("server.reload-refused") == 1
        site.path.write_text(site.path.read_text() + "this is no TOML")
        assert site.heloise("reload").returncode == 1
        assert site.logged("server.reload-refused") == 2
        assert greeting_and_size(server.port) == ("mx.test", str(1 << 20))


def test_what_a_file_names_is_read_before_anything_changes(site: Site, tmp_path: Path) -> None:
    users = tmp_path / "users"
    users.write_text("this is no line of a user\n")
    with served(site.path, site.state, log=tmp_path / "errors") as server:
        site.write(hostname="new.test", more=f'[auth]\nusers = "{users}"\n')
        done = site.heloise("reload")
        assert (done.returncode, "users:1" in done.stderr) == (1, True), done.stderr
        assert greeting_and_size(server.port)[0] == "mx.test"


def test_listeners_come_and_go_and_the_others_stay_open(site: Site, tmp_path: Path) -> None:
    port = free_port()
    with served(site.path, site.state, log=tmp_path / "errors") as server:
        site.write(listener=f'[[listener]]\naddress = "127.0.0.1:{port}"\n')
        assert site.heloise("reload").returncode == 0
        assert greeting_and_size(port)[0] == "mx.test"
        with smtplib.SMTP("127.0.0.1", port, timeout=SECONDS) as inside:
            inside.ehlo()
            site.write()
            done = site.heloise("reload")
            assert f'[[listener]] "127.0.0.1:{port}": is there no longer' in " ".join(done.stdout.split())
            assert refuses(port)
            assert inside.noop()[0] == 250
        assert greeting_and_size(server.port)[0] == "mx.test"


def test_an_address_that_is_taken_changes_nothing(site: Site, tmp_path: Path) -> None:
    with socket.socket() as other, served(site.path, site.state, log=tmp_path / "errors") as server:
        other.bind(("127.0.0.1", 0))
        other.listen()
        taken = other.getsockname()[1]
        site.write(hostname="new.test", listener=f'[[listener]]\naddress = "127.0.0.1:{taken}"\n')
        done = site.heloise("reload")
        assert done.returncode == 1
        assert f"heloise.toml:7: [listener] can not listen on 127.0.0.1:{taken}" in done.stderr
        assert greeting_and_size(server.port)[0] == "mx.test"


def test_an_address_may_take_the_place_of_one_that_is_in_its_way(site: Site, tmp_path: Path) -> None:
    port = free_port()
    site.path.write_text('run_as = "root"\n' + site.path.read_text())  # for a moment it is open to others
    with served(site.path, site.state, log=tmp_path / "errors"):
        site.write(listener=f'[[listener]]\naddress = "127.0.0.1:{port}"\n')
        assert site.heloise("reload").returncode == 0
        site.write(listener=f'[[listener]]\naddress = "0.0.0.0:{port}"\n')
        done = site.heloise("reload")
        assert done.returncode == 0, done.stderr
        with smtplib.SMTP("127.0.0.2", port, timeout=SECONDS) as client:
            assert client.noop()[0] == 250


def test_a_hang_up_signal_reloads(site: Site, tmp_path: Path) -> None:
    with served(site.path, site.state, log=tmp_path / "errors") as server:
        site.write(hostname="new.test")
        server.process.send_signal(signal.SIGHUP)
        site.until_logged("server.reloaded")
        assert greeting_and_size(server.port)[0] == "new.test"
        site.write(hostname="newer.test", more="wrong = 1\n")
        server.process.send_signal(signal.SIGHUP)
        site.until_logged("server.reload-refused")
        assert greeting_and_size(server.port)[0] == "new.test"


def test_a_process_that_dies_is_started_again_under_what_holds_and_not_under_a_wrong_file(tmp_path: Path) -> None:
    site = Site(tmp_path, 2)
    with served(site.path, site.state, log=tmp_path / "errors") as server:
        site.write(hostname="new.test")
        assert site.heloise("reload").returncode == 0
        site.path.write_text("nonsense")
        listed = Path(f"/proc/{server.process.pid}/task/{server.process.pid}/children").read_text().split()
        for pid in listed:
            os.kill(int(pid), signal.SIGKILL)
        site.until_logged("server.process-started", 2)
        assert {greeting_and_size(server.port)[0] for _ in range(8)} == {"new.test"}


def test_what_can_not_change_is_named_and_kept(site: Site, tmp_path: Path) -> None:
    with served(site.path, site.state, log=tmp_path / "errors") as server:
        text = site.path.read_text().replace('state = "state"', 'state = "elsewhere"')
        site.path.write_text(text.replace("mx.test", "new.test"))
        # Where the server is can not be told from this file, so a signal it is.
        server.process.send_signal(signal.SIGHUP)
        site.until_logged("server.reloaded")
        assert "kept=" in site.log.read_text()
        assert greeting_and_size(server.port)[0] == "new.test"
        assert server.waiting_messages() == 0
        assert not (tmp_path / "elsewhere").exists()


def test_check_tells_what_a_reload_would_change_and_changes_nothing(site: Site, tmp_path: Path) -> None:
    with served(site.path, site.state, log=tmp_path / "errors") as server:
        assert "would change nothing" in site.heloise("check", "--against-running").stdout
        site.write(hostname="new.test")
        told = site.heloise("check", "--against-running")
        assert told.returncode == 0
        assert 'hostname: "mx.test" → "new.test"' in " ".join(told.stdout.split())
        assert greeting_and_size(server.port)[0] == "mx.test"
    assert site.heloise("check", "--against-running").returncode == 3


def test_without_a_server_there_is_nothing_to_reload(tmp_path: Path) -> None:
    site = Site(tmp_path)
    done = site.heloise("reload")
    assert (done.returncode, "No server is running" in done.stderr) == (3, True)


def test_certificates_may_be_other_ones_in_files_of_the_same_name(tmp_path: Path) -> None:
    site = Site(tmp_path)
    first = Authority(tmp_path).issue("mx.test")
    more = f'[[tls.certificate]]\nchain = "{first.chain}"\nkey = "{first.key}"\n'
    with served(site.path, site.state, log=tmp_path / "errors") as server:
        site.write(more=more)
        assert site.heloise("reload").returncode == 0
        with smtplib.SMTP("127.0.0.1", server.port, timeout=SECONDS) as client:
            client.ehlo()
            assert client.has_extn("starttls")
        Path(first.key).write_text("no key")
        site.write(hostname="new.test", more=more)
        done = site.heloise("reload")
        assert (done.returncode, "heloise.toml:" in done.stderr) == (1, True), done.stderr
        assert greeting_and_size(server.port)[0] == "mx.test"


def test_the_log_goes_on_in_a_new_file_after_a_signal_and_after_a_reload(site: Site, tmp_path: Path) -> None:
    with served(site.path, site.state, log=tmp_path / "errors") as server:
        for number, turn in enumerate(("signal", "reload")):
            site.log.rename(tmp_path / f"log.{number}")
            if turn == "signal":
                server.process.send_signal(signal.SIGUSR1)
            else:
                assert site.heloise("reload").returncode == 0
            until(site.log.exists, "there is no new file")
            with smtplib.SMTP("127.0.0.1", server.port, timeout=SECONDS) as client:
                client.sendmail("a@client.test", ["alice@example.test"], "Subject: log\r\n\r\nhello\r\n")
            site.until_logged("message.accepted")


def test_a_second_signal_ends_a_stop_that_takes_long_and_loses_nothing(site: Site, tmp_path: Path) -> None:
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        route = f'[[route]]\ndomains = ["elsewhere.test"]\nto = "smtp:127.0.0.1:{silent.getsockname()[1]}"\n'
        site.write(more=route)
        with served(site.path, site.state, log=tmp_path / "errors") as server:
            with smtplib.SMTP("127.0.0.1", server.port, timeout=SECONDS) as client:
                client.sendmail("a@client.test", ["nobody@elsewhere.test"], "Subject: x\r\n\r\nhello\r\n")
            connection, _ = silent.accept()
            with connection:
                server.process.send_signal(signal.SIGTERM)
                site.until_logged("server.stopping")
                begun = time.monotonic()
                server.process.send_signal(signal.SIGTERM)
                assert server.process.wait(SECONDS) == 1
                assert time.monotonic() - begun < 10  # the attempt would have had 30
            site.until_logged("server.stopping-at-once")
    with served(site.path, site.state, log=tmp_path / "errors") as again:
        assert again.waiting_messages() == 1
