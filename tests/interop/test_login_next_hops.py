"""heloise logs in at Postfix (by Cyrus SASL, by Dovecot) and Exim, under TLS whose certificate it verifies.

OpenSMTPD logs in here.

OpenSMTPD 6.8.0p2 of Debian 12 can not be a server under TLS: since OpenSSL 3 it loses its private key in the handshake
(OpenSMTPD issues 1171, 1239), and without TLS it offers no AUTH. So it is the client.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from heloise.reception.users import new_login
from tests.certificates import Authority
from tests.interop.clients import Smtplib
from tests.interop.house import house
from tests.peers import DovecotLmtp, Exim, OpenSmtpd, Postfix, free_port, wait_until
from tests.peers.jail import LOOPBACK, own

pytestmark = [pytest.mark.interop, pytest.mark.slow]

USER, PASSWORD, DOMAIN = "alice", "open sesame", "there.test"
LETTER = b"From: a@client.test\r\nTo: bob@there.test\r\nSubject: known\r\n\r\nHello\r\n"
BY_CYRUS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
BY_DOVECOT = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
BY_EXIM = ("CRAM-MD5", "PLAIN", "LOGIN")


class PostfixWithUsers(Postfix):
    """Postfix that takes mail of its users only, whom Cyrus SASL has in a database of its own."""

    def __init__(self, certificate: bytes, key: bytes, *, implicit: bool = False) -> None:
        self._implicit = implicit
        tls = {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": "/etc/postfix/peer.pem",
            "smtpd_tls_key_file": "/etc/postfix/peer.key",
            "smtpd_tls_wrappermode": "yes" if implicit else "no",
            "smtpd_tls_auth_only": "yes",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "cyrus",
            "cyrus_sasl_config_path": "/etc/postfix/sasl",
            "smtpd_sasl_local_domain": "postfix.test",
            "smtpd_sasl_authenticated_header": "yes",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
        }
        sasl = (
            "pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: /etc/postfix/sasl/db\n"
            f"mech_list: {' '.join(BY_CYRUS)}\n"
        )
        files = {"peer.pem": certificate, "peer.key": key, "sasl/smtpd.conf": sasl.encode()}
        super().__init__(local_domains=[DOMAIN], extra=tls, files=files)

    def configure(self) -> Sequence[str]:
        command = super().configure()
        program = f"printf '%s' '{PASSWORD}' | saslpasswd2 -p -c -f /etc/postfix/sasl/db -u postfix.test {USER}"
        self.jail.prepare(["sh", "-c", program])
        own(self._etc / "sasl" / "db", 801, 0, 0o600)
        return command

    def ready(self) -> bool:
        if not self._implicit:
            return super().ready()
        context = ssl.create_default_context()
        context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        with (
            contextlib.suppress(OSError),
            socket.create_connection(("127.0.0.1", self.port), 2) as link,
            context.wrap_socket(link) as under_tls,
        ):
            return under_tls.recv(3) == b"220"
        return False


def dovecot_with_users(port: int) -> DovecotLmtp:
    """Dovecot, which tells others at `port` who may log in, and by what; PLAIN and LOGIN under TLS only."""
    service = f"service auth {{\n  inet_listener {{\n    address = {LOOPBACK}\n    port = {port}\n  }}\n}}\n"
    users = f"{USER}:{{PLAIN}}{PASSWORD}:850:850::/srv/mail/{USER}\n"
    extra = f"auth_mechanisms = {' '.join(BY_DOVECOT).lower()}\n{service}"
    return DovecotLmtp(extra=extra, files={"users": users.encode()})


class PostfixThatAsksDovecot(Postfix):
    """Postfix that takes mail of those only whom the Dovecot at `port` knows."""

    def __init__(self, certificate: bytes, key: bytes, port: int) -> None:
        extra = {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": "/etc/postfix/peer.pem",
            "smtpd_tls_key_file": "/etc/postfix/peer.key",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_type": "dovecot",
            "smtpd_sasl_path": f"inet:{LOOPBACK}:{port}",
            "smtpd_sasl_authenticated_header": "yes",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
        }
        super().__init__(local_domains=[DOMAIN], extra=extra, files={"peer.pem": certificate, "peer.key": key})


@contextlib.contextmanager
def postfix_by_dovecot(directory: Path) -> Iterator[tuple[Postfix, str]]:
    """Both running, and the authority that the certificate of Postfix leads to."""
    authority, port = Authority(directory), free_port()
    issued = authority.issue("localhost")
    certificate, key = Path(issued.chain).read_bytes(), Path(issued.key).read_bytes()
    with dovecot_with_users(port), PostfixThatAsksDovecot(certificate, key, port) as postfix:
        yield postfix, authority.ca_file


def exim_with_users(certificate: bytes, key: bytes) -> Exim:
    authenticators = f"""
plain:
  driver = plaintext
  public_name = PLAIN
  server_prompts = :
  server_condition = ${{if and{{{{eq{{$auth2}}{{{USER}}}}}{{eq{{$auth3}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth2
login:
  driver = plaintext
  public_name = LOGIN
  server_prompts = Username:: : Password::
  server_condition = ${{if and{{{{eq{{$auth1}}{{{USER}}}}}{{eq{{$auth2}}{{{PASSWORD}}}}}}}}}
  server_set_id = $auth1
cram:
  driver = cram_md5
  public_name = CRAM-MD5
  server_secret = ${{if eq{{$auth1}}{{{USER}}}{{{PASSWORD}}}fail}}
  server_set_id = $auth1
"""
    main = {
        "tls_advertise_hosts": "*",
        "tls_certificate": "/etc/exim4/peer.pem",
        "tls_privatekey": "/etc/exim4/peer.key",
        "auth_advertise_hosts": "*",
        "acl_smtp_mail": "accept authenticated = *",
    }
    files = {"peer.pem": certificate, "peer.key": key}
    return Exim(local_domains=[DOMAIN], extra=main, authenticators=authenticators, files=files)


def start(name: str, directory: Path) -> tuple[Any, str]:
    """The server, not yet running, and the authority that its certificate leads to."""
    authority = Authority(directory)
    issued = authority.issue("localhost")
    certificate, key = Path(issued.chain).read_bytes(), Path(issued.key).read_bytes()
    made: dict[str, Any] = {
        "postfix": lambda: PostfixWithUsers(certificate, key),
        "postfix-smtps": lambda: PostfixWithUsers(certificate, key, implicit=True),
        "exim": lambda: exim_with_users(certificate, key),
    }
    return made[name](), authority.ca_file


def sections(ca_file: str, directory: Path, *, mechanism: str, password: str = PASSWORD) -> str:
    (directory / "password").write_text(f"{password}\n")
    return (
        f'[delivery]\ntls = "verify"\nca_file = "{ca_file}"\n[[credentials]]\nhosts = ["localhost"]\n'
        f'user = "{USER}"\npassword_file = "{directory}/password"\nmechanisms = ["{mechanism}"]\n'
    )


PAIRS = [
    *(("postfix", mechanism) for mechanism in BY_CYRUS),
    ("postfix-smtps", "SCRAM-SHA-256"),
    *(("exim", mechanism) for mechanism in BY_EXIM),
]


@pytest.mark.parametrize(("name", "mechanism"), PAIRS)
def test_mail_arrives_at_a_server_that_wants_to_know_us(name: str, mechanism: str, tmp_path: Path) -> None:
    peer, ca_file = start(name, tmp_path)
    with peer:
        transport = "smtps" if name.endswith("smtps") else "smtp"
        routes = {DOMAIN: f"{transport}:localhost:{peer.port}"}
        extra = sections(ca_file, tmp_path, mechanism=mechanism)
        with house(tmp_path / "heloise", routes=routes, extra=extra) as ours:
            Smtplib().send(ours.port, "alice@here.test", ["bob@there.test"], LETTER)
            [letter] = peer.mailboxes.wait_for_messages("bob", 1)
    assert b"Subject: known" in letter
    if name.startswith("postfix"):
        assert b"(Authenticated sender: alice" in letter
    if name == "exim":
        assert b"with esmtpsa" in letter
    assert PASSWORD not in (tmp_path / "heloise" / "heloise.log").read_text()


def test_mail_arrives_at_a_postfix_whose_users_dovecot_has(tmp_path: Path) -> None:
    with postfix_by_dovecot(tmp_path) as (peer, ca_file):
        routes = {DOMAIN: f"smtp:localhost:{peer.port}"}
        for count, mechanism in enumerate(BY_DOVECOT, 1):
            extra = sections(ca_file, tmp_path, mechanism=mechanism)
            directory = tmp_path / mechanism
            with house(directory, routes=routes, extra=extra) as ours:
                Smtplib().send(ours.port, "alice@here.test", ["bob@there.test"], LETTER)
                letters = peer.mailboxes.wait_for_messages("bob", count, 30)
            assert len(letters) == count, mechanism
            assert b"(Authenticated sender: alice" in letters[-1]
            assert PASSWORD not in (directory / "heloise.log").read_text()
        for mechanism in BY_DOVECOT:
            assert f"sasl_method={mechanism}, sasl_username={USER}" in peer.log_text()


def test_what_dovecot_refuses_keeps_the_mail_and_tells_why(tmp_path: Path) -> None:
    with postfix_by_dovecot(tmp_path) as (peer, ca_file):
        routes, log = {DOMAIN: f"smtp:localhost:{peer.port}"}, tmp_path / "heloise" / "heloise.log"
        extra = sections(ca_file, tmp_path, mechanism="SCRAM-SHA-256", password="guessed")
        with house(tmp_path / "heloise", routes=routes, extra=extra, retry="1h") as ours:
            Smtplib().send(ours.port, "alice@here.test", ["bob@there.test"], LETTER)
            wait_until(lambda: "login.refused" in log.read_text(), "a refused login", 30)
            assert ours.server.waiting_messages() == 1
        assert peer.mailboxes.messages("bob") == []
    assert "guessed" not in log.read_text()


@pytest.mark.parametrize("name", ["postfix", "exim"])
def test_a_refused_login_keeps_the_mail_and_tells_why(name: str, tmp_path: Path) -> None:
    peer, ca_file = start(name, tmp_path)
    with peer:
        extra = sections(ca_file, tmp_path, mechanism="PLAIN", password="guessed")
        log = tmp_path / "heloise" / "heloise.log"
        routes = {DOMAIN: f"smtp:localhost:{peer.port}"}
        with house(tmp_path / "heloise", routes=routes, extra=extra, retry="1h") as ours:
            Smtplib().send(ours.port, "alice@here.test", ["bob@there.test"], LETTER)
            wait_until(lambda: "login.refused" in log.read_text(), "a refused login", 20)
            assert ours.server.waiting_messages() == 1
    assert "guessed" not in log.read_text()
    assert "535" in log.read_text()


def test_opensmtpd_logs_in_at_a_heloise_that_wants_to_know_it(tmp_path: Path) -> None:
    issued = Authority(tmp_path).issue("localhost")
    (tmp_path / "users").write_text(f"{new_login(USER, PASSWORD, (), b'salt').encode()}\n")
    extra = (
        f'[[tls.certificate]]\nchain = "{issued.chain}"\nkey = "{issued.key}"\n'
        f'[auth]\nusers = "{tmp_path}/users"\nmechanisms = ["PLAIN"]\n'
    )
    with house(tmp_path / "heloise", extra=extra) as ours:
        hop = f"smtp+tls://us@127.0.0.1:{ours.port}"
        files = {"secrets": f"us {USER}:{PASSWORD}\n".encode()}
        with OpenSmtpdThatLogsIn(relay={"here.test": hop}, extra=SECRETS, files=files) as peer:
            Smtplib().send(peer.port, "a@client.test", ["alice@here.test"], LETTER)
            [letter] = ours.mailboxes.wait_for_messages("alice", 1)
    assert b"with ESMTPSA id" in letter
    assert "mechanism=PLAIN user=alice" in (tmp_path / "heloise" / "heloise.log").read_text()


SECRETS = "table secrets file:/etc/opensmtpd/secrets"


class OpenSmtpdThatLogsIn(OpenSmtpd):
    """It knows a secret, and does not look at certificates."""

    def configure(self) -> Sequence[str]:
        command = super().configure()
        path = self._etc / "smtpd.conf"
        path.write_text(path.read_text().replace(' helo "opensmtpd.test"', " auth <secrets> tls no-verify"))
        own(self._etc / "secrets", 0, 0, 0o600)
        return command
