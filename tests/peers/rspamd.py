"""rspamd with one worker that judges, on a loopback port: no DNS, no Redis, its test patterns switched on."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from tests.peers.jail import LOOPBACK, Peer, write_files
from tests.peers.require import require

_OFF = ("controller", "proxy", "fuzzy")
_NEEDS_NETWORK = (
    *("antivirus", "arc", "asn", "bimi", "dcc", "dkim", "dkim_signing", "dmarc", "elastic", "emails", "fuzzy_check"),
    *("hfilter", "mid", "mime_types", "mx_check", "neural", "once_received", "phishing", "rbl", "reputation"),
    *("spf", "surbl", "url_redirector", "whitelist", "chartable", "multimap", "regexp", "rspamd_update"),
)


class Rspamd(Peer):
    """An instance of its own. `files` are further ones for /etc/rspamd/local.d, by name."""

    name = "rspamd"
    start_time = 120.0  # it reads some hundred files of Lua

    def __init__(self, *, files: dict[str, bytes] | None = None) -> None:
        super().__init__(require("rspamd"))
        self._files = files or {}
        self._etc = self.jail.bind("/etc/rspamd")
        self.jail.bind("/var/lib/rspamd")
        self.jail.bind("/var/log/rspamd")
        self.jail.bind("/run/rspamd")

    def configure(self) -> Sequence[str]:
        self.jail.copy("/etc/rspamd", self._etc)
        files = {
            "worker-normal.inc": f'bind_socket = "{LOOPBACK}:{self.port}";\ncount = 1;\n'.encode(),
            "options.inc": b'enable_test_patterns = true;\ndns { nameserver = ["127.0.0.1:1"]; timeout = 0.05s; }\n',
            "logging.inc": b'type = "console";\nlevel = "notice";\n',
            **{f"worker-{name}.inc": b"enabled = false;\n" for name in _OFF},
            **{f"{name}.conf": b"enabled = false;\n" for name in _NEEDS_NETWORK},
            **self._files,
        }
        write_files(self._etc / "local.d", files)
        return ["/usr/bin/rspamd", "-f", "-i", "-c", "/etc/rspamd/rspamd.conf"]

    def ready(self) -> bool:
        """Does the worker answer?"""
        try:
            with socket.create_connection((LOOPBACK, self.port), timeout=2) as link:
                link.sendall(b"GET /ping HTTP/1.1\r\nHost: rspamd\r\nConnection: close\r\n\r\n")
                return b"pong" in link.recv(4096)
        except OSError:
            return False
