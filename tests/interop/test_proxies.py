"""heloise behind HAProxy, and curl that speaks the PROXY protocol itself."""

import smtplib
from pathlib import Path

import pytest

from tests.certificates import Authority
from tests.interop.clients import run
from tests.interop.house import house
from tests.peers import HaProxy, require, wait_until
from tests.peers.jail import free_port

pytestmark = [pytest.mark.interop, pytest.mark.slow]
LETTER = b"Subject: by proxy\r\n\r\nHello\r\n"


def log(directory: Path) -> str:
    return (directory / "heloise.log").read_text()


def listener(port: int, more: str = "") -> str:
    return f'[[listener]]\naddress = "127.0.0.1:{port}"\nproxy_protocol = true\nproxies = ["127.0.0.1"]\n{more}'


@pytest.mark.parametrize("options", ["send-proxy", "send-proxy-v2", "send-proxy-v2 proxy-v2-options crc32c,unique-id"])
def test_a_client_behind_haproxy_is_known_by_its_own_address(tmp_path: Path, options: str) -> None:
    port = free_port()
    with house(tmp_path, extra=listener(port)) as heloise, HaProxy(port, options) as proxy:
        with smtplib.SMTP("127.0.0.1", proxy.port, "client.test", 20, ("127.0.0.77", 0)) as client:
            client.sendmail("a@client.test", ["alice@here.test"], LETTER)
        [octets] = heloise.mailboxes.wait_for_messages("alice", 1)
    assert b"Received: from client.test ([127.0.0.77])" in octets


def test_health_checks_of_haproxy_find_a_server_that_is_well(tmp_path: Path) -> None:
    port = free_port()
    options = "send-proxy-v2 check inter 200ms"
    check = "option smtpchk EHLO haproxy.test"
    extra = listener(port) + '[log]\nlevel = "debug"\n'
    with house(tmp_path, extra=extra) as heloise, HaProxy(port, options, check=check) as proxy:
        with smtplib.SMTP("127.0.0.1", proxy.port, "client.test", 20) as client:
            client.sendmail("a@client.test", ["alice@here.test"], LETTER)
        heloise.mailboxes.wait_for_messages("alice", 1)
        wait_until(lambda: log(tmp_path).count("session.ended") >= 3, "health checks", 10)
        assert "DOWN" not in proxy.log_text()
        assert "not-introduced" not in log(tmp_path)


def test_curl_says_who_it_is_before_it_shakes_hands(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    authority, port = Authority(tmp_path), free_port()
    files = authority.issue("localhost")
    more = f'tls = "implicit"\n[[tls.certificate]]\nchain = "{files.chain}"\nkey = "{files.key}"\n'
    with house(tmp_path, extra=listener(port, more)) as heloise:
        command = [str(require("curl")), "-sS", "--haproxy-protocol", "--cacert", authority.ca_file]
        where = ["--resolve", f"localhost:{port}:127.0.0.1", f"smtps://localhost:{port}/client.test"]
        run([*command, *where, "--mail-from", "a@client.test", "--mail-rcpt", "alice@here.test", "-T", "-"], LETTER)
        [octets] = heloise.mailboxes.wait_for_messages("alice", 1)
    assert b"Received: from client.test ([127.0.0.1])\r\n\t(using TLSv1.3 " in octets
