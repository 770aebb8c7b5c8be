"""HAProxy in front of one server: takes connections and passes them on with a PROXY header."""

from __future__ import annotations

from collections.abc import Sequence

from tests.peers.jail import LOOPBACK, Peer, write_files
from tests.peers.require import require

_CONFIGURATION = """\
global
    log /dev/log local0
defaults
    mode tcp
    log global
    option tcplog
    timeout connect 5s
    timeout client 60s
    timeout server 60s
frontend mail
    bind {host}:{port}
    default_backend mail
backend mail
    {check}
    server one {host}:{to} {options}
"""


class HaProxy(Peer):
    """An instance that passes all connections on to the loopback port `to`.

    options: of its `server` line, such as "send-proxy-v2".
    check: a further line of its backend, such as "option smtpchk EHLO haproxy.test".
    talks: does the server behind it greet by itself? Not under implicit TLS.
    """

    name = "haproxy"

    def __init__(self, to: int, options: str, *, check: str = "", talks: bool = True) -> None:
        super().__init__(require("haproxy"))
        self._to = to
        self._options = options
        self._check = check
        self._talks = talks
        self._etc = self.jail.bind("/etc/haproxy")

    def configure(self) -> Sequence[str]:
        text = _CONFIGURATION.format(
            host=LOOPBACK, port=self.port, to=self._to, options=self._options, check=self._check
        )
        write_files(self._etc, {"haproxy.cfg": text.encode()})
        return ["/usr/sbin/haproxy", "-db", "-f", "/etc/haproxy/haproxy.cfg"]

    def ready(self) -> bool:
        return super().ready() if self._talks else "Proxy mail started" in self.log_text() or _listens(self.port)


def _listens(port: int) -> bool:
    import socket

    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0
