"""heloise logs in at real servers under TLS whose certificate it verifies, by each mechanism that they offer."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.interop.clients import Smtplib, run
from tests.interop.house import house
from tests.interop.login_servers import SERVERS, Server, Site
from tests.interop.logins import PASSWORD, TOKEN, USER
from tests.peers import OpenSmtpd, require, wait_until
from tests.peers.jail import own

pytestmark = [pytest.mark.interop, pytest.mark.slow]

LETTER = b"From: a@client.test\r\nTo: bob@there.test\r\nSubject: known\r\n\r\nHello\r\n"
PAIRS = [(name, tls) for name in SERVERS for tls in ("starttls", "implicit")]
# What of a letter or of its log shows that a server knew who we were.
KNOWN = {
    "postfix by Cyrus SASL": "(Authenticated sender: alice",
    "postfix by Dovecot": "(Authenticated sender: alice",
    "exim": "with esmtpsa",
    "sendmail": "(authenticated ",
    "opensmtpd 7": "authentication user=alice result=ok",
    "aiosmtpd": "",  # it has nothing of the sort, and lets nobody in who is not known
}


def start(name: str, tls: str, directory: Path) -> tuple[Server, str, str]:
    """The server, not yet running; the authority that its certificate leads to; and a section with our own."""
    authority = Authority(directory)
    issued, ours = authority.issue("localhost"), authority.issue("laptop.test")
    site = Site(
        first=tls == "implicit",
        certificate=Path(issued.chain).read_bytes(),
        key=Path(issued.key).read_bytes(),
        authority=Path(authority.ca_file).read_bytes(),
    )
    delivery = (
        f'[delivery]\ntls = "verify"\nca_file = "{authority.ca_file}"\n'
        f'certificate = "{ours.chain}"\nkey = "{ours.key}"\n'
    )
    return SERVERS[name][0](site, directory), authority.ca_file, delivery


def credentials(directory: Path, mechanism: str, password: str = PASSWORD) -> str:
    text = f'[[credentials]]\nhosts = ["localhost"]\nmechanisms = ["{mechanism}"]\n'
    if mechanism == "EXTERNAL":
        return text
    is_token = mechanism in ("OAUTHBEARER", "XOAUTH2")
    (directory / "secret").write_text(f"{TOKEN if is_token else password}\n")
    return f'{text}user = "{USER}"\n{"token" if is_token else "password"}_file = "{directory}/secret"\n'


def route(peer: Server, tls: str) -> dict[str, str]:
    return {"there.test": f"{'smtps' if tls == 'implicit' else 'smtp'}:localhost:{peer.port}"}


@pytest.mark.parametrize(("name", "tls"), PAIRS)
def test_mail_arrives_at_a_server_that_wants_to_know_us(name: str, tls: str, tmp_path: Path) -> None:
    peer, _, delivery = start(name, tls, tmp_path)
    with peer:
        for count, mechanism in enumerate(SERVERS[name][1], 1):
            directory, extra = tmp_path / mechanism, delivery + credentials(tmp_path, mechanism)
            with house(directory, routes=route(peer, tls), extra=extra) as ours:
                Smtplib().send(ours.port, "alice@here.test", ["bob@there.test"], LETTER)
                log = directory / "heloise.log"
                try:
                    letters = peer.mailboxes.wait_for_messages("bob", count, 60)
                except RuntimeError as error:
                    raise AssertionError(f"{mechanism}: {error}\n{log.read_text()}\n{peer.log_text()}") from None
            assert len(letters) == count, mechanism
            assert b"Subject: known" in letters[-1]
            assert KNOWN[name] in letters[-1].decode() + peer.log_text(), (mechanism, letters[-1])
            told = log.read_text()
            assert PASSWORD not in told
            assert TOKEN not in told


@pytest.mark.parametrize("name", [name for name in SERVERS if name != "aiosmtpd"])
def test_a_refused_login_keeps_the_mail_and_tells_why(name: str, tmp_path: Path) -> None:
    peer, _, delivery = start(name, "starttls", tmp_path)
    with peer:
        extra = delivery + credentials(tmp_path, "PLAIN", "guessed")
        log = tmp_path / "heloise" / "heloise.log"
        with house(tmp_path / "heloise", routes=route(peer, "starttls"), extra=extra, retry="1h") as ours:
            Smtplib().send(ours.port, "alice@here.test", ["bob@there.test"], LETTER)
            wait_until(lambda: "login.refused" in log.read_text(), "a refused login", 30)
            assert ours.server.waiting_messages() == 1
        assert peer.mailboxes.messages("bob") == []
    assert "guessed" not in log.read_text()
    assert "535" in log.read_text()


class OpenSmtpdUnderTls(OpenSmtpd):
    """Of Debian 12 itself, 6.8; it wants its key for itself."""

    def configure(self) -> list[str]:
        command = list(super().configure())
        own(self.configuration / "peer.key", 0, 0, 0o600)
        return command


KEYS = {"RSA": ["rsa:2048"], "ECDSA": ["ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"]}


@pytest.mark.parametrize("kind", KEYS)
def test_opensmtpd_of_debian_12_can_not_be_a_server_under_tls_for_anybody(kind: str, tmp_path: Path) -> None:
    """So there is no test of heloise with it. It gives OpenSSL the public key of its certificate in place of the
    private one, and engines that take the operations to another process; OpenSSL 3 asks no engine for a key that came
    out of a certificate. When this fails, it has been mended, and belongs to the table above."""
    chain, key = tmp_path / "chain", tmp_path / "key"
    openssl = str(require("openssl"))
    asked = ["req", "-x509", "-newkey", *KEYS[kind], "-nodes", "-subj", "/CN=localhost", "-days", "2"]
    run([openssl, *asked, "-keyout", str(key), "-out", str(chain)])
    peer = OpenSmtpdUnderTls(
        local_domains=["there.test"],
        extra='pki peer cert "/etc/opensmtpd/peer.pem"\npki peer key "/etc/opensmtpd/peer.key"',
        listen="tls pki peer",
        files={"peer.pem": chain.read_bytes(), "peer.key": key.read_bytes()},
    )
    with peer:
        command = [openssl, "s_client", "-connect", f"localhost:{peer.port}", "-starttls", "smtp", "-brief"]
        said = run(command, b"QUIT\r\n", code=1)
        assert "alert internal error" in said
        assert 'reason="io-error: error:0A080006:SSL routines::EVP lib"' in peer.log_text()
