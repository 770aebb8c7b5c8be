"""Mail servers as clients that log in: each takes one message and hands it on, under TLS, by one mechanism.

They look at the certificate of whom they hand it to, where they can be told whom to trust.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tests.interop.clients import Smtplib
from tests.interop.logins import LETTER, PASSWORD, RECIPIENT, SENDER, TOKEN, USER, Door, Login
from tests.interop.nexthops import Mta
from tests.peers import Exim, OpenSmtpd, Postfix, Sendmail
from tests.peers.jail import own

SECONDS = 60.0
DOMAIN = RECIPIENT.partition("@")[2]


def _hand_over(peer: Mta) -> None:
    """One message through a running server; it has gone when its queue is empty."""
    Smtplib().send(peer.port, SENDER, [RECIPIENT], LETTER)
    try:
        peer.wait_for_queue(0, SECONDS)
    except RuntimeError as error:
        raise AssertionError(f"{error}\n{peer.log_text()}") from None


def _files(door: Door) -> dict[str, bytes]:
    found = {"ca.pem": door.ca_file, "own.pem": door.cert, "own.key": door.key}
    return {name: Path(path).read_bytes() for name, path in found.items()}


def postfix_login(door: Door, mechanism: str) -> None:
    parameters = {
        "smtp_tls_security_level": "secure",
        "smtp_tls_wrappermode": "yes" if door.first else "no",
        "smtp_tls_CAfile": "/etc/postfix/ca.pem",
        "smtp_sasl_auth_enable": "yes",
        "smtp_sasl_password_maps": "texthash:/etc/postfix/passwords",
        "smtp_sasl_security_options": "noanonymous",
        "smtp_sasl_mechanism_filter": mechanism,
    }
    files = {**_files(door), "passwords": f"[localhost]:{door.port} {USER}:{PASSWORD}\n".encode()}
    with Postfix(relay={DOMAIN: ("localhost", door.port)}, extra=parameters, files=files) as peer:
        _hand_over(peer)


_EXIM = {
    "PLAIN": f"driver = plaintext\nclient_send = ^{USER}^{PASSWORD}",
    "LOGIN": f"driver = plaintext\nclient_send = : {USER} : {PASSWORD}",
    "CRAM-MD5": f"driver = cram_md5\nclient_name = {USER}\nclient_secret = {PASSWORD}",
    "EXTERNAL": f"driver = external\nclient_send = {USER}",
    # Its plain driver takes any octets; the second one is the empty answer to an error.
    "XOAUTH2": f"driver = plaintext\nclient_send = user={USER}\\x01auth=Bearer {TOKEN}\\x01\\x01",
    "OAUTHBEARER": f"driver = plaintext\nclient_send = n,a={USER},\\x01auth=Bearer {TOKEN}\\x01\\x01",
}


def exim_login(door: Door, mechanism: str) -> None:
    authenticator = f"ours:\n{_EXIM[mechanism]}\npublic_name = {mechanism}\n"
    transport = (
        f"  protocol = {'smtps' if door.first else 'smtp'}\n  hosts_require_tls = *\n  hosts_require_auth = *\n"
        "  tls_verify_certificates = /etc/exim4/ca.pem\n  tls_verify_hosts = *\n"
        "  tls_verify_cert_hostnames = localhost\n"
    )
    if mechanism == "EXTERNAL":
        transport += "  tls_certificate = /etc/exim4/own.pem\n  tls_privatekey = /etc/exim4/own.key\n"
    exim = Exim(
        relay={DOMAIN: ("localhost", door.port)},
        authenticators=authenticator,
        transport=transport,
        files=_files(door),
        heavy=True,
    )
    with exim as peer:
        for name in ("own.pem", "own.key"):
            own(peer.configuration / name, 805, 805, 0o600)
        _hand_over(peer)


class _OpenSmtpd(OpenSmtpd):
    """It knows a secret; that must be its own."""

    def configure(self) -> Sequence[str]:
        command = super().configure()
        own(self.configuration / "secrets", 0, 0, 0o600)
        return command


def opensmtpd_login(door: Door, mechanism: str, *, newer: bool = False) -> None:
    """It takes PLAIN where that is offered, and LOGIN where it is not."""
    scheme = "smtps" if door.first else "smtp+tls"
    opensmtpd = _OpenSmtpd(
        relay={DOMAIN: f"{scheme}://us@localhost:{door.port}"},
        extra='table secrets file:/etc/opensmtpd/secrets\nca ours cert "/etc/opensmtpd/ca.pem"',
        relaying="auth <secrets> ca ours tls",
        files={**_files(door), "secrets": f"us {USER}:{PASSWORD}\n".encode()},
        newer=newer,
    )
    with opensmtpd as peer:
        _hand_over(peer)


def opensmtpd_7_login(door: Door, mechanism: str) -> None:
    opensmtpd_login(door, mechanism, newer=True)


_SENDMAIL = """\
define(`confCACERT', `/etc/mail/ca.pem')dnl
define(`confCACERT_PATH', `/etc/mail')dnl
define(`confCLIENT_CERT', `/etc/mail/own.pem')dnl
define(`confCLIENT_KEY', `/etc/mail/own.key')dnl
define(`confAUTH_MECHANISMS', `{mechanism}')dnl
FEATURE(`authinfo', `hash /etc/mail/authinfo')dnl
FEATURE(`access_db', `hash -T<TMPF> /etc/mail/access')dnl
"""


def sendmail_login(door: Door, mechanism: str) -> None:
    authinfo = f'AuthInfo:127.0.0.1 "U:{USER}" "I:{USER}" "P:{PASSWORD}" "M:{mechanism}"\n'
    sendmail = Sendmail(
        relay={DOMAIN: ("127.0.0.1", door.port)},  # it asks the DNS for every name
        extra=_SENDMAIL.format(mechanism=mechanism),
        files={**_files(door), "authinfo": authinfo.encode(), "access": b"TLS_Srv:127.0.0.1 VERIFY\n"},
        tables=("authinfo", "access"),
        secrets=("authinfo", "own.key"),
    )
    with sendmail as peer:
        _hand_over(peer)


BY_CYRUS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
RELAYS: dict[str, tuple[Login, tuple[str, ...]]] = {
    "postfix": (postfix_login, BY_CYRUS),
    "exim": (exim_login, tuple(_EXIM)),
    "sendmail": (sendmail_login, BY_CYRUS),
    "opensmtpd 6.8": (opensmtpd_login, ("PLAIN",)),
    "opensmtpd 7": (opensmtpd_7_login, ("PLAIN",)),
}
"""What each can do as a client."""
