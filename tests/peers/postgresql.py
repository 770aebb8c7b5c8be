"""A PostgreSQL of its own: a fresh database on a Unix socket, no port, gone with the test."""

from __future__ import annotations

from collections.abc import Sequence

from tests.peers.jail import Peer
from tests.peers.require import require

_POSTGRES = 860
_PROGRAMS = "/usr/lib/postgresql/15/bin"
_DATA = "/srv/postgres"
_SOCKETS = "/run/postgresql"
_SETTINGS = (
    *("-c", "listen_addresses="),
    *("-c", f"unix_socket_directories={_SOCKETS}"),
    *("-c", "fsync=off"),
    *("-c", "shared_buffers=16MB"),
)
# It refuses to run as root.
_AS_POSTGRES = ("/usr/sbin/chroot", f"--userspec={_POSTGRES}:{_POSTGRES}", "/")


class PostgreSql(Peer):
    """A server of its own. `url` is the address of its database, as heloise writes it."""

    name = "postgresql"

    def __init__(self) -> None:
        super().__init__(require("postgresql"))
        self.jail.bind(_DATA, owner=_POSTGRES, group=_POSTGRES, mode=0o700)
        self._sockets = self.jail.bind(_SOCKETS, owner=_POSTGRES, group=_POSTGRES)

    @property
    def url(self) -> str:
        """Nobody is asked for a password."""
        return f"postgresql://postgres@/postgres?host={self._sockets}"

    def stop(self) -> None:
        """As in an accident: no connection is closed with a word."""
        self.jail.end()

    def start_again(self) -> None:
        """With what was in it."""
        self.jail.output.write_bytes(b"")
        self.jail.start(self._command)
        self.jail.wait(self.ready, "its being ready once more")

    def configure(self) -> Sequence[str]:
        """Make the database, which is lost with the test anyway: nothing is synced."""
        options = ("--auth=trust", "--username=postgres", "--encoding=UTF8", "--locale=C", "--no-sync")
        self.jail.prepare([*_AS_POSTGRES, f"{_PROGRAMS}/initdb", f"--pgdata={_DATA}", *options])
        return self._command

    @property
    def _command(self) -> Sequence[str]:
        return [*_AS_POSTGRES, f"{_PROGRAMS}/postgres", "-D", _DATA, *_SETTINGS]

    def ready(self) -> bool:
        """Does it take connections? Its socket is there before."""
        return "database system is ready to accept connections" in self.jail.output_text()

    def execute(self, statements: str) -> None:
        """Run SQL in it, as its owner."""
        self.jail.run([*_AS_POSTGRES, f"{_PROGRAMS}/psql", "-h", _SOCKETS, "-v", "ON_ERROR_STOP=1", "-c", statements])
