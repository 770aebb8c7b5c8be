"""sendmail: receiver with maildirs and aliases, relay to given next hops, or holder of all it accepts.

The peer for what others no longer have: EXPN of lists, VERB, and ETRN as its own manual means it.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tests.peers.jail import Mailboxes, Peer, wait_until, write_files
from tests.peers.require import require

_VMAIL = 850

_CONFIGURATION = """\
include(`/usr/share/sendmail/cf/m4/cf.m4')dnl
OSTYPE(`debian')dnl
define(`confDOMAIN_NAME', `sendmail.test')dnl
define(`confPID_FILE', `/run/sendmail.pid')dnl
define(`confSERVICE_SWITCH_FILE', `/etc/mail/service.switch-nodns')dnl
define(`confPRIVACY_FLAGS', `{privacy}')dnl
define(`confDELIVERY_MODE', `{delivery_mode}')dnl
define(`confBIND_OPTS', `')dnl
define(`confDONT_PROBE_INTERFACES', `True')dnl
define(`confTO_IDENT', `0')dnl
define(`confQUEUE_LA', `9999')dnl
define(`confREFUSE_LA', `9999')dnl
define(`confDELAY_LA', `0')dnl
define(`confMIN_QUEUE_AGE', `0')dnl
define(`confDEF_USER_ID', `850:850')dnl
define(`LOCAL_MAILER_PATH', `/etc/mail/deliver')dnl
define(`LOCAL_MAILER_ARGS', `deliver $u')dnl
MODIFY_MAILER_FLAGS(`LOCAL', `-w')dnl
FEATURE(`no_default_msa')dnl
FEATURE(`nocanonify')dnl
FEATURE(`accept_unresolvable_domains')dnl
FEATURE(`mailertable', `hash -o /etc/mail/mailertable.db')dnl
FEATURE(`virtusertable', `hash -o /etc/mail/virtusertable.db')dnl
VIRTUSER_DOMAIN_FILE(`/etc/mail/local-domains')dnl
DAEMON_OPTIONS(`Family=inet, Name=MTA, Addr=127.0.0.1, Port={port}{daemon}')dnl
{extra}
MAILER(`local')dnl
MAILER(`smtp')dnl
MAILER_DEFINITIONS
{mailers}
"""

# As the `relay' mailer of cf/mailer/smtp.m4, with a port of its own: a mailertable entry can not name one.
_MAILER = (
    "Mpeer{port},\tP=[IPC], F=mDFMuXa8k, S=EnvFromSMTP/HdrFromSMTP, R=EnvToSMTP, E=\\r\\n, L=2040,\n"
    "\t\tT=DNS/RFC822/SMTP, A=TCP $h {port}"
)

# A maildir for each user: first written aside, then moved in, as maildirs are read while they are written.
_DELIVER = """\
#!/bin/sh
box=/srv/mail/$1
mkdir -p "$box/tmp" "$box/new" "$box/cur" || exit 75
name=$(date +%s.%N).$$
cat >"$box/tmp/$name" && mv "$box/tmp/$name" "$box/new/$name" || exit 75
"""


_BUILD = """\
set -e
cd /etc/mail
m4 sendmail.mc >sendmail.cf
for table in mailertable virtusertable "$@"; do /usr/libexec/sendmail/makemap hash $table <$table; done
/usr/libexec/sendmail/sendmail -bi
"""


class Sendmail(Peer):
    """A sendmail instance of its own on a loopback port.

    relay: domain to next hop.
    local_domains: delivered into the maildirs of `users`; any other local part there earns 550 5.1.1.
    aliases: local part to the right-hand side of an alias; they are addresses in every local domain too.
    hold: accepts into the queue and delivers nothing.
    privacy: sendmail's PrivacyOptions ("noexpn,noetrn,noverb"); by default it tells all it knows.
    extra: further lines of m4 for sendmail.mc.
    daemon: further options of its listener ("M=a": who logs in).
    files: further files for /etc/mail, by name.
    tables: those of them that become databases.
    secrets: those of them that nobody else may read.
    """

    name = "sendmail"

    def __init__(
        self,
        *,
        relay: Mapping[str, tuple[str, int]] | None = None,
        local_domains: Collection[str] = (),
        users: Collection[str] = ("alice", "bob", "carol"),
        aliases: Mapping[str, str] | None = None,
        hold: bool = False,
        privacy: str = "",
        extra: str = "",
        daemon: str = "",
        files: Mapping[str, bytes] | None = None,
        tables: Collection[str] = (),
        secrets: Collection[str] = (),
    ) -> None:
        super().__init__(require("sendmail"))
        self._relay = dict(relay or {})
        self._local_domains = list(local_domains)
        self._users = list(users)
        self._aliases = dict(aliases or {})
        self._hold = hold
        self._privacy = privacy
        self._extra = extra
        self._daemon = f", {daemon}" if daemon else ""
        self._files = dict(files or {})
        self._databases = list(tables)
        self._secrets = list(secrets)
        self._etc = self.jail.bind("/etc/mail")
        self._queue = self.jail.bind("/var/spool/mqueue", mode=0o700)
        (self.jail.bind("/var/lib/sendmail") / "host_status").mkdir(mode=0o700)
        self.mailboxes = Mailboxes(self.jail.bind("/srv/mail", owner=_VMAIL, group=_VMAIL))

    def configure(self) -> Sequence[str]:
        self.jail.copy("/etc/mail", self._etc)
        known = [*self._users, *self._aliases]
        tables = {
            "mailertable": [f"{domain} peer{port}:[{host}]" for domain, (host, port) in self._relay.items()],
            "virtusertable": [
                *(f"{name}@{domain} {name}" for domain in self._local_domains for name in known),
                *(f"@{domain} error:nouser 550 5.1.1 User unknown" for domain in self._local_domains),
            ],
            "local-domains": self._local_domains,
            "aliases": ["postmaster: root", "root: /dev/null", *(f"{k}: {v}" for k, v in self._aliases.items())],
        }
        write_files(self._etc, {name: "".join(f"{row}\n" for row in rows).encode() for name, rows in tables.items()})
        write_files(self._etc, {"deliver": _DELIVER.encode(), "sendmail.mc": self._configuration().encode()})
        write_files(self._etc, self._files)
        (self._etc / "deliver").chmod(0o755)
        for name in self._secrets:
            (self._etc / name).chmod(0o600)
        self.jail.prepare(["/bin/sh", "-c", _BUILD, "sh", *self._databases])
        return ["/usr/libexec/sendmail/sendmail", "-bD", *([] if self._hold else ["-q1s"])]

    def _configuration(self) -> str:
        ports = sorted({port for _, port in self._relay.values()})
        return _CONFIGURATION.format(
            port=self.port,
            privacy=self._privacy,
            delivery_mode="queueonly" if self._hold else "background",
            extra=self._extra,
            daemon=self._daemon,
            mailers="\n".join(_MAILER.format(port=port) for port in ports),
        )

    def maildir(self, user: str) -> Path:
        """The maildir of a local user."""
        return self.mailboxes.maildir(user)

    def queue_ids(self) -> set[str]:
        """The ids of all messages in the queue."""
        return {path.name[2:] for path in self._queue.glob("qf*")}

    def wait_for_queue(self, count: int, timeout: float = 20.0) -> set[str]:
        """The ids in the queue as soon as there are exactly `count`."""
        wait_until(lambda: len(self.queue_ids()) == count, f"{count} message(s) in the queue of sendmail", timeout)
        return self.queue_ids()
