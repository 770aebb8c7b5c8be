"""Postfix: receiver with maildirs, relay to given next hops, or holder of all it accepts."""

from __future__ import annotations

import os
import stat
import time
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tests.peers.jail import LOOPBACK, Mailboxes, Peer, own, wait_until, write_files
from tests.peers.require import require

_POSTFIX, _POSTDROP, _VMAIL = 801, 802, 850

# Queue directories with a message in each file, named by the queue id.
_QUEUES = ("incoming", "active", "deferred", "hold", "corrupt")

_MASTER = """\
{listener} inet n - n - - smtpd
pickup unix n - n 60 1 pickup
cleanup unix n - n - 0 cleanup
qmgr unix n - n 300 1 qmgr
tlsmgr unix - - n 1000? 1 tlsmgr
rewrite unix - - n - - trivial-rewrite
bounce unix - - n - 0 bounce
defer unix - - n - 0 bounce
trace unix - - n - 0 bounce
verify unix - - n - 1 verify
flush unix n - n 1000? 0 flush
proxymap unix - - n - - proxymap
proxywrite unix - - n - 1 proxymap
smtp unix - - n - - smtp
relay unix - - n - - smtp
showq unix n - n - - showq
error unix - - n - - error
retry unix - - n - - error
discard unix - - n - - discard
virtual unix - n n - - virtual
lmtp unix - - n - - lmtp
anvil unix - - n - 1 anvil
scache unix - - n - 1 scache
postlog unix-dgram n - n - 1 postlogd
"""


class Postfix(Peer):
    """A Postfix instance of its own on a loopback port.

    relay: domain ("*" for all others) to next hop, as (host, port) or as a transport in Postfix's own words
        ("lmtp:inet:127.0.0.1:2424", "discard:", "error:5.1.2 no route").
    local_domains: delivered into the maildirs of `users`; any other local part there earns 550 5.1.1.
    hold: accepts into the hold queue and delivers nothing, so that `queue_ids` shows all it has acknowledged.
    extra: parameters for main.cf, over those written here.
    files: further files for /etc/postfix (certificates, tables), by name.
    """

    name = "postfix"

    def __init__(
        self,
        *,
        relay: Mapping[str, tuple[str, int] | str] | None = None,
        local_domains: Collection[str] = (),
        users: Collection[str] = ("alice", "bob", "carol"),
        hold: bool = False,
        extra: Mapping[str, str] | None = None,
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        super().__init__(require("postfix"))
        self._relay = dict(relay or {})
        self._local_domains = list(local_domains)
        self._users = list(users)
        self._hold = hold
        self._extra = dict(extra or {})
        self._files = dict(files or {})
        self._spool = self.jail.bind("/var/spool/postfix")
        self._etc = self.jail.bind("/etc/postfix")
        self._log_directory = self.jail.bind("/var/log")
        self.jail.bind("/var/lib/postfix", owner=_POSTFIX, group=_POSTFIX, mode=0o700)
        self.mailboxes = Mailboxes(self.jail.bind("/srv/mail", owner=_VMAIL, group=_VMAIL, mode=0o700))

    def configure(self) -> Sequence[str]:
        self._make_queue()
        self.jail.copy("/etc/postfix", self._etc)
        write_files(self._etc, self._files)
        addresses = [(user, domain) for domain in self._local_domains for user in self._users]
        self._table("transport", [(domain, _transport(hop)) for domain, hop in self._relay.items() if domain != "*"])
        self._table("mailboxes", [(f"{user}@{domain}", f"{user}/") for user, domain in addresses])
        parameters = {**self._parameters(), **self._extra}
        (self._etc / "main.cf").write_text("".join(f"{key} = {value}\n" for key, value in parameters.items()))
        (self._etc / "master.cf").write_text(_MASTER.format(listener=f"{LOOPBACK}:{self.port}"))
        # Postfix waits until a file it reads is two seconds old, for fear that it is still being written.
        past = time.time() - 60
        for path in self._etc.rglob("*"):
            os.utime(path, (past, past), follow_symlinks=False)
        return ["/usr/lib/postfix/sbin/master", "-s"]

    def _parameters(self) -> dict[str, str]:
        parameters = {
            "compatibility_level": "3.6",
            "myhostname": "postfix.test",
            "mydestination": "",
            "mynetworks": "127.0.0.0/8",
            "inet_interfaces": LOOPBACK,
            "inet_protocols": "ipv4",
            "smtp_dns_support_level": "disabled",
            "smtp_host_lookup": "native",
            "maillog_file": "/var/log/mail.log",
            "alias_maps": "",
            "alias_database": "",
            "biff": "no",
            "transport_maps": "texthash:/etc/postfix/transport",
            "relay_domains": " ".join(domain for domain in self._relay if domain != "*"),
            "default_transport": _transport(self._relay.get("*", "error:5.1.2 this Postfix has no route there")),
            "smtpd_relay_restrictions": "permit_mynetworks, reject_unauth_destination",
            "virtual_mailbox_domains": " ".join(self._local_domains),
            "virtual_mailbox_base": "/srv/mail",
            "virtual_mailbox_maps": "texthash:/etc/postfix/mailboxes",
            "virtual_uid_maps": f"static:{_VMAIL}",
            "virtual_gid_maps": f"static:{_VMAIL}",
            "recipient_delimiter": "+",
            # One machine plays all clients, so limits for each client would meet the whole test.
            "default_process_limit": "300",
            "smtpd_client_connection_count_limit": "0",
            # Quick enough that a test sees a second attempt.
            "queue_run_delay": "1s",
            "minimal_backoff_time": "1s",
            "maximal_backoff_time": "5s",
        }
        if self._hold:
            parameters["smtpd_recipient_restrictions"] = "check_client_access static:HOLD"
        return parameters

    def _make_queue(self) -> None:
        """What `postfix set-permissions` would make: the package's maintainer script did not run."""
        for name in (*_QUEUES, "bounce", "defer", "flush", "private", "saved", "trace"):
            (self._spool / name).mkdir()
            own(self._spool / name, _POSTFIX, 0, 0o700)
        for name, mode in (("maildrop", 0o1730), ("public", 0o2710)):
            (self._spool / name).mkdir()
            own(self._spool / name, _POSTFIX, _POSTDROP, mode)
        (self._spool / "pid").mkdir()

    def _table(self, name: str, rows: Sequence[tuple[str, str]]) -> None:
        (self._etc / name).write_text("".join(f"{key} {value}\n" for key, value in rows))

    def log_text(self) -> str:
        path = self._log_directory / "mail.log"
        return (path.read_text(errors="replace") if path.exists() else "") + super().log_text()

    @property
    def configuration(self) -> Path:
        """Where main.cf, master.cf and the tables are, as seen from here."""
        return self._etc

    def maildir(self, user: str) -> Path:
        """The maildir of a local user."""
        return self.mailboxes.maildir(user)

    def queue_ids(self) -> set[str]:
        """The ids of all messages in the queue, held, deferred or under way.

        Read off the queue's file names. A message moves between the queue directories while they are read, so one
        reading may miss it: wait for a number with `wait_for_queue`. A file may be executed as soon as it is whole;
        one with a dot in its name has no id yet.
        """
        found: set[str] = set()
        for queue in _QUEUES:
            for directory, _, files in os.walk(self._spool / queue):
                found.update(name for name in files if "." not in name and _is_whole(Path(directory) / name))
        return found

    def wait_for_queue(self, count: int, timeout: float = 20.0) -> set[str]:
        """The ids in the queue as soon as there are exactly `count` (0: everything went on its way)."""

        def reached() -> tuple[set[str]] | None:
            found = self.queue_ids()
            return (found,) if len(found) == count else None

        found = wait_until(reached, f"{count} message(s) in the queue of Postfix", timeout)
        assert found is not None
        return found[0]

    def flush(self) -> None:
        """Ask for an attempt at every deferred message now."""
        self.jail.run(["/usr/sbin/postqueue", "-f"])

    def release(self) -> None:
        """Let all held mail go on its way."""
        self.jail.run(["/usr/sbin/postsuper", "-H", "ALL"])


def _is_whole(file: Path) -> bool:
    try:
        return bool(file.stat().st_mode & stat.S_IXUSR)
    except FileNotFoundError:  # it has moved on
        return False


def _transport(hop: tuple[str, int] | str) -> str:
    if isinstance(hop, str):
        return hop
    host, port = hop
    return f"smtp:[{host}]:{port}"
