"""A scan of what our TLS takes, as testssl would do it, from outside: versions, ciphers, forward secrecy,
renegotiation, compression, early data, tickets, fallback, names, chains.

The server is a real one in a thread, the clients are Python's `ssl` and `openssl s_client`, which can ask for things
that Python's can not.
"""

import asyncio
import contextlib
import socket
import ssl
import subprocess
import tempfile
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import trustme

from heloise.net.network import SocketNetwork
from heloise.world import CertificateFiles, Endpoint, LinkError, ServerTls, Stream, TlsProfile
from tests.certificates import Authority
from tests.peers import require

WAIT = 20.0
V = ssl.TLSVersion


@contextmanager
def shaking_hands(demand: ServerTls) -> Iterator[int]:
    """A server that shakes hands, says 220, and waits for the end; its port."""
    ports: list[int] = []
    started, ended = threading.Event(), threading.Event()

    async def serve(stream: Stream) -> None:
        with contextlib.suppress(LinkError):
            await stream.start_tls(demand, timeout=WAIT, is_first=True)
            stream.send(b"220 mx.test\r\n")
            while await stream.receive():
                pass
        stream.close()

    async def run() -> None:
        listening = await SocketNetwork().listen(Endpoint("127.0.0.1", 0), serve)
        assert isinstance(listening.local, Endpoint)
        ports.append(listening.local.port)
        started.set()
        await asyncio.to_thread(ended.wait, 60)
        await listening.close()

    thread = threading.Thread(target=lambda: asyncio.run(run()))
    thread.start()
    try:
        assert started.wait(WAIT)
        yield ports[0]
    finally:
        ended.set()
        thread.join(WAIT)


def context(*, least: V = V.TLSv1, most: V = V.MAXIMUM_SUPPORTED, ciphers: str = "ALL:@SECLEVEL=0") -> ssl.SSLContext:
    """A client that takes everything, within these bounds."""
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname, made.verify_mode = False, ssl.CERT_NONE
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        made.minimum_version, made.maximum_version = least, most
    made.set_ciphers(ciphers)
    return made


def agreed(port: int, client: ssl.SSLContext, name: str = "mx.test") -> tuple[str, str] | None:
    """Version and cipher, or None when there was no handshake."""
    with socket.create_connection(("127.0.0.1", port), WAIT) as link:
        try:
            with client.wrap_socket(link, server_hostname=name) as under_tls:
                assert under_tls.recv(3) == b"220"
                assert under_tls.compression() is None
                cipher = under_tls.cipher()
                assert cipher is not None
                return under_tls.version() or "", cipher[0]
        except (ssl.SSLError, ConnectionError):
            return None


@pytest.fixture(scope="module")
def demand(tmp_path_factory: pytest.TempPathFactory) -> ServerTls:
    return Authority(tmp_path_factory.mktemp("scan")).server("mx.test")


VERSIONS = (V.TLSv1, V.TLSv1_1, V.TLSv1_2, V.TLSv1_3)


@pytest.mark.parametrize(
    ("profile", "taken"),
    [
        (TlsProfile.MODERN, {"TLSv1.3"}),
        (TlsProfile.INTERMEDIATE, {"TLSv1.2", "TLSv1.3"}),
        (TlsProfile.OLD, {"TLSv1", "TLSv1.1", "TLSv1.2", "TLSv1.3"}),
    ],
)
def test_each_profile_takes_its_versions_and_no_older_ones(
    profile: TlsProfile, taken: set[str], demand: ServerTls
) -> None:
    with shaking_hands(replace(demand, profile=profile)) as port:
        found = {said[0] for version in VERSIONS if (said := agreed(port, context(least=version, most=version)))}
    assert found == taken


WEAK = (
    "NULL",
    "aNULL",
    "EXPORT",
    "LOW",
    "RC4",
    "3DES",
    "MD5",
    "kRSA",
    "PSK",
    "SRP",
    "CAMELLIA",
    "ARIA",
    "SHA1",
    "SHA256",
)


@pytest.mark.parametrize("ciphers", WEAK)
def test_by_default_no_weak_cipher_is_agreed_upon(ciphers: str, demand: ServerTls) -> None:
    """No forward secrecy (kRSA), no AEAD (SHA1, SHA256 are CBC with a MAC), or broken."""
    try:
        client = context(least=V.TLSv1_2, most=V.TLSv1_2, ciphers=f"{ciphers}:@SECLEVEL=0")
    except ssl.SSLError:
        return  # this OpenSSL can not even ask for it any more
    with shaking_hands(demand) as port:
        assert agreed(port, client) is None


def test_every_cipher_that_is_agreed_upon_has_forward_secrecy_and_aead(demand: ServerTls) -> None:
    found: set[str] = set()
    with shaking_hands(demand) as port:
        known = context(most=V.TLSv1_2).get_ciphers()
        names = [each["name"] for each in known if each["protocol"] != "TLSv1.3"]
        for name in names:
            client = context(least=V.TLSv1_2, most=V.TLSv1_2, ciphers=f"{name}:@SECLEVEL=0")
            if said := agreed(port, client):
                found.add(said[1])
    assert found
    for name in found:
        assert name.startswith(("ECDHE-", "DHE-")), name
        assert "GCM" in name or "POLY1305" in name, name


def test_the_certificate_goes_by_the_name_that_is_asked_for(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    both = ServerTls(certificates=(authority.issue("mx.test"), authority.issue("other.test", "*.wild.test")))
    trusting = ssl.create_default_context(cafile=authority.ca_file)
    with shaking_hands(both) as port:
        for name in ("mx.test", "other.test", "one.wild.test"):
            assert agreed(port, trusting, name) is not None, name
        assert agreed(port, trusting, "strange.test") is None
        assert agreed(port, trusting, "a.b.wild.test") is None


@pytest.mark.interop
@pytest.mark.slow
def test_openssl_finds_no_renegotiation_and_no_compression(demand: ServerTls) -> None:
    with shaking_hands(demand) as port:
        command = [
            str(require("openssl")),
            "s_client",
            "-connect",
            f"127.0.0.1:{port}",
            "-tls1_2",
            "-legacy_renegotiation",
        ]
        done = subprocess.run(
            command, input=b"R\n", stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=WAIT, check=False
        )
    said = done.stdout.decode(errors="replace")
    assert "Secure Renegotiation IS supported" in said  # that is RFC 5746: nobody can splice one in
    assert "Compression: NONE" in said
    assert "RENEGOTIATING" in said
    assert "no renegotiation" in said or "handshake failure" in said or done.returncode != 0


def asked_by_openssl(port: int, *options: str) -> str:
    """What `openssl s_client` tells of a connection that it ends when it was greeted."""
    command = [str(require("openssl")), "s_client", "-connect", f"127.0.0.1:{port}", *options]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        assert process.stdout is not None
        said: list[bytes] = []
        while (line := process.stdout.readline()) and not line.startswith(b"220 "):
            said.append(line)
        rest, _ = process.communicate(b"Q\n", WAIT)
    return b"".join((*said, rest)).decode(errors="replace")


@pytest.mark.interop
@pytest.mark.slow
def test_nothing_can_be_said_before_the_handshake_is_over(demand: ServerTls) -> None:
    """Early data could be played again by anybody (RFC 8446 §8), and mail is not to be sent twice."""
    with shaking_hands(demand) as port, tempfile.TemporaryDirectory(dir="/tmp") as directory:
        session, early = f"{directory}/session", f"{directory}/early"
        Path(early).write_bytes(b"EHLO early.test\r\n")
        first = asked_by_openssl(port, "-tls1_3", "-sess_out", session)
        assert "Max Early Data: 0" in first or "Max Early Data" not in first
        said = asked_by_openssl(port, "-tls1_3", "-sess_in", session, "-early_data", early)
        assert "Early data was accepted" not in said


@pytest.mark.interop
@pytest.mark.slow
@pytest.mark.parametrize("version", ["-tls1_2", "-tls1_3"])
def test_a_session_goes_on_only_where_its_ticket_is_ours(version: str, demand: ServerTls) -> None:
    """A ticket of another process of ours is another's: its key is nowhere but in memory, and ends with it."""
    with tempfile.TemporaryDirectory(dir="/tmp") as directory:
        session = f"{directory}/session"
        with shaking_hands(demand) as port:
            assert "New, TLSv1" in asked_by_openssl(port, version, "-sess_out", session)
        assert Path(session).exists()
        with shaking_hands(replace(demand, version=demand.version + 1)) as port:
            said = asked_by_openssl(port, version, "-sess_in", session)
            assert "Reused, TLSv1" not in said
            assert "New, TLSv1" in said


@pytest.mark.interop
@pytest.mark.slow
def test_the_chain_is_shown_as_far_as_the_authority(tmp_path: Path) -> None:
    root = trustme.CA()
    between = root.create_child_ca()
    made = between.issue_cert("mx.test")
    chain, key, ca = (tmp_path / name for name in ("chain", "key", "ca"))
    chain.write_bytes(b"".join(each.bytes() for each in made.cert_chain_pems))
    key.write_bytes(made.private_key_pem.bytes())
    root.cert_pem.write_to_path(str(ca))
    demand = ServerTls(certificates=(CertificateFiles(chain=str(chain), key=str(key)),))
    with shaking_hands(demand) as port:
        said = asked_by_openssl(port, "-CAfile", str(ca), "-verify_return_error", "-showcerts")
        assert "Verify return code: 0 (ok)" in said
        assert said.count("-----BEGIN CERTIFICATE-----") == 2
        assert agreed(port, ssl.create_default_context(cafile=str(ca))) is not None


@pytest.mark.interop
@pytest.mark.slow
def test_weak_groups_and_signatures_are_not_agreed_upon(demand: ServerTls) -> None:
    with shaking_hands(demand) as port:
        for option in (("-groups", "ffdhe2048", "-tls1_2", "-cipher", "DHE"), ("-sigalgs", "ECDSA+SHA1", "-tls1_2")):
            said = asked_by_openssl(port, *option)
            assert "Cipher is (NONE)" in said or "Cipher    : 0000" in said, said
        # Nothing of TLS_FALLBACK_SCSV: who comes back with less than both can do is turned away (RFC 7507).
        said = asked_by_openssl(port, "-fallback_scsv", "-no_tls1_3")
        assert "inappropriate fallback" in said
