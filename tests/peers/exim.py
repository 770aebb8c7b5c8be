"""Exim: receiver with maildirs, relay to given next hops, or holder of all it accepts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tests.peers.jail import LOOPBACK, Mailboxes, Peer, wait_until, write_files
from tests.peers.require import require

_EXIM, _VMAIL = 805, 850

_CONFIGURATION = """\
{main}
begin acl
accept_all:
  accept
check_recipient:
  require verify = recipient
  accept

begin routers
{routers}
local:
  driver = accept
  domains = {local_domains}
  local_parts = {users}
  transport = maildir

begin transports
{transports}
maildir:
  driver = appendfile
  directory = /srv/mail/$local_part_data
  maildir_format
  create_directory
  user = vmail
  group = vmail

begin retry
* * F,1h,1s

begin authenticators
{authenticators}
"""

_ROUTER = """\
relay{number}:
  driver = manualroute
  domains = {domain}
  transport = relay{number}
  route_list = * {host} byname
  self = send
"""

_TRANSPORT = """\
relay{number}:
  driver = smtp
  port = {port}
  allow_localhost
{transport}
"""


class Exim(Peer):
    """An Exim instance of its own on a loopback port.

    relay: domain to next hop, as (host, port).
    local_domains: delivered into the maildirs of `users`; any other local part there is refused with 550.
    hold: accepts into the queue and delivers nothing.
    extra: options of the main section, over those written here.
    authenticators: the section of that name.
    transport: further options of the transport to all next hops.
    files: further files for /etc/exim4, by name.
    heavy: Debian's build that has more drivers (Cyrus SASL, Dovecot).
    """

    name = "exim"

    def __init__(
        self,
        *,
        relay: Mapping[str, tuple[str, int]] | None = None,
        local_domains: Collection[str] = (),
        users: Collection[str] = ("alice", "bob", "carol"),
        hold: bool = False,
        extra: Mapping[str, str] | None = None,
        authenticators: str = "",
        transport: str = "",
        files: Mapping[str, bytes] | None = None,
        heavy: bool = False,
    ) -> None:
        super().__init__(require("exim-heavy" if heavy else "exim"))
        self._relay = dict(relay or {})
        self._local_domains = list(local_domains)
        self._users = list(users)
        self._hold = hold
        self._extra = dict(extra or {})
        self._authenticators = authenticators
        self._transport = transport
        self._files = dict(files or {})
        self._etc = self.jail.bind("/etc/exim4")
        self._spool = self.jail.bind("/var/spool/exim4", owner=_EXIM, group=_EXIM, mode=0o750)
        self._logs = self.jail.bind("/var/log/exim4", owner=_EXIM, group=_EXIM, mode=0o750)
        self.mailboxes = Mailboxes(self.jail.bind("/srv/mail", owner=_VMAIL, group=_VMAIL))

    def configure(self) -> Sequence[str]:
        hops = list(enumerate(self._relay.items()))
        main = {**self._main(), **self._extra}
        text = _CONFIGURATION.format(
            main="".join(f"{key} = {value}\n" for key, value in main.items()),
            routers="".join(_ROUTER.format(number=n, domain=domain, host=host) for n, (domain, (host, _)) in hops),
            transports="".join(
                _TRANSPORT.format(number=n, port=port, transport=self._transport) for n, (_, (_, port)) in hops
            ),
            local_domains=" : ".join(self._local_domains),
            users=" : ".join(self._users),
            authenticators=self._authenticators,
        )
        write_files(self._etc, {"exim4.conf": text.encode(), **self._files})
        return ["/usr/sbin/exim4", "-bdf", *([] if self._hold else ["-q1s"])]

    def _main(self) -> dict[str, str]:
        return {
            "primary_hostname": "exim.test",
            "local_interfaces": LOOPBACK,
            "daemon_smtp_ports": str(self.port),
            "log_file_path": "/var/log/exim4/%slog",
            "acl_smtp_rcpt": "check_recipient",
            "acl_smtp_data": "accept_all",
            "acl_smtp_vrfy": "accept_all",
            "acl_smtp_expn": "accept_all",
            "acl_smtp_etrn": "accept_all",
            "dsn_advertise_hosts": "*",
            "tls_advertise_hosts": "",
            "rfc1413_query_timeout": "0s",
            "host_lookup": "",
            "keep_environment": "",
            # One machine plays all clients, and it may well be busy.
            "smtp_accept_max": "400",
            "smtp_accept_queue_per_connection": "0",
            "smtp_accept_max_per_connection": "0",
            "queue_run_max": "20",
            "queue_only": "true" if self._hold else "false",
            "split_spool_directory": "true",
        }

    def log_text(self) -> str:
        logs = sorted(self._logs.glob("*log"))
        return "".join(path.read_text(errors="replace") for path in logs) + super().log_text()

    @property
    def configuration(self) -> Path:
        """Where its configuration is, as seen from here."""
        return self._etc

    def maildir(self, user: str) -> Path:
        """The maildir of a local user."""
        return self.mailboxes.maildir(user)

    def queue_ids(self) -> set[str]:
        """The ids of all messages in the queue."""
        return {path.name[:-2] for path in (self._spool / "input").rglob("*-H")}

    def wait_for_queue(self, count: int, timeout: float = 20.0) -> set[str]:
        """The ids in the queue as soon as there are exactly `count`."""
        wait_until(lambda: len(self.queue_ids()) == count, f"{count} message(s) in the queue of Exim", timeout)
        return self.queue_ids()
