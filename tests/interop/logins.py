"""Mail clients as one function each: log in at a server under TLS by one mechanism, and hand over one message."""

from __future__ import annotations

import json
import os
import smtplib
import ssl
import subprocess
from base64 import b64encode
from collections.abc import Callable
from dataclasses import dataclass

from tests.interop.clients import TIMEOUT, run
from tests.peers import require
from tests.serving import PROGRAM

SENDER, RECIPIENT = "alice@here.test", "alice@here.test"
USER, PASSWORD, TOKEN = "alice", "open sesame", "g00d-token"
LETTER = b"From: alice@here.test\r\nTo: alice@here.test\r\nSubject: known\r\n\r\nHello\r\n"


@dataclass(frozen=True, slots=True)
class Door:
    """Where to log in: `first` when TLS comes before anything else. `cert` and `key` are the client's own."""

    port: int
    first: bool
    ca_file: str
    cert: str
    key: str

    def context(self) -> ssl.SSLContext:
        return ssl.create_default_context(cafile=self.ca_file)


Login = Callable[[Door, str], None]


def smtplib_login(door: Door, mechanism: str) -> None:
    """Python's own client."""
    if door.first:
        session: smtplib.SMTP = smtplib.SMTP_SSL("localhost", door.port, timeout=TIMEOUT, context=door.context())
    else:
        session = smtplib.SMTP("localhost", door.port, timeout=TIMEOUT)
    with session:
        session.ehlo("client.test")
        if not door.first:
            session.starttls(context=door.context())
            session.ehlo("client.test")
        session.user, session.password = USER, PASSWORD
        session.auth(mechanism, getattr(session, f"auth_{mechanism.lower().replace('-', '_')}"))
        assert session.sendmail(SENDER, [RECIPIENT], LETTER) == {}


def swaks_login(door: Door, mechanism: str) -> None:
    tls = ["--tls-on-connect"] if door.first else ["--tls"]
    command = [str(require("swaks")), "--server", "localhost", "--port", str(door.port), "--ehlo", "client.test", *tls]
    command += ["--tls-verify", "--tls-ca-path", door.ca_file, "--from", SENDER, "--to", RECIPIENT]
    command += ["--auth", mechanism, "--auth-user", USER, "--auth-password", PASSWORD, "--data", "-"]
    said = run(command, LETTER + b".")
    assert "235 2.7.0" in said


def curl_login(door: Door, mechanism: str) -> None:
    scheme = "smtps" if door.first else "smtp"
    command = [str(require("curl")), "-sS", f"{scheme}://localhost:{door.port}/client.test", "--ssl-reqd"]
    command += ["--cacert", door.ca_file, "--mail-from", SENDER, "--mail-rcpt", RECIPIENT, "--upload-file", "-"]
    command += ["--login-options", f"AUTH={mechanism}"]
    if mechanism == "OAUTHBEARER":
        command += ["--user", USER, "--oauth2-bearer", TOKEN]
    elif mechanism == "EXTERNAL":
        command += ["--user", f"{USER}:", "--cert", door.cert, "--key", door.key]
    else:
        command += ["--user", f"{USER}:{PASSWORD}"]
    run(command, LETTER)


def msmtp_login(door: Door, mechanism: str) -> None:
    secret = TOKEN if mechanism in ("OAUTHBEARER", "XOAUTH2") else PASSWORD
    command = [str(require("msmtp")), "--host=localhost", f"--port={door.port}", f"--from={SENDER}", "--domain=c.test"]
    command += ["--tls=on", f"--tls-starttls={'off' if door.first else 'on'}", f"--tls-trust-file={door.ca_file}"]
    command += [f"--auth={mechanism.lower()}", f"--user={USER}", f"--passwordeval=printf '%s\\n' '{secret}'"]
    if mechanism == "EXTERNAL":
        command += [f"--tls-cert-file={door.cert}", f"--tls-key-file={door.key}"]
    run([*command, "--", RECIPIENT], LETTER)


_NODE = """
    const [errand, chunks] = [JSON.parse(process.argv[1]), []];
    const options = { host: "localhost", port: errand.port, secure: errand.first, requireTLS: !errand.first,
        name: "client.test", auth: errand.auth, authMethod: errand.mechanism,
        tls: { ca: require("fs").readFileSync(errand.ca) } };
    process.stdin.on("data", chunk => chunks.push(chunk)).on("end", () =>
        require("nodemailer").createTransport(options).sendMail(
            { envelope: { from: errand.from, to: errand.to }, raw: Buffer.concat(chunks) },
            (error, info) => { console.log(error || info); process.exit(error ? 1 : 0); }));
"""


def nodemailer_login(door: Door, mechanism: str) -> None:
    auth = {"user": USER, "pass": PASSWORD}
    if mechanism == "XOAUTH2":
        auth = {"type": "OAuth2", "user": USER, "accessToken": TOKEN}
    errand = {"port": door.port, "first": door.first, "ca": door.ca_file, "from": SENDER, "to": [RECIPIENT]}
    run([str(require("nodemailer")), "-e", _NODE, json.dumps({**errand, "auth": auth, "mechanism": mechanism})], LETTER)


def heloise_login(door: Door, mechanism: str) -> None:
    """Our own."""
    command = [
        PROGRAM,
        "send",
        "--server",
        f"localhost:{door.port}",
        "--from",
        SENDER,
        "--to",
        RECIPIENT,
        "--file",
        "-",
    ]
    command += ["--ca-file", door.ca_file, "--tls", "verify", "--user", USER, "--mechanism", mechanism]
    command += ["--smtps"] if door.first else []
    command += ["--cert", door.cert, "--key", door.key] if mechanism == "EXTERNAL" else []
    secret = "HELOISE_TOKEN" if mechanism in ("OAUTHBEARER", "XOAUTH2") else "HELOISE_PASSWORD"
    value = TOKEN if secret == "HELOISE_TOKEN" else PASSWORD
    done = subprocess.run(
        command, input=LETTER, capture_output=True, timeout=TIMEOUT, check=False, env={**os.environ, secret: value}
    )
    assert done.returncode == 0, done.stdout.decode() + done.stderr.decode()
    assert value.encode() not in done.stdout + done.stderr


_AIOSMTPLIB = """
import asyncio, json, ssl, sys
import aiosmtplib

async def send(errand, octets):
    context = ssl.create_default_context(cafile=errand["ca"])
    session = aiosmtplib.SMTP(hostname="localhost", port=errand["port"], use_tls=errand["first"], start_tls=False,
        tls_context=context, timeout=30, local_hostname="client.test")
    async with session:
        if not errand["first"]:
            await session.starttls(tls_context=context)
        await session.ehlo()
        await getattr(session, errand["how"])(errand["user"], errand["secret"])
        await session.sendmail(errand["from"], errand["to"], octets)

asyncio.run(send(json.loads(sys.argv[1]), sys.stdin.buffer.read()))
"""


def aiosmtplib_login(door: Door, mechanism: str) -> None:
    how = f"auth_{mechanism.lower().replace('-', '')}"
    errand = {"port": door.port, "first": door.first, "ca": door.ca_file, "from": SENDER, "to": [RECIPIENT]}
    secret = TOKEN if mechanism == "XOAUTH2" else PASSWORD
    program = [str(require("senders")), "-c", _AIOSMTPLIB]
    run([*program, json.dumps({**errand, "how": how, "user": USER, "secret": secret})], LETTER)


def _base64(text: str) -> str:
    return b64encode(text.encode()).decode()


def openssl_login(door: Door, mechanism: str) -> None:
    """`openssl s_client`, and a person who types. It shows that its handshake is as it should be."""
    said_at_once = {
        "PLAIN": [f"AUTH PLAIN {_base64(f'{chr(0)}{USER}{chr(0)}{PASSWORD}')}"],
        "LOGIN": ["AUTH LOGIN", _base64(USER), _base64(PASSWORD)],
        "EXTERNAL": ["AUTH EXTERNAL ="],
        "XOAUTH2": [f"AUTH XOAUTH2 {_base64(f'user={USER}{chr(1)}auth=Bearer {TOKEN}{chr(1)}{chr(1)}')}"],
        "OAUTHBEARER": [f"AUTH OAUTHBEARER {_base64(f'n,a={USER},{chr(1)}auth=Bearer {TOKEN}{chr(1)}{chr(1)}')}"],
    }
    lines = [
        "EHLO client.test",
        *said_at_once[mechanism],
        f"MAIL FROM:<{SENDER}>",
        f"RCPT TO:<{RECIPIENT}>",
        "DATA",
    ]
    typed = "".join(f"{line}\r\n" for line in lines).encode() + LETTER + b".\r\nQUIT\r\n"
    command = [str(require("openssl")), "s_client", "-connect", f"localhost:{door.port}", "-CAfile", door.ca_file]
    command += [
        "-verify_return_error",
        "-verify_hostname",
        "localhost",
        "-servername",
        "localhost",
        "-ign_eof",
        "-brief",
    ]
    command += ["-cert", door.cert, "-key", door.key] if mechanism == "EXTERNAL" else []
    said = run([*command, *([] if door.first else ["-starttls", "smtp"])], typed)
    assert "235 2.7.0" in said
    assert "250 2.0.0" in said


BOTH = ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN")
CLIENTS: dict[str, tuple[Login, tuple[str, ...]]] = {
    "smtplib": (smtplib_login, ("CRAM-MD5", "PLAIN", "LOGIN")),
    "swaks": (swaks_login, ("CRAM-MD5", "PLAIN", "LOGIN")),
    "curl": (curl_login, ("CRAM-MD5", "PLAIN", "LOGIN", "OAUTHBEARER", "EXTERNAL")),  # Debian builds it without SCRAM
    "msmtp": (msmtp_login, (*BOTH, "OAUTHBEARER", "XOAUTH2", "EXTERNAL")),
    "nodemailer": (nodemailer_login, ("CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2")),
    "aiosmtplib": (aiosmtplib_login, ("CRAM-MD5", "PLAIN", "LOGIN", "XOAUTH2")),
    "heloise": (
        heloise_login,
        (*BOTH, "SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "OAUTHBEARER", "XOAUTH2", "EXTERNAL"),
    ),
    "openssl": (openssl_login, ("PLAIN", "LOGIN", "EXTERNAL", "XOAUTH2", "OAUTHBEARER")),
}
"""What each client can do, as far as we can."""
