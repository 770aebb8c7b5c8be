"""Dovecot's LMTP server, which delivers into maildirs and answers for each recipient (RFC 2033)."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path

from tests.peers.jail import LOOPBACK, Mailboxes, Peer, write_files
from tests.peers.require import require

_VMAIL = 850

_CONFIGURATION = """\
protocols = lmtp
base_dir = /run/dovecot
log_path = /var/log/dovecot.log
hostname = dovecot.test
ssl = no
mail_location = maildir:/srv/mail/%n
first_valid_uid = {vmail}
postmaster_address = postmaster@dovecot.test
userdb {{
  driver = passwd-file
  args = /etc/dovecot/users
}}
passdb {{
  driver = passwd-file
  args = /etc/dovecot/users
}}
service lmtp {{
  inet_listener lmtp {{
    address = {host}
    port = {port}
  }}
}}
{extra}
"""


class DovecotLmtp(Peer):
    """A Dovecot instance of its own with an LMTP listener on a loopback port.

    local_domains: their `users` have mailboxes; any other recipient is refused with 550 5.1.1.
    extra: further lines of dovecot.conf.
    files: further files for /etc/dovecot, by name.
    """

    name = "dovecot"

    def __init__(
        self,
        *,
        local_domains: Collection[str] = (),
        users: Collection[str] = ("alice", "bob", "carol"),
        extra: str = "",
        files: Mapping[str, bytes] | None = None,
    ) -> None:
        super().__init__(require("dovecot"))
        self._addresses = [(user, domain) for domain in local_domains for user in users]
        self._extra = extra
        self._files = dict(files or {})
        self._etc = self.jail.bind("/etc/dovecot")
        self._logs = self.jail.bind("/var/log")
        self.jail.bind("/var/lib/dovecot")
        self.mailboxes = Mailboxes(self.jail.bind("/srv/mail", owner=_VMAIL, group=_VMAIL))

    def configure(self) -> Sequence[str]:
        users = "".join(
            f"{u}@{domain}:{{PLAIN}}secret:{_VMAIL}:{_VMAIL}::/srv/mail/{u}\n" for u, domain in self._addresses
        )
        text = _CONFIGURATION.format(host=LOOPBACK, port=self.port, vmail=_VMAIL, extra=self._extra)
        write_files(self._etc, {"users": users.encode(), "dovecot.conf": text.encode(), **self._files})
        return ["/usr/sbin/dovecot", "-F"]

    def log_text(self) -> str:
        path = self._logs / "dovecot.log"
        return (path.read_text(errors="replace") if path.exists() else "") + super().log_text()

    def maildir(self, user: str) -> Path:
        """The maildir of a user."""
        return self.mailboxes.maildir(user)
