"""Mail servers that take mail of their users only, each under TLS: Postfix, Exim, OpenSMTPD, sendmail, aiosmtpd.

Each is a function of a `Site` that gives a server, not yet running, with mailboxes of bob.
"""

from __future__ import annotations

import contextlib
import socket
import ssl
import subprocess
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from tests.interop.logins import PASSWORD, TOKEN, USER
from tests.peers import DovecotLmtp, Exim, OpenSmtpd, Postfix, Sendmail, free_port, require
from tests.peers.jail import LOOPBACK, Mailboxes, own

DOMAIN = "there.test"
BY_CYRUS = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")


@dataclass(frozen=True, slots=True)
class Site:
    """What a server is made of: TLS `first` or by STARTTLS, its certificate and key, and who vouches for clients."""

    first: bool
    certificate: bytes
    key: bytes
    authority: bytes

    def files(self) -> dict[str, bytes]:
        return {"peer.pem": self.certificate, "peer.key": self.key, "ca.pem": self.authority}


def greets_under_tls(port: int) -> bool:
    """Whether a server with TLS first is there."""
    context = ssl.create_default_context()
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    with (
        contextlib.suppress(OSError),
        socket.create_connection((LOOPBACK, port), 2) as link,
        context.wrap_socket(link) as under_tls,
    ):
        return under_tls.recv(3) == b"220"
    return False


_SASLDB = "printf '%s' '{password}' | saslpasswd2 -p -c -f {file} -u {realm} {user}"


def _sasl(file: str, mechanisms: Sequence[str] = BY_CYRUS) -> bytes:
    return (
        f"pwcheck_method: auxprop\nauxprop_plugin: sasldb\nsasldb_path: {file}\nmech_list: {' '.join(mechanisms)}\n"
    ).encode()


def _sasldb(file: str, realm: str) -> list[str]:
    return ["sh", "-c", _SASLDB.format(password=PASSWORD, file=file, realm=realm, user=USER)]


class _Postfix(Postfix):
    def __init__(self, site: Site, parameters: dict[str, str], files: dict[str, bytes]) -> None:
        self._first = site.first
        tls = {
            "smtpd_tls_security_level": "may",
            "smtpd_tls_cert_file": "/etc/postfix/peer.pem",
            "smtpd_tls_key_file": "/etc/postfix/peer.key",
            "smtpd_tls_wrappermode": "yes" if site.first else "no",
            "smtpd_tls_auth_only": "yes",
            "smtpd_sasl_auth_enable": "yes",
            "smtpd_sasl_authenticated_header": "yes",
            "smtpd_relay_restrictions": "permit_sasl_authenticated, reject",
        }
        super().__init__(local_domains=[DOMAIN], extra={**tls, **parameters}, files={**site.files(), **files})

    def ready(self) -> bool:
        return greets_under_tls(self.port) if self._first else super().ready()


class PostfixByCyrus(_Postfix):
    """Its users are in a database of Cyrus SASL."""

    def __init__(self, site: Site) -> None:
        parameters = {
            "smtpd_sasl_type": "cyrus",
            "cyrus_sasl_config_path": "/etc/postfix/sasl",
            "smtpd_sasl_local_domain": "postfix.test",
        }
        super().__init__(site, parameters, {"sasl/smtpd.conf": _sasl("/etc/postfix/sasl/db")})

    def configure(self) -> Sequence[str]:
        command = super().configure()
        self.jail.prepare(_sasldb("/etc/postfix/sasl/db", "postfix.test"))
        own(self._etc / "sasl" / "db", 801, 0, 0o600)
        return command


class PostfixByDovecot(_Postfix):
    """Its users are those of a Dovecot, which is told by a connection."""

    def __init__(self, site: Site) -> None:
        port = free_port()
        service = f"service auth {{\n  inet_listener {{\n    address = {LOOPBACK}\n    port = {port}\n  }}\n}}\n"
        users = f"{USER}:{{PLAIN}}{PASSWORD}:850:850::/srv/mail/{USER}\n"
        known = BY_CYRUS
        extra = f"auth_mechanisms = {' '.join(known).lower()}\n{service}"
        self._dovecot = DovecotLmtp(extra=extra, files={"users": users.encode()})
        super().__init__(site, {"smtpd_sasl_type": "dovecot", "smtpd_sasl_path": f"inet:{LOOPBACK}:{port}"}, {})

    def __enter__(self) -> PostfixByDovecot:
        with contextlib.ExitStack() as stack:
            stack.enter_context(self._dovecot)
            super().__enter__()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *exception: object) -> None:
        super().__exit__()
        self._stack.close()


_EXIM = f"""
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
scram_1:
  driver = cyrus_sasl
  public_name = SCRAM-SHA-1
  server_realm = exim.test
  server_set_id = $auth1
scram_256:
  driver = cyrus_sasl
  public_name = SCRAM-SHA-256
  server_realm = exim.test
  server_set_id = $auth1
external:
  driver = external
  public_name = EXTERNAL
  server_advertise_condition = $tls_in_certificate_verified
  server_param2 = ${{certextract {{subj_altname,dns,>:}}{{$tls_in_peercert}}}}
  server_condition = ${{if forany{{$auth2}}{{eq{{$item}}{{laptop.test}}}}}}
  server_set_id = laptop.test
xoauth2:
  driver = plaintext
  public_name = XOAUTH2
  server_prompts = :
  server_condition = ${{if eq{{$auth1}}{{user={USER}\\x01auth=Bearer {TOKEN}\\x01\\x01}}}}
  server_set_id = {USER}
oauthbearer:
  driver = plaintext
  public_name = OAUTHBEARER
  server_prompts = :
  server_condition = ${{if match{{$auth1}}{{\\N^n,a={USER},\\x01(.*\\x01)?auth=Bearer {TOKEN}\\x01\\N}}}}
  server_set_id = {USER}
"""
BY_EXIM = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN", "EXTERNAL", "XOAUTH2", "OAUTHBEARER")


class EximWithUsers(Exim):
    """Its users are in its configuration, and for SCRAM in a database of Cyrus SASL."""

    def __init__(self, site: Site) -> None:
        self._first = site.first
        main = {
            "tls_advertise_hosts": "*",
            "tls_certificate": "/etc/exim4/peer.pem",
            "tls_privatekey": "/etc/exim4/peer.key",
            "tls_try_verify_hosts": "*",
            "tls_verify_certificates": "/etc/exim4/ca.pem",
            "auth_advertise_hosts": "*",
            "acl_smtp_mail": "accept authenticated = *",
        }
        super().__init__(local_domains=[DOMAIN], extra=main, authenticators=_EXIM, files=site.files(), heavy=True)
        if site.first:
            self._extra["tls_on_connect_ports"] = str(self.port)
        self._sasl = self.jail.bind("/etc/sasl2")

    def configure(self) -> Sequence[str]:
        command = super().configure()
        (self._sasl / "exim.conf").write_bytes(_sasl("/etc/sasl2/db"))
        self.jail.prepare(_sasldb("/etc/sasl2/db", "exim.test"))
        own(self._sasl / "db", 805, 805, 0o600)
        own(self._etc / "peer.key", 805, 805, 0o600)
        return command

    def ready(self) -> bool:
        return greets_under_tls(self.port) if self._first else super().ready()


class OpenSmtpdWithUsers(OpenSmtpd):
    """Version 7; its users are in a file of hashes."""

    def __init__(self, site: Site) -> None:
        self._first = site.first
        done = subprocess.run(
            [str(require("openssl")), "passwd", "-6", PASSWORD], capture_output=True, check=True, timeout=30
        )
        super().__init__(
            local_domains=[DOMAIN],
            extra=(
                'pki peer cert "/etc/opensmtpd/peer.pem"\npki peer key "/etc/opensmtpd/peer.key"\n'
                "table secrets file:/etc/opensmtpd/secrets"
            ),
            listen=f"{'smtps' if site.first else 'tls-require'} pki peer auth <secrets>",
            files={**site.files(), "secrets": b"%s %s\n" % (USER.encode(), done.stdout.strip())},
            newer=True,
        )
        # A listener under TLS wants to read the authorities of the system, whatever they are.
        (self.jail.bind("/etc/ssl/certs") / "ca-certificates.crt").write_bytes(site.authority)

    def configure(self) -> Sequence[str]:
        command = super().configure()
        own(self._etc / "peer.key", 0, 0, 0o600)
        return command

    def ready(self) -> bool:
        return greets_under_tls(self.port) if self._first else super().ready()


_SENDMAIL = """\
define(`confSERVER_CERT', `/etc/mail/peer.pem')dnl
define(`confSERVER_KEY', `/etc/mail/peer.key')dnl
define(`confCACERT', `/etc/mail/ca.pem')dnl
define(`confCACERT_PATH', `/etc/mail')dnl
define(`confAUTH_MECHANISMS', `{mechanisms}')dnl
TRUST_AUTH_MECH(`{mechanisms}')dnl
define(`confAUTH_REALM', `sendmail.test')dnl
define(`confAUTH_OPTIONS', `p')dnl
"""


class SendmailWithUsers(Sendmail):
    """Its users are in a database of Cyrus SASL; PLAIN and LOGIN need TLS."""

    def __init__(self, site: Site) -> None:
        self._first = site.first
        super().__init__(
            local_domains=[DOMAIN],
            extra=_SENDMAIL.format(mechanisms=" ".join(BY_CYRUS)),
            files=site.files(),
            secrets=("peer.key",),
            daemon="M=sa" if site.first else "M=a",
        )
        self._sasl = self.jail.bind("/etc/sasl2")

    def configure(self) -> Sequence[str]:
        (self._sasl / "Sendmail.conf").write_bytes(_sasl("/etc/sasl2/db"))
        self.jail.prepare(_sasldb("/etc/sasl2/db", "sendmail.test"))
        own(self._sasl / "db", 0, 0, 0o600)
        return super().configure()

    def ready(self) -> bool:
        return greets_under_tls(self.port) if self._first else super().ready()


class AioSmtpd:
    """A server of Python's library of that name, with two lines of an application."""

    name = "aiosmtpd"
    _PROGRAM = """
import asyncio, ssl, sys
from aiosmtpd.handlers import Mailbox
from aiosmtpd.smtp import SMTP, AuthResult

first, directory, user, password = sys.argv[1] == "first", *sys.argv[2:]
context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
context.load_cert_chain(f"{directory}/peer.pem", f"{directory}/peer.key")

def knows(server, session, envelope, mechanism, data):
    return AuthResult(success=(data.login, data.password) == (user.encode(), password.encode()))

class Server(SMTP):
    async def smtp_MAIL(self, argument):  # it offers AUTH, and refuses the parameter that comes with it
        await super().smtp_MAIL(argument.replace(" AUTH=<>", ""))

def session():
    return Server(Mailbox(f"{directory}/bob"), tls_context=None if first else context, auth_required=True,
        auth_require_tls=not first, require_starttls=not first, authenticator=knows)

async def serve():
    server = await asyncio.get_running_loop().create_server(session, "127.0.0.1", 0, ssl=context if first else None)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()

asyncio.run(serve())
"""

    def __init__(self, site: Site, directory: Path) -> None:
        self._site, self._directory = site, directory
        self.mailboxes = Mailboxes(directory)
        self.port = 0

    def log_text(self) -> str:
        return (self._directory / "output").read_text()

    def __enter__(self) -> AioSmtpd:
        self._directory.mkdir()
        for name, octets in self._site.files().items():
            (self._directory / name).write_bytes(octets)
        how = "first" if self._site.first else "starttls"
        command = [str(require("aiosmtpd")), "-c", self._PROGRAM, how, str(self._directory), USER, PASSWORD]
        with (self._directory / "output").open("wb") as output:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=output)
        assert self._process.stdout is not None
        self.port = int(self._process.stdout.readline() or b"0")
        assert self.port, self.log_text()
        return self

    def __exit__(self, *exception: object) -> None:
        self._process.terminate()
        self._process.wait(30)
        assert self._process.stdout is not None
        self._process.stdout.close()


Server: TypeAlias = Postfix | Exim | OpenSmtpd | Sendmail | AioSmtpd
SERVERS: dict[str, tuple[Callable[[Site, Path], Server], tuple[str, ...]]] = {
    "postfix by Cyrus SASL": (lambda site, _: PostfixByCyrus(site), BY_CYRUS),
    "postfix by Dovecot": (lambda site, _: PostfixByDovecot(site), BY_CYRUS),
    "exim": (lambda site, _: EximWithUsers(site), BY_EXIM),
    "sendmail": (lambda site, _: SendmailWithUsers(site), BY_CYRUS),
    "opensmtpd 7": (lambda site, _: OpenSmtpdWithUsers(site), ("PLAIN", "LOGIN")),
    "aiosmtpd": (lambda site, directory: AioSmtpd(site, directory / "aiosmtpd"), ("PLAIN", "LOGIN")),
}
"""Who wants to know us, and by what."""
