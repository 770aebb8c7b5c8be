"""Real servers and clients as peers: Postfix, sendmail, Exim, OpenSMTPD, Dovecot LMTP; PostgreSQL; swaks, msmtp, curl.

Started by hand on loopback ports, each instance with its own directories; scripts/install-peers brings the programs.

    with Postfix(relay={"example.org": ("127.0.0.1", 2525)}, local_domains=["example.net"]) as postfix:
        smtplib.SMTP("127.0.0.1", postfix.port).sendmail(...)
"""

from tests.peers.dovecot import DovecotLmtp
from tests.peers.exim import Exim
from tests.peers.haproxy import HaProxy
from tests.peers.jail import PeerError, free_port, wait_until
from tests.peers.milters import OpenDkim, PyMilter
from tests.peers.opensmtpd import OpenSmtpd
from tests.peers.postfix import Postfix
from tests.peers.postgresql import PostgreSql
from tests.peers.require import require
from tests.peers.rspamd import Rspamd
from tests.peers.sendmail import Sendmail
from tests.peers.sink import SmtpSink

__all__ = [
    "DovecotLmtp",
    "Exim",
    "HaProxy",
    "OpenDkim",
    "OpenSmtpd",
    "PeerError",
    "Postfix",
    "PostgreSql",
    "PyMilter",
    "Rspamd",
    "Sendmail",
    "SmtpSink",
    "free_port",
    "require",
    "wait_until",
]
