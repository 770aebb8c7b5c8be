"""A service manager, played: sockets are handed over, notifications come; and root is given up for good."""

import asyncio
import os
import pwd
import random
import selectors
import shutil
import signal
import smtplib
import socket
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from heloise.app.server.placing import match_handed
from heloise.app.server.watchdog import watched
from heloise.config import ConfigError, parse_configuration
from heloise.net.service_manager import HandedSocket, ServiceManager, handed_sockets
from tests.certificates import Authority
from tests.serving import PROGRAM

SECONDS = 30.0  # a deadline, not a wait
processes = pytest.mark.parametrize("processes", [1, 2])


def configuration(address: str, count: int, more: str = "", top: str = "") -> str:
    return (
        f'{top}hostname = "mx.test"\nstate = "state"\nprocesses = {count}\n[[listener]]\naddress = "{address}"\n{more}'
        '[local]\ndomains = ["example.test"]\n[[user]]\nname = "alice"\n'
    )


class Manager:
    """Listens for notifications."""

    def __init__(self, directory: Path) -> None:
        self.path = str(directory / "notify")
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.path)
        os.chmod(self.path, 0o777)
        self._socket.settimeout(SECONDS)
        self.heard: list[str] = []

    def until(self, wanted: str) -> str:
        """Wait for a notification with this in it."""
        while True:
            said = self._socket.recv(4096).decode()
            self.heard += said.splitlines()
            if wanted in said.splitlines():
                return said

    def close(self) -> None:
        self._socket.close()


@contextmanager
def service(
    directory: Path,
    text: str,
    *,
    sockets: dict[str, socket.socket] | None = None,
    passable: str = "",
    **environment: str,
) -> "Iterator[subprocess.Popen[str]]":
    """A server that was started as systemd does; it says on standard output when it is ready."""
    (directory / "heloise.toml").write_text(text)
    sockets = sockets or {}
    # Shells have one digit for descriptors that are moved; 3 is the first, as sd_listen_fds(3) says.
    moves = " ".join(f"exec {3 + number}<&{each.fileno()};" for number, each in enumerate(sockets.values()))
    told = f"export LISTEN_PID=$$ LISTEN_FDS={len(sockets)} LISTEN_FDNAMES={':'.join(sockets)};" if sockets else ""
    command = f"{passable}{moves} {told} exec {PROGRAM} serve -c {directory}/heloise.toml"
    process = subprocess.Popen(
        ["unshare", "--mount", "bash", "-c", command] if passable else ["bash", "-c", command],
        stdout=subprocess.PIPE,
        stderr=(directory / "errors").open("w"),
        text=True,
        pass_fds=[each.fileno() for each in sockets.values()],
        env={**os.environ, **environment},
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(SECONDS)


def ready(process: "subprocess.Popen[str]", directory: Path) -> None:
    assert process.stdout is not None
    with selectors.DefaultSelector() as selector:
        selector.register(process.stdout, selectors.EVENT_READ)
        assert selector.select(SECONDS)
    line = process.stdout.readline()
    assert line.startswith("ready"), (directory / "errors").read_text()


def send(address: tuple[str, int]) -> None:
    with smtplib.SMTP(*address, timeout=SECONDS) as client:
        client.sendmail("a@client.test", ["alice@example.test"], "Subject: x\r\n\r\nhello\r\n")


def until(holds: Callable[[], bool], what: str) -> None:
    deadline = time.monotonic() + SECONDS
    while not holds():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


def listening(host: str = "127.0.0.1", family: int = socket.AF_INET) -> socket.socket:
    made = socket.socket(family)
    made.bind((host, 0))
    made.listen()
    return made


@pytest.mark.slow
@processes
def test_sockets_are_taken_over_by_address_and_by_name(tmp_path: Path, processes: int) -> None:
    with closing(listening()) as first, closing(listening()) as second:
        port = first.getsockname()[1]
        more = '[[listener]]\naddress = "127.0.0.1:1"\nsocket = "other"\n'
        text = configuration(f"127.0.0.1:{port}", processes, more)
        with service(tmp_path, text, sockets={"smtp": first, "other": second}) as process:
            # A connection made before the server stands waits for it.
            ready(process, tmp_path)
            for _ in range(4):
                send(("127.0.0.1", port))
                send(("127.0.0.1", second.getsockname()[1]))


@pytest.mark.slow
def test_a_connection_waits_for_a_server_that_is_being_started(tmp_path: Path) -> None:
    with closing(listening()) as handed:
        address = ("127.0.0.1", handed.getsockname()[1])
        text = configuration(f"127.0.0.1:{address[1]}", 1)
        with (
            socket.create_connection(address, timeout=SECONDS) as early,
            service(tmp_path, text, sockets={"smtp": handed}),
        ):
            assert early.recv(4096).startswith(b"220 mx.test")


@pytest.mark.slow
def test_an_ipv4_client_on_a_socket_for_both_is_known_by_its_own_address(tmp_path: Path) -> None:
    with closing(socket.socket(socket.AF_INET6)) as both:
        both.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0)
        both.bind(("::", 0))
        both.listen()
        port = both.getsockname()[1]
        with service(
            tmp_path, configuration(f"[::]:{port}", 1, top='run_as = "root"\n'), sockets={"smtp": both}
        ) as process:
            ready(process, tmp_path)
            send(("127.0.0.1", port))
        assert "peer=127.0.0.1" in (tmp_path / "errors").read_text()


@pytest.mark.slow
def test_a_socket_that_is_for_no_listener_is_an_error(tmp_path: Path) -> None:
    with closing(listening()) as handed:
        with service(tmp_path, configuration("127.0.0.1:0", 1), sockets={"web": handed}) as process:
            assert process.wait(SECONDS) == 1
        assert 'hands over the socket "web"' in (tmp_path / "errors").read_text()


def test_sockets_of_others_are_left_alone() -> None:
    environment = {"LISTEN_PID": "1", "LISTEN_FDS": "2", "LISTEN_FDNAMES": "a:b", "HOME": "/"}
    assert handed_sockets(environment) == []
    assert environment == {"HOME": "/"}


def test_a_listener_that_names_a_socket_gets_no_other() -> None:
    with closing(listening()) as made:
        text = configuration("127.0.0.1:25", 1, 'socket = "smpt"\n')
        with pytest.raises(ConfigError, match='called "smpt"; did you mean "smtp"'):
            match_handed(parse_configuration(text, directory="/d"), [HandedSocket("smtp", made)])


@pytest.mark.slow
@processes
def test_the_manager_is_told_of_start_reload_and_stop(tmp_path: Path, processes: int) -> None:
    with closing(Manager(tmp_path)) as manager:
        text = configuration("127.0.0.1:0", processes)
        with service(tmp_path, text, NOTIFY_SOCKET=manager.path, WATCHDOG_USEC="400000") as process:
            manager.until("READY=1")
            manager.until("WATCHDOG=1")
            (tmp_path / "heloise.toml").write_text(text.replace("mx.test", "new.test"))
            process.send_signal(signal.SIGHUP)
            assert "MONOTONIC_USEC=" in manager.until("RELOADING=1")
            assert "STATUS=Reloaded" in manager.until("READY=1")
            (tmp_path / "heloise.toml").write_text("wrong")
            process.send_signal(signal.SIGHUP)
            manager.until("RELOADING=1")
            assert "refused" in manager.until("READY=1")
            process.terminate()
            manager.until("STOPPING=1")
            assert process.wait(SECONDS) == 0


def test_there_is_no_sign_of_life_when_the_server_does_not_answer(tmp_path: Path) -> None:
    async def hangs() -> bool:
        await asyncio.Event().wait()
        return True

    async def answers() -> bool:
        return True

    async def run() -> None:
        with closing(Manager(tmp_path)) as manager:
            made = ServiceManager({"NOTIFY_SOCKET": manager.path, "WATCHDOG_USEC": "20000"})
            async with watched(made, hangs):
                await asyncio.sleep(0.1)
            made.ready("it is over")
            await asyncio.to_thread(manager.until, "READY=1")
            assert "WATCHDOG=1" not in manager.heard
            async with watched(made, answers):
                await asyncio.to_thread(manager.until, "WATCHDOG=1")

    asyncio.run(run())


# Privileges


@pytest.fixture
def common() -> Iterator[Path]:
    """A directory that every user may pass through; those of pytest only its own user."""
    directory = Path(tempfile.mkdtemp(prefix="heloise-"))
    directory.chmod(0o755)
    yield directory
    shutil.rmtree(directory)


def passable() -> str:
    """Lets every user reach this Python, should it be in the home of root: commands for a mount namespace."""
    home = next(
        (each for each in reversed(Path(sys.base_prefix).parents) if not each.stat().st_mode & stat.S_IXOTH), None
    )
    if home is None:
        return ""
    python, aside = sys.base_prefix, "/mnt"
    return (
        f"set -e; mount --bind {python} {aside}; mount -t tmpfs -o mode=755 none {home}; mkdir -p {python};"
        f" mount --bind {aside} {python}; umount {aside}; "
    )


def require_root() -> None:
    assert os.geteuid() == 0, "these tests give up root, and so need it first"


def low_port() -> int:
    for _ in range(100):
        port = random.randrange(512, 1024)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
    raise AssertionError("no port below 1024 is free")


def status(pid: int) -> dict[str, str]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def family(pid: int) -> list[int]:
    return [pid, *map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split())]


@pytest.mark.slow
@processes
def test_a_low_port_is_bound_as_root_and_served_as_somebody_else(common: Path, processes: int) -> None:
    require_root()
    port, nobody = low_port(), pwd.getpwnam("nobody")
    text = configuration(f"127.0.0.1:{port}", processes, top='run_as = "nobody"\n')
    with service(common, text, passable=passable()) as process:
        ready(process, common)
        for pid in family(process.pid):
            found = status(pid)
            assert set(found["Uid"].split()) == {str(nobody.pw_uid)}
            assert set(found["Gid"].split()) == {str(nobody.pw_gid)}
            assert set(found["Groups"].split()) <= {str(nobody.pw_gid)}
            assert int(found["CapEff"], 16) == 0
        for _ in range(6):
            send(("127.0.0.1", port))
        new = common / "state" / "mail" / "alice" / "Maildir" / "new"
        until(lambda: new.is_dir() and len(list(new.iterdir())) == 6, "it was not delivered")
        assert (common / "state").stat().st_uid == nobody.pw_uid
        assert stat.S_IMODE((common / "state").stat().st_mode) == 0o700
        process.send_signal(signal.SIGHUP)
        until(lambda: "server.reloaded" in (common / "errors").read_text(), "it was not reloaded")
        send(("127.0.0.1", port))


@pytest.mark.slow
def test_a_process_that_dies_has_its_low_port_again(common: Path) -> None:
    require_root()
    port = low_port()
    with service(
        common, configuration(f"127.0.0.1:{port}", 2, top='run_as = "nobody"\n'), passable=passable()
    ) as process:
        ready(process, common)
        for pid in family(process.pid)[1:]:
            os.kill(pid, signal.SIGKILL)
        until(lambda: (common / "errors").read_text().count("server.process-started") == 2, "not started again")
        for _ in range(6):
            send(("127.0.0.1", port))


@pytest.mark.slow
def test_a_key_that_only_root_can_read_is_told_with_its_line(common: Path) -> None:
    require_root()
    files = Authority(common).issue("mx.test")
    Path(files.key).chmod(0o600)
    tls = f'[[tls.certificate]]\nchain = "{files.chain}"\nkey = "{files.key}"\n'
    text = configuration("127.0.0.1:0", 1, top='run_as = "nobody"\n') + tls
    with service(common, text, passable=passable()) as process:
        assert process.wait(SECONDS) == 1
    said = (common / "errors").read_text()
    assert "heloise.toml:13:" in said
    assert "it is read as the user nobody" in said


@pytest.mark.slow
def test_a_state_directory_of_root_is_not_given_away_with_what_is_in_it(common: Path) -> None:
    require_root()
    (common / "state" / "queue").mkdir(parents=True)
    with service(common, configuration("127.0.0.1:0", 1, top='run_as = "nobody"\n'), passable=passable()) as process:
        assert process.wait(SECONDS) == 1
    assert "chown -R nobody" in (common / "errors").read_text()


@pytest.mark.slow
def test_root_serves_others_only_when_that_is_written(tmp_path: Path) -> None:
    require_root()
    with service(tmp_path, configuration("0.0.0.0:0", 1)) as process:
        assert process.wait(SECONDS) == 1
    assert (
        'heloise.toml:5: [listener] this would serve as root at 0.0.0.0:0; write run_as = "…"'
        in (tmp_path / "errors").read_text()
    )
    with service(tmp_path, configuration("0.0.0.0:0", 1, top='run_as = "root"\n')) as process:
        ready(process, tmp_path)
    assert "server.runs-as-root" in (tmp_path / "errors").read_text()


@pytest.mark.slow
def test_a_user_that_is_not_there_is_told(tmp_path: Path) -> None:
    with service(tmp_path, configuration("127.0.0.1:0", 1, top='run_as = "no-such-user"\n')) as process:
        assert process.wait(SECONDS) == 1
    assert 'heloise.toml:1: there is no user "no-such-user"' in (tmp_path / "errors").read_text()


# The files for systemd

UNITS = Path(__file__).parents[2] / "deploy"


@pytest.mark.slow
def test_systemd_understands_the_units_and_finds_them_well_protected(tmp_path: Path) -> None:
    analyze = shutil.which("systemd-analyze")
    assert analyze is not None, "systemd-analyze is not installed (package systemd)"
    for name in ("heloise.service", "heloise.socket"):
        # Where the program is belongs to the machine it is installed on.
        text = (UNITS / name).read_text().replace("/usr/local/bin/heloise", PROGRAM)
        (tmp_path / name).write_text(text)
    paths = [str(tmp_path / name) for name in ("heloise.service", "heloise.socket")]
    verified = subprocess.run([analyze, "verify", "--man=no", *paths], capture_output=True, text=True, check=False)
    complaints = [line for line in verified.stderr.splitlines() if "heloise" in line]
    assert complaints == []
    looked = subprocess.run(
        [analyze, "security", "--offline=true", "--threshold=20", paths[0]], capture_output=True, text=True, check=False
    )
    assert looked.returncode == 0, looked.stdout
