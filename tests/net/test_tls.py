"""Real handshakes on the loopback interface, on asyncio and uvloop. RFC 3207, RFC 8446."""

import asyncio
import shutil
import tracemalloc
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest
import uvloop

from heloise.mail.encryption import Encryption
from heloise.net import SocketNetwork
from heloise.net.tls import certificate_names, context_for, load_server, server_context
from heloise.testing.contracts import check_stream_pair
from heloise.world import (
    CertificateFiles,
    ClientTls,
    Endpoint,
    LinkError,
    LinkFault,
    ServerTls,
    Stream,
    TlsFileError,
    TlsProfile,
)
from tests.certificates import Authority

WAIT = 10.0
Scenario = Callable[[Stream, Stream], Awaitable[None]]
LOOPS: list[Callable[[], asyncio.AbstractEventLoop]] = [asyncio.new_event_loop, uvloop.new_event_loop]
both_loops = pytest.mark.parametrize("new_loop", LOOPS, ids=["asyncio", "uvloop"])


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path)


async def pair() -> tuple[Stream, Stream]:
    """Client and server, connected in plaintext."""
    accepted: asyncio.Queue[Stream] = asyncio.Queue()

    async def serve(stream: Stream) -> None:
        accepted.put_nowait(stream)
        await stream.wait_closed()

    network = SocketNetwork()
    listening = await network.listen(Endpoint("127.0.0.1", 0), serve)
    client = await network.connect(listening.local, timeout=WAIT)
    server = await accepted.get()
    await listening.close()
    return client, server


def run(new_loop: Callable[[], asyncio.AbstractEventLoop], scenario: Scenario) -> None:
    async def with_deadline() -> None:
        async with asyncio.timeout(WAIT):
            client, server = await pair()
            try:
                await scenario(client, server)
            finally:
                client.abort()
                server.abort()
                await client.wait_closed()
                await server.wait_closed()

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(with_deadline())


async def shake_hands(
    client: Stream, server: Stream, demand: ClientTls, offer: ServerTls
) -> tuple[Encryption | BaseException, Encryption | BaseException]:
    near, far = await asyncio.gather(
        client.start_tls(demand, timeout=WAIT), server.start_tls(offer, timeout=WAIT), return_exceptions=True
    )
    return near, far


def fault(outcome: Encryption | BaseException) -> LinkFault:
    assert isinstance(outcome, LinkError)
    return outcome.fault


@both_loops
def test_a_connection_that_has_begun_in_plaintext_goes_on_under_tls(
    new_loop: Callable[[], asyncio.AbstractEventLoop], authority: Authority
) -> None:
    async def scenario(client: Stream, server: Stream) -> None:
        client.send(b"STARTTLS\r\n")
        assert await server.receive() == b"STARTTLS\r\n"
        server.send(b"220 go\r\n")
        offer = asyncio.create_task(server.start_tls(authority.server("mx.test"), timeout=WAIT))
        assert await client.receive() == b"220 go\r\n"
        near = await client.start_tls(authority.client("mx.test"), timeout=WAIT)
        far = await offer
        assert (near.version, near.is_verified) == ("TLSv1.3", True)
        assert (far.version, far.cipher, far.is_verified) == (near.version, near.cipher, False)
        client.send(b"EHLO client.test\r\n")
        assert await server.receive() == b"EHLO client.test\r\n"

    run(new_loop, scenario)


@both_loops
def test_a_stream_keeps_all_its_promises_under_tls(
    new_loop: Callable[[], asyncio.AbstractEventLoop], authority: Authority
) -> None:
    offer, demand = authority.server("mx.test"), authority.client("mx.test")

    async def secured() -> tuple[Stream, Stream]:
        client, server = await pair()
        await shake_hands(client, server, demand, offer)
        return client, server

    async def with_deadline() -> None:
        async with asyncio.timeout(60):
            await check_stream_pair(secured)

    with asyncio.Runner(loop_factory=new_loop) as runner:
        runner.run(with_deadline())


@both_loops
def test_what_was_received_in_plaintext_and_not_taken_ends_the_connection(
    new_loop: Callable[[], asyncio.AbstractEventLoop], authority: Authority
) -> None:
    """RFC 3207 §6: it could be an attacker's, and be taken for the words of the peer after the handshake."""

    async def refuses(sender: Stream, receiver: Stream, demand: ClientTls | ServerTls) -> None:
        sender.send(b"first")
        assert await receiver.receive() == b"first"
        sender.send(b"RSET\r\n")
        while not receiver._input:  # type: ignore[attr-defined]  # noqa: ASYNC110  (nothing else tells)
            await asyncio.sleep(0)
        with pytest.raises(LinkError) as caught:
            await receiver.start_tls(demand, timeout=WAIT)
        assert caught.value.fault is LinkFault.INJECTED
        with pytest.raises(LinkError):
            await receiver.receive()

    async def by_the_client(client: Stream, server: Stream) -> None:
        await refuses(client, server, authority.server("mx.test"))

    async def by_the_server(client: Stream, server: Stream) -> None:
        await refuses(server, client, authority.client("mx.test"))

    run(new_loop, by_the_client)
    run(new_loop, by_the_server)


@both_loops
def test_a_name_that_is_not_in_the_certificate_and_an_unknown_authority_are_found_out(
    new_loop: Callable[[], asyncio.AbstractEventLoop], authority: Authority
) -> None:
    async def wrong_name(client: Stream, server: Stream) -> None:
        near, far = await shake_hands(client, server, authority.client("other.test"), authority.server("mx.test"))
        assert fault(near) is LinkFault.UNVERIFIED
        assert "other.test" in str(near)
        # In TLS 1.3 the server may be done before the client looks at its certificate.
        if not isinstance(far, LinkError):
            with pytest.raises(LinkError):
                assert await server.receive()

    async def unknown_authority(client: Stream, server: Stream) -> None:
        demand = ClientTls(server_name="mx.test", verify=True)
        near, _ = await shake_hands(client, server, demand, authority.server("mx.test"))
        assert fault(near) is LinkFault.UNVERIFIED

    async def nobody_looks(client: Stream, server: Stream) -> None:
        demand = authority.client("other.test", verify=False)
        near, _ = await shake_hands(client, server, demand, authority.server("mx.test"))
        assert isinstance(near, Encryption)
        assert not near.is_verified

    for scenario in (wrong_name, unknown_authority, nobody_looks):
        run(new_loop, scenario)


@both_loops
def test_a_peer_that_speaks_no_tls_hangs_up_or_is_silent_is_told_apart(
    new_loop: Callable[[], asyncio.AbstractEventLoop], authority: Authority
) -> None:
    offer = authority.server("mx.test")

    async def plaintext(client: Stream, server: Stream) -> None:
        handshake = asyncio.create_task(server.start_tls(offer, timeout=WAIT))
        await asyncio.sleep(0)
        client.send(b"EHLO client.test\r\n")
        with pytest.raises(LinkError) as caught:
            await handshake
        assert caught.value.fault is LinkFault.TLS
        await server.wait_closed()

    async def hangs_up(client: Stream, server: Stream) -> None:
        handshake = asyncio.create_task(server.start_tls(offer, timeout=WAIT))
        await asyncio.sleep(0)
        client.close()
        with pytest.raises(LinkError) as caught:
            await handshake
        assert caught.value.fault is LinkFault.TLS

    async def silent(client: Stream, server: Stream) -> None:
        with pytest.raises(LinkError) as caught:
            await server.start_tls(offer, timeout=0.05)
        assert caught.value.fault is LinkFault.TIMED_OUT

    for scenario in (plaintext, hangs_up, silent):
        run(new_loop, scenario)


def test_a_client_gets_the_certificate_of_the_name_it_asks_for(authority: Authority) -> None:
    """RFC 6066 §3; the first one is for whoever asks for none of them."""
    named = replace(authority.issue("hidden.test"), names=("chosen.test",))
    certificates = (authority.issue("a.test"), authority.issue("b.test", "*.b.test"), named)
    offer = ServerTls(certificates=certificates)

    async def scenario(client: Stream, server: Stream) -> None:
        for name in ("a.test", "b.test", "x.b.test"):
            near, _ = await shake_hands(client, server, authority.client(name), offer)
            assert isinstance(near, Encryption)
            client, server = await pair()
        near, _ = await shake_hands(client, server, authority.client("chosen.test"), offer)
        assert "hidden.test" in str(near) or fault(near) is LinkFault.UNVERIFIED
        client, server = await pair()
        near, _ = await shake_hands(client, server, authority.client("c.test"), offer)
        assert fault(near) is LinkFault.UNVERIFIED

    run(asyncio.new_event_loop, scenario)


def test_modern_is_tls_1_3_alone(authority: Authority) -> None:
    offer = replace(authority.server("mx.test"), profile=TlsProfile.MODERN)
    context = server_context(offer)
    assert context.minimum_version.name == "TLSv1_3"
    intermediate = server_context(replace(offer, profile=TlsProfile.INTERMEDIATE))
    assert intermediate.minimum_version.name == "TLSv1_2"
    assert all("DHE" in cipher["name"] or cipher["name"].startswith("TLS_") for cipher in intermediate.get_ciphers())


def test_names_are_read_from_a_certificate(authority: Authority) -> None:
    assert certificate_names(authority.issue("mx.test", "*.lists.test")) == ("mx.test", "*.lists.test")


def test_what_is_wrong_with_a_file_is_told(authority: Authority, tmp_path: Path) -> None:
    good, other = authority.issue("a.test"), authority.issue("b.test")
    empty = tmp_path / "empty.pem"
    empty.write_text("nothing\n")
    for files, file, trouble in (
        (CertificateFiles(chain="/nowhere.pem", key=good.key), "/nowhere.pem", "No such file"),
        (CertificateFiles(chain=good.chain, key="/nowhere.key"), "/nowhere.key", "No such file"),
        (CertificateFiles(chain=good.chain, key=other.key), other.key, "does not belong"),
        (CertificateFiles(chain=str(empty), key=good.key), str(empty), "no certificate"),
        (CertificateFiles(chain=good.chain, key=str(empty)), str(empty), "no private key"),
        (authority.issue("old.test", expired=True), str(tmp_path / "old.test.pem"), "expired"),
    ):
        with pytest.raises(TlsFileError, match=trouble) as caught:
            certificate_names(files)
        assert caught.value.file == file
        assert caught.value.is_expired == (trouble == "expired")


@both_loops
def test_a_handshake_that_has_begun_before_we_looked_is_gone_on_with_where_it_is_the_first_thing(
    new_loop: Callable[[], asyncio.AbstractEventLoop], authority: Authority
) -> None:
    """RFC 8314 §3: the client speaks first, perhaps before the server's task has run."""

    async def scenario(client: Stream, server: Stream) -> None:
        begun = asyncio.create_task(client.start_tls(authority.client("mx.test"), timeout=WAIT))
        while not server._input:  # type: ignore[attr-defined]  # noqa: ASYNC110  (nothing else tells)
            await asyncio.sleep(0)
        far = await server.start_tls(authority.server("mx.test"), timeout=WAIT, is_first=True)
        near = await begun
        assert (near.cipher, near.is_verified) == (far.cipher, True)
        client.send(b"EHLO client.test\r\n")
        assert await server.receive() == b"EHLO client.test\r\n"

    run(new_loop, scenario)


def test_a_session_that_sits_idle_under_tls_holds_little_memory(authority: Authority) -> None:
    """asyncio's own buffer for TLS would be 256 KiB a session."""

    async def scenario() -> None:
        offer, demand = authority.server("mx.test"), authority.client("mx.test")
        held = [await pair() for _ in range(11)]
        await shake_hands(*held[0], demand, offer)
        tracemalloc.start()
        try:
            for one in held[1:]:
                await shake_hands(*one, demand, offer)
            size, _ = tracemalloc.get_traced_memory()
        finally:
            tracemalloc.stop()
        assert size / 20 < 64_000
        for near, far in held:
            near.abort()
            far.abort()

    asyncio.run(scenario())


def test_files_of_the_same_name_with_another_content_are_read_again(tmp_path: Path) -> None:
    old = Authority(tmp_path)
    demand = old.server("localhost")
    first = context_for(demand)
    assert context_for(demand) is first
    (tmp_path / "new").mkdir()
    new = Authority(tmp_path / "new")
    fresh = new.issue("localhost")
    shutil.copyfile(fresh.chain, demand.certificates[0].chain)
    shutil.copyfile(fresh.key, demand.certificates[0].key)
    assert context_for(demand) is first, "who shakes hands looks at no file"
    assert load_server(demand) is not first
    assert context_for(demand) is load_server(demand)
    client = old.client("localhost")
    before = context_for(client)
    assert client.ca_file is not None
    shutil.copyfile(new.ca_file, client.ca_file)
    assert context_for(client) is not before
