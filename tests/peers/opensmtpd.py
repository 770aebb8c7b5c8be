"""OpenSMTPD: receiver with maildirs, relay to given next hops, or holder of all it accepts."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tests.peers.jail import LOOPBACK, Mailboxes, Peer, wait_until, write_files
from tests.peers.require import require

_VMAIL = 850


class OpenSmtpd(Peer):
    """An OpenSMTPD instance of its own on a loopback port.

    relay: domain to next hop, as (host, port) or as OpenSMTPD's own URL ("lmtp://127.0.0.1:2424").
    local_domains: delivered into the maildirs of `users`; any other local part there is refused with 550.
    hold: accepts into the queue and delivers nothing.
    extra: further lines of smtpd.conf, before the listener ("pki ...").
    listen: further words of the listener ("tls pki peer").
    relaying: the words of an action to relay behind its host.
    files: further files for /etc/opensmtpd, by name.
    newer: version 7 of Debian's backports, which can be a server under TLS.
    """

    name = "opensmtpd"

    def __init__(
        self,
        *,
        relay: Mapping[str, tuple[str, int] | str] | None = None,
        local_domains: Collection[str] = (),
        users: Collection[str] = ("alice", "bob", "carol"),
        hold: bool = False,
        extra: str = "",
        listen: str = "",
        relaying: str = 'helo "opensmtpd.test"',
        files: Mapping[str, bytes] | None = None,
        newer: bool = False,
    ) -> None:
        super().__init__(require("opensmtpd-7" if newer else "opensmtpd"))
        self._relay = dict(relay or {})
        self._local_domains = list(local_domains)
        self._users = list(users)
        self._hold = hold
        self._extra = extra
        self._listen = listen
        self._relaying = relaying
        self._files = dict(files or {})
        self._etc = self.jail.bind("/etc/opensmtpd")
        self._spool = self.jail.bind("/var/spool/smtpd", mode=0o711)
        self.jail.bind("/var/lib/opensmtpd/empty")
        self.mailboxes = Mailboxes(self.jail.bind("/srv/mail", owner=_VMAIL, group=_VMAIL))

    def configure(self) -> Sequence[str]:
        users = "".join(f"{user} {_VMAIL}:{_VMAIL}:/srv/mail/{user}\n" for user in self._users)
        write_files(self._etc, {"users": users.encode(), **self._files})
        lines = [
            self._extra,
            "table users file:/etc/opensmtpd/users",
            "queue ttl 1h",
            # One machine plays all clients.
            "smtp max-message-size 100M",
            "smtp limit max-mails 1000000",
            f"listen on {LOOPBACK} port {self.port} hostname opensmtpd.test {self._listen}",
            'action "local" maildir "/srv/mail/%{user.username}" userbase <users>',
            *(f'match from any for domain "{domain}" action "local"' for domain in self._local_domains),
        ]
        for number, (domain, hop) in enumerate(self._relay.items()):
            url = hop if isinstance(hop, str) else f"smtp://{hop[0]}:{hop[1]}"
            lines += [
                f'action "relay{number}" relay host "{url}" {self._relaying}',
                f'match from any for domain "{domain}" action "relay{number}"',
            ]
        write_files(self._etc, {"smtpd.conf": "".join(f"{line}\n" for line in lines).encode()})
        return ["/usr/sbin/smtpd", "-d", "-f", "/etc/opensmtpd/smtpd.conf"]

    def started(self) -> None:
        if self._hold:
            for part in ("mta", "mda"):
                self.jail.run(["/usr/sbin/smtpctl", "pause", part])

    @property
    def configuration(self) -> Path:
        """Where smtpd.conf and the tables are, as seen from here."""
        return self._etc

    def maildir(self, user: str) -> Path:
        """The maildir of a local user."""
        return self.mailboxes.maildir(user)

    def queue_ids(self) -> set[str]:
        """The ids of all messages in the queue: a directory for each, two levels down."""
        return {path.name for path in (self._spool / "queue").glob("*/*")}

    def wait_for_queue(self, count: int, timeout: float = 20.0) -> set[str]:
        """The ids in the queue as soon as there are exactly `count`."""
        wait_until(lambda: len(self.queue_ids()) == count, f"{count} message(s) in the queue of OpenSMTPD", timeout)
        return self.queue_ids()
