"""A running server under TLS: the standard library as client, asyncio and uvloop as loops. RFC 3207, RFC 8314."""

import asyncio
import shutil
import smtplib
import socket
import ssl
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvloop

from heloise.app.journal import Journal
from heloise.app.server.mail_server import MailServer
from heloise.config import ConfigError, parse_configuration
from heloise.config.advice import advise
from heloise.net import real_world
from heloise.world import Endpoint
from tests.certificates import Authority

WAIT = 30.0
Loop = Callable[[], asyncio.AbstractEventLoop]
both_loops = pytest.mark.parametrize(
    "new_loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"]
)
LETTER = b"From: a@client.test\r\nTo: alice@example.test\r\nSubject: under TLS\r\n\r\nHello\r\n"


class Log:
    """What the server said it did, and a way to wait for it."""

    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []
        self._changed = asyncio.Event()

    def emit(self, level: str, event: str, fields: dict[str, object]) -> None:
        self.events.append((event, fields))
        self._changed.set()

    async def saw(self, wanted: str) -> dict[str, object]:
        """The fields of the first such event, once there is one."""
        while True:
            for event, fields in self.events:
                if event == wanted:
                    return fields
            self._changed.clear()
            await self._changed.wait()


def configuration(directory: Path, tls: str, listeners: tuple[str, ...] = ("starttls",)) -> str:
    doors = "".join(f'[[listener]]\naddress = "127.0.0.1:0"\ntls = "{each}"\n' for each in listeners)
    return (
        f'hostname = "mx.example.test"\nstate = "{directory}/state"\n{doors}'
        f'[local]\ndomains = ["example.test"]\n[[user]]\nname = "alice"\n[passport]\noff = true\n{tls}'
    )


def certificates(*files: Any) -> str:
    return "".join(f'[[tls.certificate]]\nchain = "{each.chain}"\nkey = "{each.key}"\n' for each in files)


def serving(text: str, directory: Path, new_loop: Loop, scenario: Callable[[MailServer, Log], Any]) -> None:
    async def run() -> None:
        async with asyncio.timeout(WAIT):
            log = Log()
            made = parse_configuration(text, directory=str(directory))
            server = MailServer(made, real_world(), Journal(log.emit))
            await server.start()
            try:
                await scenario(server, log)
            finally:
                await server.stop()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(run())


def port(server: MailServer, index: int = 0) -> int:
    endpoint = server.endpoints[index]
    assert isinstance(endpoint, Endpoint)
    return endpoint.port


def trusting(authority: Authority) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=authority.ca_file)


def delivered(directory: Path) -> str:
    (letter,) = (directory / "state").glob("**/new/*")
    return letter.read_text()


@contextmanager
def said_in_plaintext(where: int) -> Iterator[socket.socket]:
    with socket.create_connection(("127.0.0.1", where), timeout=WAIT) as connection:
        yield connection


@both_loops
def test_mail_comes_in_after_starttls_and_the_trace_field_says_how(new_loop: Loop, tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def send(where: int) -> list[str]:
        with smtplib.SMTP("127.0.0.1", where, timeout=WAIT) as client:
            client._host = "mx.example.test"  # type: ignore[attr-defined]
            client.ehlo("client.test")
            before = client.has_extn("starttls")
            client.starttls(context=trusting(authority))
            client.ehlo("client.test")
            client.sendmail("a@client.test", ["alice@example.test"], LETTER)
            return [str(before), str(client.has_extn("starttls"))]

    async def scenario(server: MailServer, log: Log) -> None:
        assert await asyncio.to_thread(send, port(server)) == ["True", "False"]
        assert (await log.saw("message.accepted"))["tls"] == "TLSv1.3 TLS_AES_256_GCM_SHA384 not verified"
        await log.saw("delivery.attempted")

    text = configuration(tmp_path, certificates(authority.issue("mx.example.test")))
    serving(text, tmp_path, new_loop, scenario)
    letter = delivered(tmp_path)
    assert "with ESMTPS id" in letter
    assert "(using TLSv1.3 with cipher TLS_AES_256_GCM_SHA384)" in letter


@both_loops
def test_a_listener_may_begin_with_the_handshake(new_loop: Loop, tmp_path: Path) -> None:
    """RFC 8314 §3."""
    authority = Authority(tmp_path)

    def send(where: int) -> bool:
        with smtplib.SMTP_SSL("localhost", where, timeout=WAIT, context=trusting(authority)) as client:
            client.ehlo("client.test")
            client.sendmail("a@client.test", ["alice@example.test"], LETTER)
            return client.has_extn("starttls")

    async def scenario(server: MailServer, log: Log) -> None:
        assert not await asyncio.to_thread(send, port(server, 1))
        await log.saw("delivery.attempted")

    text = configuration(tmp_path, certificates(authority.issue("localhost")), ("starttls", "implicit"))
    serving(text, tmp_path, new_loop, scenario)
    assert "with ESMTPS id" in delivered(tmp_path)


def test_who_speaks_plaintext_to_an_implicit_listener_is_not_answered(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def speak(where: int) -> bytes:
        with said_in_plaintext(where) as connection:
            connection.sendall(b"EHLO client.test\r\n")
            return connection.recv(1000)

    async def scenario(server: MailServer, log: Log) -> None:
        assert b"220" not in await asyncio.to_thread(speak, port(server))
        fields = await log.saw("session.not-secured")
        assert (fields["peer"], fields["cause"]) == ("127.0.0.1", "tls.failed")

    text = configuration(tmp_path, certificates(authority.issue("localhost")), ("implicit",))
    serving(text, tmp_path, asyncio.new_event_loop, scenario)


@both_loops
def test_a_command_put_in_behind_starttls_is_never_executed(new_loop: Loop, tmp_path: Path) -> None:
    """CVE-2011-0411: cut anywhere, it is refused in plaintext, or breaks the handshake."""
    authority = Authority(tmp_path)
    attack = b"STARTTLS\r\nMAIL FROM:<eve@evil.test>\r\n"

    def strike(where: int, cut: int) -> bytes:
        with said_in_plaintext(where) as connection, connection.makefile("rb") as replies:
            replies.readline()
            connection.sendall(b"EHLO client.test\r\n")
            while replies.readline()[3:4] == b"-":
                pass
            connection.sendall(attack[:cut])
            connection.sendall(attack[cut:])
            try:
                return replies.read()
            except ConnectionError:
                return b""

    async def scenario(server: MailServer, log: Log) -> None:
        for cut in range(1, len(attack)):
            said = await asyncio.to_thread(strike, port(server), cut)
            assert b"250" not in said
            assert b"Sender" not in said
        assert not any(event == "session.secured" for event, _ in log.events)

    text = configuration(tmp_path, certificates(authority.issue("localhost")))
    serving(text, tmp_path, new_loop, scenario)


def test_a_new_certificate_holds_without_a_restart_and_a_broken_one_does_not(tmp_path: Path) -> None:
    (tmp_path / "new").mkdir()
    old, new = Authority(tmp_path), Authority(tmp_path / "new")
    files, fresh = old.issue("localhost"), new.issue("localhost")

    def greeted(where: int, authority: Authority) -> bool:
        try:
            with smtplib.SMTP("localhost", where, timeout=WAIT) as client:
                client.starttls(context=trusting(authority))
                return client.noop()[0] == 250
        except ssl.SSLCertVerificationError:
            return False

    async def scenario(server: MailServer, log: Log) -> None:
        where = port(server)
        assert await asyncio.to_thread(greeted, where, old)
        shutil.copyfile(fresh.chain, files.chain)
        problem = (await log.saw("tls.certificates-broken"))["problem"]
        assert str(problem).startswith(files.key)
        assert await asyncio.to_thread(greeted, where, old)
        shutil.copyfile(fresh.key, files.key)
        await log.saw("tls.certificates-read")
        assert await asyncio.to_thread(greeted, where, new)
        assert not await asyncio.to_thread(greeted, where, old)

    serving(configuration(tmp_path, certificates(files)), tmp_path, asyncio.new_event_loop, scenario)


def test_each_name_has_its_certificate(tmp_path: Path) -> None:
    authority = Authority(tmp_path)

    def names(where: int, name: str) -> list[str]:
        with (
            said_in_plaintext(where) as connection,
            trusting(authority).wrap_socket(connection, server_hostname=name) as secured,
        ):
            shown: Any = secured.getpeercert()
            return [value for _, value in shown["subjectAltName"]]

    async def scenario(server: MailServer, log: Log) -> None:
        for name in ("a.test", "b.test"):
            assert await asyncio.to_thread(names, port(server), name) == [name]

    tls = certificates(authority.issue("a.test"), authority.issue("b.test"))
    serving(configuration(tmp_path, tls, ("implicit",)), tmp_path, asyncio.new_event_loop, scenario)


def test_what_is_wrong_with_a_certificate_is_told_with_its_line(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    good, other = authority.issue("a.test"), authority.issue("b.test")
    for chain, key, line, trouble in (
        ("/nowhere.pem", good.key, 'chain = "/nowhere.pem"', "No such file"),
        (good.chain, other.key, f'key = "{other.key}"', "does not belong to the certificate"),
    ):
        text = configuration(tmp_path, f'[[tls.certificate]]\nchain = "{chain}"\nkey = "{key}"\n')
        with pytest.raises(ConfigError, match=trouble) as caught:
            parse_configuration(text, directory=str(tmp_path))
        (problem,) = caught.value.problems
        assert text.splitlines()[problem.rule.line - 1] == line
    with pytest.raises(ConfigError, match="tls is implicit, and there is no certificate"):
        parse_configuration(configuration(tmp_path, "", ("implicit",)), directory=str(tmp_path))


def test_an_expired_certificate_is_advised_against_and_serves_those_who_do_not_look(tmp_path: Path) -> None:
    expired = Authority(tmp_path).issue("mx.example.test", expired=True)
    made = parse_configuration(configuration(tmp_path, certificates(expired)), directory=str(tmp_path))
    assert [each.text for each in advise(made) if each.section == "tls"] == [
        f"{expired.chain}: certificate has expired"
    ]


def relaying(
    directory: Path, authority: Authority, shown_for: str, level: str, scenario: Callable[[Log, Log], Any]
) -> None:
    """A letter is on its way through a server that sends it on to another, whose certificate is for `shown_for`."""

    def send(where: int) -> None:
        with smtplib.SMTP("127.0.0.1", where, timeout=WAIT) as client:
            client.sendmail("a@client.test", ["alice@example.test"], LETTER)

    async def run() -> None:
        async with asyncio.timeout(WAIT):
            theirs, ours = Log(), Log()
            text = configuration(directory, certificates(authority.issue(shown_for)))
            receiver = MailServer(
                parse_configuration(text, directory=str(directory)), real_world(), Journal(theirs.emit)
            )
            await receiver.start()
            route = (
                f'hostname = "relay.test"\nstate = "{directory}/relay"\nsmarthost = "smtp:127.0.0.1:{port(receiver)}"\n'
                f'[[listener]]\naddress = "127.0.0.1:0"\n[passport]\noff = true\n'
                f'[delivery]\ntls = "{level}"\nca_file = "{authority.ca_file}"\n'
            )
            relay = MailServer(parse_configuration(route, directory=str(directory)), real_world(), Journal(ours.emit))
            await relay.start()
            try:
                await asyncio.to_thread(send, port(relay))
                await scenario(ours, theirs)
            finally:
                await relay.stop()
                await receiver.stop()

    asyncio.run(run())


@pytest.mark.parametrize(
    ("level", "shown_for", "seen"),
    [
        ("verify", "127.0.0.1", "ESMTPS"),
        ("encrypt", "other.test", "ESMTPS"),
        ("may", "other.test", "ESMTPS"),
        ("none", "127.0.0.1", "ESMTP"),
    ],
)
def test_mail_goes_on_as_protected_as_it_has_to_be(level: str, shown_for: str, seen: str, tmp_path: Path) -> None:
    async def arrives(ours: Log, theirs: Log) -> None:
        assert (await ours.saw("delivery.attempted"))["action"] == "relayed"
        await theirs.saw("delivery.attempted")

    relaying(tmp_path, Authority(tmp_path), shown_for, level, arrives)
    assert f"with {seen} id" in delivered(tmp_path)


def test_who_has_to_be_verified_and_can_not_be_gets_no_mail(tmp_path: Path) -> None:
    async def waits(ours: Log, theirs: Log) -> None:
        attempted = await ours.saw("delivery.attempted")
        assert (attempted["action"], attempted["cause"]) == ("delayed", "tls.failed")
        assert "454 4.7.5" in str(attempted["reply"])
        assert "IP address mismatch" in str(attempted["reply"])
        assert not any(event == "message.accepted" for event, _ in theirs.events)

    relaying(tmp_path, Authority(tmp_path), "other.test", "verify", waits)


async def a_server_whose_tls_is_broken(seen: list[bytes]) -> asyncio.Server:
    """It offers STARTTLS and then speaks none; in plaintext it takes everything."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 broken.test ESMTP\r\n")
        while line := await reader.readline():
            seen.append(line)
            verb = line[:4].upper()
            writer.write(_BROKEN.get(verb, b"250 2.0.0 Ok\r\n"))
            if verb == b"STAR":
                await reader.read(1)
                writer.write(b"500 what?\r\n")
                break
            if verb == b"DATA":
                seen.append(await reader.readuntil(b"\r\n.\r\n"))
                writer.write(b"250 2.0.0 Taken\r\n")
        writer.close()

    return await asyncio.start_server(serve, "127.0.0.1", 0)


_BROKEN = {b"EHLO": b"250-broken.test\r\n250 STARTTLS\r\n", b"STAR": b"220 2.0.0 Go\r\n", b"DATA": b"354 Go\r\n"}


@pytest.mark.parametrize(("level", "action"), [("may", "relayed"), ("encrypt", "delayed")])
def test_where_a_handshake_fails_mail_goes_in_plaintext_if_it_may_and_waits_if_not(
    level: str, action: str, tmp_path: Path
) -> None:
    """RFC 3207 §4.1; RFC 7435."""
    seen: list[bytes] = []

    def send(where: int) -> None:
        with smtplib.SMTP("127.0.0.1", where, timeout=WAIT) as client:
            client.sendmail("a@client.test", ["alice@example.test"], LETTER)

    async def run() -> None:
        async with asyncio.timeout(WAIT):
            broken = await a_server_whose_tls_is_broken(seen)
            where = broken.sockets[0].getsockname()[1]
            text = configuration(tmp_path, f'[delivery]\ntls = "{level}"\n').replace(
                '["example.test"]', '["here.test"]'
            )
            text = text.replace("hostname", f'smarthost = "smtp:127.0.0.1:{where}"\nhostname', 1)
            log = Log()
            relay = MailServer(parse_configuration(text, directory=str(tmp_path)), real_world(), Journal(log.emit))
            await relay.start()
            try:
                await asyncio.to_thread(send, port(relay))
                attempted = await log.saw("delivery.attempted")
                assert attempted["action"] == action
                assert (attempted["cause"] == "peer.said") is (action == "relayed")
            finally:
                await relay.stop()
                broken.close()

    asyncio.run(run())
    assert any(b"Subject: under TLS" in each for each in seen) is (action == "relayed")
