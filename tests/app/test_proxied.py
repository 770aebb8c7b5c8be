"""A running server behind a proxy: the client's address counts everywhere, and nobody but the proxy can tell one."""

import asyncio
import json
import socket
import ssl
from collections.abc import Callable
from pathlib import Path

from heloise.app.server.mail_server import MailServer
from heloise.config import parse_configuration
from heloise.config.advice import advise
from heloise.world import Endpoint
from tests.app.test_tls import Log, Loop, both_loops, certificates, delivered, port, serving, trusting
from tests.certificates import Authority
from tests.link.proxy_headers import binary, line

WAIT = 20.0
CLIENT, SERVER = Endpoint("203.0.113.9", 40000), Endpoint("192.0.2.1", 25)
LETTER = b"Subject: by proxy\r\n\r\nHello\r\n.\r\n"
SENDING = (
    b"EHLO client.test\r\n",
    b"MAIL FROM:<a@client.test>\r\n",
    b"RCPT TO:<alice@example.test>\r\n",
    b"DATA\r\n",
    LETTER,
    b"QUIT\r\n",
)


def configuration(
    directory: Path, *, proxies: str = '"127.0.0.1"', tls: str = "off", more: str = "", top: str = ""
) -> str:
    return (
        f'hostname = "mx.example.test"\nstate = "{directory}/state"\n{top}'
        f'[[listener]]\naddress = "127.0.0.1:0"\ntls = "{tls}"\nproxy_protocol = true\nproxies = [{proxies}]\n'
        f'[local]\ndomains = ["example.test"]\n[[user]]\nname = "alice"\n[passport]\noff = true\n{more}'
    )


def say(where: int, first: bytes, lines: tuple[bytes, ...] = (), *, source: str = "127.0.0.1") -> list[bytes]:
    """Send `first` at once, then a line for each reply; all the server said, until it closed."""
    said = []
    with socket.create_connection(("127.0.0.1", where), timeout=WAIT, source_address=(source, 0)) as link:
        link.sendall(first)
        with link.makefile("rb") as replies:
            for line_ in (*lines, b""):
                while (reply := replies.readline())[3:4] == b"-":
                    said.append(reply)
                said.append(reply)
                link.sendall(line_)
            said.append(replies.read())
    return said


def serve(
    text: str, directory: Path, new_loop: Loop, client: Callable[[int], list[bytes]], seen: str
) -> tuple[list[bytes], dict[str, object]]:
    """What `client` heard, and the fields of the event `seen`."""
    outcome: list[tuple[list[bytes], dict[str, object]]] = []

    async def scenario(server: MailServer, log: Log) -> None:
        heard = await asyncio.to_thread(client, port(server))
        outcome.append((heard, await log.saw(seen)))

    serving(text, directory, new_loop, scenario)
    return outcome[0]


@both_loops
def test_the_address_that_the_proxy_tells_is_in_the_trace_and_in_the_log(new_loop: Loop, tmp_path: Path) -> None:
    header = line(CLIENT, SERVER)
    _, fields = serve(
        configuration(tmp_path), tmp_path, new_loop, lambda where: say(where, header, SENDING), "message.accepted"
    )
    assert fields["peer"] == "203.0.113.9"
    assert "Received: from client.test ([203.0.113.9])" in delivered(tmp_path)


@both_loops
def test_a_command_in_the_segment_of_the_header_is_not_lost(new_loop: Loop, tmp_path: Path) -> None:
    first = binary(CLIENT, SERVER, with_sum=True) + b"QUIT\r\n"
    heard, _ = serve(configuration(tmp_path), tmp_path, new_loop, lambda where: say(where, first), "session.opened")
    assert heard[0].startswith(b"220 ")
    assert heard[-1].startswith(b"221 ")


@both_loops
def test_a_client_hello_in_the_segment_of_the_header_is_not_lost(new_loop: Loop, tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    files = authority.issue("mx.example.test")

    def client(where: int) -> list[bytes]:
        incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        secured = trusting(authority).wrap_bio(incoming, outgoing, server_hostname="mx.example.test")
        with socket.create_connection(("127.0.0.1", where), timeout=WAIT) as link:
            before = binary(CLIENT, SERVER)
            step: Callable[[], object] = secured.do_handshake
            while True:
                try:
                    found = step()
                except ssl.SSLWantReadError:
                    link.sendall(before + outgoing.read())
                    before = b""
                    incoming.write(link.recv(65536))
                    continue
                if isinstance(found, bytes):
                    return [found]
                link.sendall(outgoing.read())
                step = secured.read

    text = configuration(tmp_path, tls="implicit", more=certificates(files))
    heard, fields = serve(text, tmp_path, new_loop, client, "session.opened")
    assert heard[0].startswith(b"220 mx.example.test")
    assert fields["peer"] == "203.0.113.9"


@both_loops
def test_who_is_no_proxy_is_refused_whatever_header_he_sends(new_loop: Loop, tmp_path: Path) -> None:
    heard, fields = serve(
        configuration(tmp_path, proxies='"192.0.2.0/24"'),
        tmp_path,
        new_loop,
        lambda where: say(where, line(Endpoint("127.0.0.1", 4000), SERVER), (b"QUIT\r\n",)),
        "command.refused",
    )
    assert heard[0].startswith(b"554 mx.example.test ")
    assert fields["cause"] == "proxy.not-one"
    assert str(fields["rule"]).endswith(":7")
    assert fields["inputs"] == {"client": "127.0.0.1"}


@both_loops
def test_a_connection_without_a_header_is_closed_without_a_word(new_loop: Loop, tmp_path: Path) -> None:
    heard, fields = serve(
        configuration(tmp_path),
        tmp_path,
        new_loop,
        lambda where: say(where, b"EHLO client.test\r\n"),
        "session.not-introduced",
    )
    assert heard == [b"", b""]
    assert fields == {"peer": "127.0.0.1", "cause": "proxy.header", "trouble": "there is no PROXY header"}


RELAYING = (b"EHLO c.test\r\n", b"MAIL FROM:<a@c.test>\r\n", b"RCPT TO:<b@elsewhere.test>\r\n", b"QUIT\r\n")


@both_loops
def test_a_client_relays_by_its_own_address_and_not_by_that_of_the_proxy(new_loop: Loop, tmp_path: Path) -> None:
    text = configuration(tmp_path, more='[relay]\nnetworks = ["127.0.0.0/8", "10.1.0.0/16"]\n')

    def client(where: int) -> list[bytes]:
        return [
            say(where, header, RELAYING)[-3][:9]
            for header in (
                line(Endpoint("10.1.2.3", 1000), SERVER),
                line(CLIENT, SERVER),
                b"PROXY UNKNOWN\r\n",
                binary(Endpoint("127.0.0.1", 1000), SERVER, command=0),
            )
        ]

    heard, _ = serve(text, tmp_path, new_loop, client, "command.refused")
    assert heard == [b"250 2.1.5", b"550 5.7.1", b"550 5.7.1", b"550 5.7.1"]


@both_loops
def test_connections_are_counted_by_the_client_that_the_proxy_tells(new_loop: Loop, tmp_path: Path) -> None:
    def client(where: int) -> list[bytes]:
        greetings = []
        links = []
        for host in ("203.0.113.9", "203.0.113.9", "203.0.113.10"):
            link = socket.create_connection(("127.0.0.1", where), timeout=WAIT)
            links.append(link)
            link.sendall(line(Endpoint(host, 4000), SERVER))
            greetings.append(link.recv(4096)[:9])
        for link in links:
            link.close()
        return greetings

    text = configuration(tmp_path, more="[limits]\nconnections_per_client = 1\n")
    heard, fields = serve(text, tmp_path, new_loop, client, "session.turned-away")
    assert heard == [b"220 mx.ex", b"421 4.3.2", b"220 mx.ex"]
    assert dict(fields["inputs"])["client"] == "203.0.113.9"  # type: ignore[call-overload]


@both_loops
def test_a_stop_does_not_wait_for_headers(new_loop: Loop, tmp_path: Path) -> None:
    links = []

    async def scenario(server: MailServer, log: Log) -> None:
        links.append(await asyncio.to_thread(socket.create_connection, ("127.0.0.1", port(server)), WAIT))
        await asyncio.sleep(0)

    try:
        serving(configuration(tmp_path), tmp_path, new_loop, scenario)
    finally:
        for link in links:
            link.close()


def test_proxies_are_a_must_and_few() -> None:
    text = configuration(Path("/srv"), proxies='"0.0.0.0/0"')
    assert any("somebody else" in item.text for item in advise(parse_configuration(text, directory="/srv")))
    assert json.dumps(text)
