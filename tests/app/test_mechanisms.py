"""heloise logs in at heloise by each mechanism there is, over real connections and real TLS."""

import asyncio
import json
import shutil
import smtplib
import ssl
from base64 import b64encode
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer
from heloise.cli.main import main
from heloise.config import ConfigError, parse_configuration
from heloise.link.dial import DialFailure, dial
from heloise.net import real_world
from heloise.reception.users import Scheme, new_login
from heloise.smtp.registry import discover
from heloise.smtp.sasl.choosing import ClientLogin
from heloise.smtp.sasl.mechanism import Credentials
from heloise.smtp.transaction import ClientOptions
from heloise.testing.web import SimulatedWeb
from heloise.world import CertificateFiles, Endpoint, OutgoingTls, TlsLevel
from heloise.world.http import HttpAnswer
from tests.app.test_tls import WAIT, Log, certificates, configuration, port
from tests.certificates import Authority
from tests.peers import PostgreSql

EVERY = '"SCRAM-SHA-256-PLUS", "SCRAM-SHA-1-PLUS", "SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5", "PLAIN", "LOGIN"'
INTROSPECTION = "https://login.example.test/introspect"
Scenario = Callable[[int, Authority, Log], Any]


def with_all(directory: Path, scenario: Scenario, *, more: str = "") -> None:
    """Run a server where alice can log in by everything."""
    authority = Authority(directory)
    login = new_login("alice", "sesame", ("alice@example.test",), b"salt", (Scheme.SCRAM_SHA_256, Scheme.SCRAM_SHA_1))
    secret = new_login("alice", "sesame", (), b"salt", (Scheme.SECRET,)).encode().partition(":")[2]
    (directory / "users").write_text(login.encode().replace(" alice@", f" {secret} alice@") + "\n")
    (directory / "secret").write_text("x\n")
    text = configuration(directory, certificates(authority.issue("localhost")), ("starttls",))
    text = text.replace('tls = "starttls"\n', 'tls = "starttls"\nclient_certificates = true\nrequires_auth = true\n')
    shutil.copyfile(authority.ca_file, directory / "clients.pem")
    text = text.replace("[[tls.cert", '[tls]\nclient_ca = "clients.pem"\n[[tls.cert')
    text += f'[auth]\nusers = "users"\nmechanisms = [{EVERY}]\n{more}'
    text += f'[auth.tokens]\nurl = "{INTROSPECTION}"\nclient_id = "mail"\nclient_secret_file = "secret"\n'
    text += '[auth.certificates]\n"laptop.example.test" = "alice"\n'
    web = SimulatedWeb()
    answers = {b"g00d": {"active": True, "username": "alice"}}
    web.install(
        INTROSPECTION,
        lambda call: HttpAnswer(
            status=200,
            body=json.dumps(next((told for token, told in answers.items() if token in call.body), {})).encode(),
        ),
    )

    async def run() -> None:
        async with asyncio.timeout(WAIT):
            log = Log()
            made = parse_configuration(text, directory=str(directory))
            server = MailServer(made, replace(real_world(), http=web), Journal(log.emit))
            await server.start()
            try:
                await scenario(port(server), authority, log)
            finally:
                await server.stop()

    asyncio.run(run())


async def log_in(
    where: int,
    authority: Authority,
    *mechanisms: str,
    credentials: Credentials = Credentials("alice", "sesame"),  # noqa: B008
    certificate: CertificateFiles | None = None,
    level: TlsLevel = TlsLevel.VERIFY,
) -> str:
    """ "" when we are in, else the id of the cause."""
    login = ClientLogin(credentials=credentials, mechanisms=mechanisms)
    world = real_world()
    try:
        dialled = await dial(
            world,
            Endpoint("localhost", where),
            ClientOptions(hello_name="client.test", login=login),
            discover(),
            tls=OutgoingTls(level=level, ca_file=authority.ca_file, certificate=certificate),
        )
        if isinstance(dialled, DialFailure):
            return dialled.reply.cause.id
        await dialled.quit()
        return ""
    finally:
        await world.blocking.close()


def test_each_mechanism_lets_in_who_has_the_password_and_nobody_else(tmp_path: Path) -> None:
    async def scenario(where: int, authority: Authority, log: Log) -> None:
        for name in json.loads(f"[{EVERY}]"):
            assert await log_in(where, authority, name) == "", name
            wrong = await log_in(where, authority, name, credentials=Credentials("alice", "guessed"))
            assert wrong == "login.refused", name
        seen = [fields["mechanism"] for event, fields in log.events if event == "session.authenticated"]
        assert seen == json.loads(f"[{EVERY}]")
        assert "guessed" not in repr(log.events)

    with_all(tmp_path, scenario)


def test_what_is_not_tied_to_tls_works_without_it_and_the_rest_is_not_offered(tmp_path: Path) -> None:
    async def scenario(where: int, authority: Authority, log: Log) -> None:
        for name in ("SCRAM-SHA-256", "SCRAM-SHA-1", "CRAM-MD5"):
            assert await log_in(where, authority, name, level=TlsLevel.NONE) == "", name
        for name in ("SCRAM-SHA-256-PLUS", "EXTERNAL"):
            assert await log_in(where, authority, name, level=TlsLevel.NONE) == "login.not-offered", name

    with_all(tmp_path, scenario)


@pytest.mark.parametrize("mechanism", ["OAUTHBEARER", "XOAUTH2"])
def test_a_token_lets_in_its_user_only(mechanism: str, tmp_path: Path) -> None:
    async def scenario(where: int, authority: Authority, log: Log) -> None:
        assert await log_in(where, authority, mechanism, credentials=Credentials("alice", token="g00d")) == ""
        assert (
            await log_in(where, authority, mechanism, credentials=Credentials("bob", token="g00d")) == "login.refused"
        )
        assert (
            await log_in(where, authority, mechanism, credentials=Credentials("alice", token="bad")) == "login.refused"
        )
        assert "g00d" not in repr(log.events)

    with_all(tmp_path, scenario)


def test_a_certificate_lets_in_whom_it_stands_for(tmp_path: Path) -> None:
    async def scenario(where: int, authority: Authority, log: Log) -> None:
        ours = authority.issue("laptop.example.test")
        nobody = Credentials("")
        assert await log_in(where, authority, "EXTERNAL", credentials=nobody, certificate=ours) == ""
        (seen,) = [fields for event, fields in log.events if event == "session.authenticated"]
        assert (seen["user"], seen["mechanism"]) == ("alice", "EXTERNAL")
        as_bob = await log_in(where, authority, "EXTERNAL", credentials=Credentials("bob"), certificate=ours)
        assert as_bob == "login.refused"
        other = authority.issue("desk.example.test")
        assert await log_in(where, authority, "EXTERNAL", credentials=nobody, certificate=other) == "login.not-offered"
        assert await log_in(where, authority, "EXTERNAL", credentials=nobody) == "login.not-offered"

    with_all(tmp_path, scenario)


def test_a_certificate_of_another_authority_gets_no_handshake(tmp_path: Path) -> None:
    async def scenario(where: int, authority: Authority, log: Log) -> None:
        strange = tmp_path / "strange"
        strange.mkdir()
        forged = Authority(strange).issue("laptop.example.test")
        said = await log_in(where, authority, "EXTERNAL", credentials=Credentials(""), certificate=forged)
        assert said in ("tls.failed", "link.lost")  # TLS 1.3 tells it after the handshake

    with_all(tmp_path, scenario)


def test_a_certificate_by_rsa_and_one_by_ecdsa_are_bound_alike(tmp_path: Path) -> None:
    """RFC 5929 §4.1: the hash is that of the signature, so both ends have to read it out of the certificate."""
    import hashlib

    from heloise.net.certificate import end_point

    files = Authority(tmp_path).issue("localhost")
    first = Path(files.chain).read_text().partition("-----END CERTIFICATE-----")[0] + "-----END CERTIFICATE-----\n"
    certificate = ssl.PEM_cert_to_DER_cert(first)
    binding = end_point(certificate)
    assert binding is not None
    assert (binding.kind, binding.octets) == ("tls-server-end-point", hashlib.sha256(certificate).digest())
    for cut in range(0, 400, 7):
        assert end_point(certificate[:cut]) is None


def answer_to_login(where: int, authority: Authority, user: str, password: str) -> str:
    """What the server says to a login by PLAIN."""
    with smtplib.SMTP("localhost", where, timeout=WAIT) as client:
        client.starttls(context=ssl.create_default_context(cafile=authority.ca_file))
        client.ehlo()
        said = b64encode(b"\0".join((b"", user.encode(), password.encode()))).decode()
        code, text = client.docmd("AUTH", f"PLAIN {said}")
        return f"{code} {text.decode()}"


@pytest.mark.interop
def test_who_stands_in_postgresql_logs_in_and_without_it_is_told_to_come_again(tmp_path: Path) -> None:
    login = new_login("dora", "s3same", (), b"salt", (Scheme.SCRAM_SHA_256, Scheme.SECRET))
    with PostgreSql() as database:
        database.execute("CREATE TABLE login(name text, word text)")
        words = login.encode().partition(":")[2].split()
        query = "SELECT word FROM login WHERE name = :name"
        dora, wrong = Credentials("dora", "s3same"), Credentials("dora", "guessed")

        async def scenario(where: int, authority: Authority, log: Log) -> None:
            assert await log_in(where, authority, "PLAIN", credentials=dora) == "login.refused"
            for word in words:
                await asyncio.to_thread(database.execute, f"INSERT INTO login VALUES('dora', '{word}')")
            for name in ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256", "CRAM-MD5", "PLAIN", "LOGIN"):
                assert await log_in(where, authority, name, credentials=dora) == "", name
            for name in ("SCRAM-SHA-256", "CRAM-MD5", "PLAIN"):
                assert await log_in(where, authority, name, credentials=wrong) == "login.refused", name
            assert await log_in(where, authority, "PLAIN") == ""  # the users of the file are there besides
            await asyncio.to_thread(database.stop)
            assert (await asyncio.to_thread(answer_to_login, where, authority, "dora", "s3same")).startswith(
                "454 4.7.0"
            )
            assert await log_in(where, authority, "PLAIN") == ""

        with_all(tmp_path, scenario, more=f'postgresql = "{database.url}"\nquery = "{query}"\n')


@pytest.mark.parametrize(
    ("section", "problem"),
    [
        ('[auth]\nmechanisms = ["SCRAM-SHA-257"]', "unknown mechanism"),
        ('[auth]\nmechanisms = ["XOAUTH2"]', "somebody who knows tokens"),
        ('[auth]\nusers = "users"\nmechanisms = []', "no mechanism"),
        ('[auth]\nsqlite = "x.db"', "a database and query go together"),
        ('[auth]\nsqlite = "x.db"\npostgresql = "y"\nquery = "SELECT 1"', "in one database"),
        ('[auth.service]\nurl = "app.example.test"', "is not the URL"),
        ('[auth.service]\nurl = "https://x.test/"\ntimeout = "0s"', "timeout is more than 0"),
        ('[auth.tokens]\nurl = "https://x.test/"\nclient_id = "x"', "go together"),
        ('[tls]\nclient_ca = "nowhere.pem"', "nowhere.pem"),
    ],
)
def test_sections_that_can_not_be_meant_so_are_told(section: str, problem: str, tmp_path: Path) -> None:
    text = f'hostname = "mx.test"\nstate = "state"\n[[listener]]\naddress = "127.0.0.1:0"\n{section}\n'
    with pytest.raises(ConfigError) as told:
        parse_configuration(text, directory=str(tmp_path))
    assert problem in str(told.value)


def user(directory: Path, *arguments: str, said: str = "sesame\n") -> Result:
    path = directory / "heloise.toml"
    path.write_text(configuration(directory, '[auth]\nusers = "users"\n'))
    return CliRunner().invoke(main, ["user", *arguments, "-c", str(path), "--password-stdin"], input=said)


def test_heloise_user_keeps_what_it_is_told_to_keep(tmp_path: Path) -> None:
    kept = user(tmp_path, "add", "bob", "--keep", "scrypt", "--keep", "scram-sha-1", "--keep", "cram-md5")
    assert kept.exit_code == 0, kept.output
    line = (tmp_path / "users").read_text()
    assert [word.partition("$")[0] for word in line.partition(":")[2].split()] == ["SCRAM-SHA-1", "scrypt", "SECRET"]
    assert user(tmp_path, "passwd", "bob", said="other\n").exit_code == 0
    again = (tmp_path / "users").read_text()
    assert [word.partition("$")[0] for word in again.partition(":")[2].split()] == ["SCRAM-SHA-1", "scrypt", "SECRET"]
    assert again != line


def test_another_authority_for_clients_holds_without_a_restart(tmp_path: Path) -> None:
    async def scenario(where: int, authority: Authority, log: Log) -> None:
        strange = tmp_path / "strange"
        strange.mkdir()
        another = Authority(strange)
        certificate = another.issue("laptop.example.test")
        nobody = Credentials("")
        assert await log_in(where, authority, "EXTERNAL", credentials=nobody, certificate=certificate) != ""
        shutil.copyfile(another.ca_file, tmp_path / "clients.pem")
        await log.saw("tls.certificates-read")
        assert await log_in(where, authority, "EXTERNAL", credentials=nobody, certificate=certificate) == ""

    with_all(tmp_path, scenario)
