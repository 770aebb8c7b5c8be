"""A foreign server in mount and process namespaces of its own, chrooted into the root made by scripts/install-peers.

A mail server has its paths compiled in (/etc/postfix, /var/spool/mqueue); here each instance gets its own directories
bound to those paths, so any number of instances run beside each other and beside a mail server of the machine. The
namespaces end with their first process, and with them every process and every mount: nothing can be left over, not
even when the test run itself is killed.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Self, TypeVar

T = TypeVar("T")

LOOPBACK = "127.0.0.1"
START_DEADLINE = 20.0
STOP_DEADLINE = 10.0
POLL = 0.01

# The first process of the namespaces: mounts what the server needs, starts it and reaps what it leaves behind.
# $1 is the root; then pairs of host path and path in the root up to "--"; then the command.
_INIT = r"""
set -e
root=$1; shift
mount -t tmpfs -o mode=755 none "$root/dev"
for device in null zero full random urandom tty; do
    : >"$root/dev/$device"; mount --bind "/dev/$device" "$root/dev/$device"
done
ln -s /proc/self/fd "$root/dev/fd"
mount -t proc proc "$root/proc"
mount -t tmpfs -o mode=755 none "$root/run"
mkdir -m 1777 "$root/run/lock"
while [ "$1" != -- ]; do
    if [ -d "$1" ]; then mkdir -p "$root$2"; else : >"$root$2"; fi
    mount --bind "$1" "$root$2"
    shift 2
done
shift
set +e
chroot "$root" "$@" &
server=$!
trap 'kill -TERM $server' TERM
wait $server
status=$?
while kill -0 $server 2>/dev/null; do wait $server; status=$?; done
exit $status
"""


class PeerError(RuntimeError):
    """The peer did not start, or did not get as far as it had to in the time it had."""


def wait_until(condition: Callable[[], T], what: str, timeout: float, poll: float = POLL) -> T:
    """The first true value of `condition`; a foreign process gives no event to wait for, so it is asked again."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        if time.monotonic() > deadline:
            raise PeerError(f"not within {timeout:g} s: {what}")
        time.sleep(poll)
    return value


def free_port() -> int:
    """A loopback port nobody listens on, below the range from which the kernel takes ports for outgoing connections.

    A port from that range could be taken by any client between this call and the server's own bind. What this call
    gives belongs to the process that asked until it ends: tests that run at the same time never get the same one.
    """
    for _ in range(1000):
        port = random.randrange(20000, 32000)
        if not _reserve(port):
            continue
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind((LOOPBACK, port))
            return port
    raise PeerError("no free loopback port between 20000 and 32000")


def _reserve(port: int) -> bool:
    """Lock the port against other processes; the kernel unlocks it when this one is gone."""
    directory = Path(tempfile.gettempdir()) / f"heloise-ports-{os.getuid()}"
    directory.mkdir(exist_ok=True)
    descriptor = os.open(directory / str(port), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:  # by this process too: a lock belongs to its descriptor
        os.close(descriptor)
        return False
    return True


def greeting(port: int, timeout: float = 2.0) -> bytes:
    """The greeting line of whoever listens on `port`; empty if nobody does, or if it says nothing in time."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=timeout) as link, link.makefile("rb") as stream:
            line = stream.readline(4096)
            # Leave as a client does, so that the peer has no lost connection in its log.
            link.sendall(b"QUIT\r\n")
            stream.read()
            return line
    except OSError:
        return b""


class _Syslog:
    """Takes the datagrams that the C library's syslog() sends to /dev/log and appends them to a file."""

    def __init__(self, path: Path, log: Path) -> None:
        self._log = log
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(str(path))
        os.chmod(path, 0o666)
        self._thread = threading.Thread(target=self._receive, name="peer-syslog", daemon=True)
        self._thread.start()

    def _receive(self) -> None:
        with self._log.open("ab", buffering=0) as log:
            while datagram := self._socket.recv(65536):
                log.write(datagram.rstrip(b"\n\0") + b"\n")

    def close(self) -> None:
        # An empty datagram ends the thread; closing the socket under it would not wake it.
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end, contextlib.suppress(OSError):
            end.connect(self._socket.getsockname())
            end.send(b"")
        self._thread.join(STOP_DEADLINE)
        self._socket.close()


class Jail:
    """One running server: its own directories, its own namespaces, one command in the foreground.

    `directory` is the instance's temporary directory. What is added with `bind` appears in the jail at the given path.
    The parent-death signal that guards the processes belongs to the starting *thread*: start a peer from a thread that
    outlives it.
    """

    def __init__(self, root: Path, name: str) -> None:
        self._root = root
        self.name = name
        self.directory = Path(tempfile.mkdtemp(prefix=f"peer-{name}-"))
        os.chmod(self.directory, 0o755)
        self.output = self.directory / "output.log"
        self.syslog = self.directory / "syslog.log"
        self._binds: dict[str, Path] = {}
        self._process: subprocess.Popen[bytes] | None = None
        self._init = 0
        self._log = _Syslog(self.directory / "log.socket", self.syslog)
        self._binds["/dev/log"] = self.directory / "log.socket"
        self.bind("/tmp", mode=0o1777)

    def bind(self, path: str, *, owner: int = 0, group: int = 0, mode: int = 0o755) -> Path:
        """Make a directory of this instance that the jail sees at `path`."""
        host = self.directory / path.strip("/").replace("/", "-")
        host.mkdir()
        self._binds[path] = host
        own(host, owner, group, mode)
        return host

    def copy(self, path: str, host: Path) -> None:
        """Fill a bound directory with what the package brings at `path`."""
        shutil.copytree(self._root / path.strip("/"), host, symlinks=True, dirs_exist_ok=True)

    @property
    def pid(self) -> int:
        """The process above all of the server's; its descendants are the server's whole process tree."""
        if self._process is None:
            raise PeerError(f"{self.name} is not running")
        return self._process.pid

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> None:
        """Start `command` in the jail, in the foreground."""
        pairs = [part for path, host in self._binds.items() for part in (str(host), path)]
        with self.output.open("ab") as output:
            self._process = subprocess.Popen(
                [
                    *("setpriv", "--pdeathsig", "KILL"),
                    *("unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--propagation", "private"),
                    *("sh", "-c", _INIT, "init", str(self._root), *pairs, "--", *command),
                ],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C", "TZ": "UTC", **(environment or {})},
                start_new_session=True,
            )
        self._init = self.wait(self._first_process, "its first process")

    def _first_process(self) -> int:
        children = Path(f"/proc/{self.pid}/task/{self.pid}/children")
        with contextlib.suppress(OSError):
            return int((children.read_text().split() or ["0"])[0])
        return 0

    def run(self, command: Sequence[str], *, stdin: bytes = b"", timeout: float = 20.0) -> bytes:
        """Run a further command inside the running jail (a queue listing, say) and return its output."""
        done = subprocess.run(
            ["nsenter", f"--target={self._init}", "--mount", "--pid", "chroot", str(self._root), *command],
            input=stdin,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=timeout,
            check=False,
        )
        if done.returncode:
            raise PeerError(f"{self.name}: {' '.join(command)} failed: {done.stdout.decode(errors='replace')}")
        return done.stdout

    def prepare(self, command: Sequence[str], timeout: float = 60.0) -> None:
        """Run `command` to its end in the jail's directories, before the server starts (to build a table, say)."""
        self.start(command)
        assert self._process is not None
        try:
            status = self._process.wait(timeout)
        except subprocess.TimeoutExpired:
            self.end()
            raise PeerError(f"{self.name}: {' '.join(command)} did not end in {timeout:g} s") from None
        if status:
            raise PeerError(f"{self.name}: {' '.join(command)} failed: {self.output.read_text(errors='replace')}")

    def wait(self, condition: Callable[[], T], what: str, timeout: float = START_DEADLINE) -> T:
        """Wait for `condition`, but no longer than the server lives; a failure shows what the server said."""

        def asked() -> T:
            value = condition()
            if not value and not self.running:
                raise PeerError(f"{self.name} ended while waiting for {what}")
            return value

        try:
            return wait_until(asked, what, timeout)
        except PeerError as error:
            raise PeerError(f"{self.name}: {error}\n{self.output_text()}") from None

    def output_text(self) -> str:
        """What the server wrote to its standard output and to syslog."""
        files = [path for path in (self.output, self.syslog) if path.exists()]
        return "".join(path.read_text(errors="replace") for path in files)

    def end(self) -> None:
        """Stop the server and all it started: asked first, then killed."""
        if self._process is None:
            return
        for signal_number in (signal.SIGTERM, signal.SIGKILL):
            if self._process.poll() is None:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(self._init or self._process.pid, signal_number)
            try:
                self._process.wait(STOP_DEADLINE)
                break
            except subprocess.TimeoutExpired:
                continue
        self._process = None

    def remove(self) -> None:
        """Remove the instance's directories."""
        self._log.close()
        shutil.rmtree(self.directory, ignore_errors=True)


def own(path: Path, owner: int, group: int, mode: int) -> None:
    """Give `path` to a user of the jail, as the package's own installation would."""
    os.chown(path, owner, group)
    os.chmod(path, mode)


def write_files(directory: Path, files: Mapping[str, bytes]) -> None:
    """Further files for a configuration directory, by their names in it."""
    for name, content in files.items():
        path = directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)


class Peer:
    """A real mail server as a context manager: started on entry, stopped and swept away on exit."""

    name: str
    start_time = START_DEADLINE  # seconds it may take to greet

    def __init__(self, root: Path) -> None:
        self.port = free_port()
        self.jail = Jail(root, self.name)

    @property
    def pid(self) -> int:
        """The process above all of the server's processes."""
        return self.jail.pid

    def configure(self) -> Sequence[str]:
        """Write the configuration; return the command that runs the server in the foreground."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Does the server greet?"""
        return greeting(self.port).startswith(b"220")

    def started(self) -> None:
        """What is to be done once the server greets."""

    def log_text(self) -> str:
        """Everything the server logged so far."""
        return self.jail.output_text()

    def __enter__(self) -> Self:
        try:
            self.jail.start(self.configure())
            self.jail.wait(self.ready, f"a greeting on port {self.port}", self.start_time)
            self.started()
        except BaseException as error:
            log = self.log_text()
            self.__exit__()
            if isinstance(error, PeerError) and log not in str(error):
                raise PeerError(f"{error}\n{log}") from None
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        self.jail.end()
        self.jail.remove()


class Mailboxes:
    """Messages delivered into maildirs below one directory, one maildir for each user."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    def maildir(self, user: str) -> Path:
        return self._directory / user

    def messages(self, user: str) -> list[bytes]:
        """The messages of `user`, in the order of their file names (time of delivery first)."""
        found = [path for folder in ("new", "cur") for path in (self.maildir(user) / folder).glob("*")]
        return [path.read_bytes() for path in sorted(found, key=lambda path: path.name)]

    def wait_for_messages(self, user: str, count: int = 1, timeout: float = 20.0) -> list[bytes]:
        """The messages of `user`, as soon as there are `count` of them."""

        def arrived() -> list[bytes]:
            found = self.messages(user)
            return found if len(found) >= count else []

        return wait_until(arrived, f"{count} message(s) for {user}, {len(self.messages(user))} there", timeout)
