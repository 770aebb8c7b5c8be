"""The real network, on the loopback interface."""

import asyncio
import os
import resource
import socket
import struct
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from heloise.net import SocketNetwork
from heloise.net.stream import HIGH_WATER, LEAST_INPUT, InputSpace, SocketStream
from heloise.world import Endpoint, LinkError, LinkFault, Listening, Network, Stream, UnixEndpoint

LOOPBACK = Endpoint("127.0.0.1", 0)
WAIT = 5.0

Scenario = Callable[[Network], Awaitable[None]]


def run(scenario: Scenario) -> None:
    async def with_deadline() -> None:
        async with asyncio.timeout(WAIT):
            await scenario(SocketNetwork())

    asyncio.run(with_deadline())


async def pair(
    network: Network, endpoint: Endpoint | UnixEndpoint = LOOPBACK
) -> tuple[Stream, Stream, Listening, asyncio.Event]:
    """Client, server, the listening socket, and an event that lets the serving task end."""
    accepted: asyncio.Queue[Stream] = asyncio.Queue()
    done = asyncio.Event()

    async def serve(stream: Stream) -> None:
        accepted.put_nowait(stream)
        await done.wait()

    listening = await network.listen(endpoint, serve)
    client = await network.connect(listening.local, timeout=WAIT)
    return client, await accepted.get(), listening, done


async def receive_exactly(stream: Stream, count: int) -> bytes:
    octets = b""
    while len(octets) < count:
        more = await stream.receive()
        assert more, f"the end after {len(octets)} of {count} octets"
        octets += more
    return octets


def test_listening_on_port_zero_tells_the_port_it_got() -> None:
    async def scenario(network: Network) -> None:
        _, _, listening, _ = await pair(network)
        assert isinstance(listening.local, Endpoint)
        assert listening.local.port != 0

    run(scenario)


def test_both_ends_agree_who_they_are() -> None:
    async def scenario(network: Network) -> None:
        client, server, _, _ = await pair(network)
        assert (client.local, client.peer) == (server.peer, server.local)

    run(scenario)


def test_the_local_address_is_the_one_asked_for() -> None:
    async def scenario(network: Network) -> None:
        _, _, listening, _ = await pair(network)
        client = await network.connect(listening.local, timeout=WAIT, local_address="127.0.0.9")
        assert isinstance(client.local, Endpoint)
        assert client.local.host == "127.0.0.9"

    run(scenario)


def test_small_writes_are_not_held_back() -> None:
    async def scenario(network: Network) -> None:
        for stream in (await pair(network))[:2]:
            assert isinstance(stream, SocketStream)
            raw = stream._transport.get_extra_info("socket")
            assert raw.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY)

    run(scenario)


def test_what_is_buffered_is_received_without_a_round_of_the_loop() -> None:
    async def scenario(network: Network) -> None:
        client, server, _, _ = await pair(network)
        client.send(b"one")
        assert await server.receive() == b"one"
        client.send(b"two")
        assert isinstance(server, SocketStream)
        for _ in range(10):
            await asyncio.sleep(0)
        with pytest.raises(StopIteration) as returned:
            server.receive().send(None)
        assert returned.value.value == b"two"

    run(scenario)


def test_a_sender_that_nobody_reads_waits_in_drain() -> None:
    async def scenario(network: Network) -> None:
        client, server, _, _ = await pair(network)
        block = bytes(HIGH_WATER)
        draining = asyncio.create_task(client.drain())
        sent = 0
        while True:
            client.send(block)
            sent += len(block)
            draining = asyncio.create_task(client.drain())
            for _ in range(50):
                await asyncio.sleep(0)
            if not draining.done():
                break
        assert isinstance(server, SocketStream)
        assert len(server._input) < 3 * HIGH_WATER
        await receive_exactly(server, sent)
        await draining

    run(scenario)


def test_the_more_connections_there_are_the_less_of_each_waits_unread() -> None:
    space = InputSpace()
    for _ in range(1000):
        space.enter()
    assert space.share == len(space.window) < HIGH_WATER // 8
    for _ in range(100_000):
        space.enter()
    assert space.share == LEAST_INPUT
    for _ in range(101_000):
        space.leave()
    assert space.share == len(space.window) == HIGH_WATER


def test_beside_thousands_of_others_little_is_read_ahead_and_nothing_lost() -> None:
    async def scenario(network: Network) -> None:
        client, server, _, _ = await pair(network)
        assert isinstance(server, SocketStream)
        for _ in range(2000):
            server._space.enter()
        octets = os.urandom(3 * HIGH_WATER)
        client.send(octets)
        while not server._paused:  # noqa: ASYNC110  (nothing tells of it)
            await asyncio.sleep(0)
        for _ in range(50):
            await asyncio.sleep(0)
        assert len(server._input) < 2 * LEAST_INPUT
        begin = await server.receive()
        for _ in range(50):
            await asyncio.sleep(0)
        assert not server._input  # it waits until those are worked through
        assert begin + await receive_exactly(server, len(octets) - len(begin)) == octets

    run(scenario)


def test_a_peer_that_closed_can_still_be_answered() -> None:
    async def scenario(network: Network) -> None:
        client, server, _, _ = await pair(network)
        assert isinstance(client, SocketStream)
        client.send(b"QUIT\r\n")
        client._transport.write_eof()
        assert await server.receive() == b"QUIT\r\n"
        assert await server.receive() == b""
        assert await server.receive() == b""
        server.send(b"221 bye\r\n")
        assert await client.receive() == b"221 bye\r\n"

    run(scenario)


def test_closing_sends_all_that_was_given() -> None:
    async def scenario(network: Network) -> None:
        client, server, _, _ = await pair(network)
        octets = os.urandom(4 * HIGH_WATER)
        client.send(octets)
        client.close()
        assert await receive_exactly(server, len(octets)) == octets
        assert await server.receive() == b""
        await client.wait_closed()

    run(scenario)


def test_the_end_of_the_serving_task_closes_the_connection() -> None:
    async def scenario(network: Network) -> None:
        client, server, _, done = await pair(network)
        done.set()
        assert await client.receive() == b""
        await server.wait_closed()

    run(scenario)


def test_a_reset_is_told_to_the_one_who_receives() -> None:
    async def scenario(network: Network) -> None:
        client, server, _, _ = await pair(network)
        assert isinstance(client, SocketStream)
        raw = client._transport.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        client.abort()
        with pytest.raises(LinkError) as caught:
            await server.receive()
        assert caught.value.fault is LinkFault.RESET
        with pytest.raises(LinkError):
            await server.drain()
        server.send(b"ignored")

    run(scenario)


def test_the_last_words_before_a_reset_are_heard() -> None:
    async def scenario(network: Network) -> None:
        loop = asyncio.get_running_loop()
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.setblocking(False)
            client = await network.connect(Endpoint(*listener.getsockname()), timeout=WAIT)
            server, _ = await loop.sock_accept(listener)
            # All in one step of the loop, so that the client's first sign of trouble is its own write.
            server.send(b"554 go away\r\n")
            server.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            server.close()
            client.send(b"MAIL FROM:<>\r\n")
            assert await client.receive() == b"554 go away\r\n"
            with pytest.raises(LinkError):
                await client.receive()

    run(scenario)


def test_aborting_ends_a_waiting_receive() -> None:
    async def scenario(network: Network) -> None:
        client, _, _, _ = await pair(network)
        receiving = asyncio.create_task(client.receive())
        await asyncio.sleep(0)
        client.abort()
        with pytest.raises(LinkError) as caught:
            await receiving
        assert caught.value.fault is LinkFault.LOCAL
        await client.wait_closed()

    run(scenario)


def test_a_closed_port_refuses() -> None:
    async def scenario(network: Network) -> None:
        with socket.socket() as bound:
            bound.bind(("127.0.0.1", 0))
            with pytest.raises(LinkError) as caught:
                await network.connect(Endpoint(*bound.getsockname()), timeout=WAIT)
        assert caught.value.fault is LinkFault.REFUSED
        assert str(caught.value) == "connection refused"

    run(scenario)


def test_a_server_that_never_answers_times_out() -> None:
    async def scenario(network: Network) -> None:
        # A backlog of one that is full: Linux ignores what knocks after it.
        with socket.socket() as deaf:
            deaf.bind(("127.0.0.1", 0))
            deaf.listen(0)
            endpoint = Endpoint(*deaf.getsockname())
            waiting = [await network.connect(endpoint, timeout=WAIT)]
            fault = None
            while fault is None:
                try:
                    waiting.append(await network.connect(endpoint, timeout=0.02))
                except LinkError as error:
                    fault = error.fault
        assert fault is LinkFault.TIMED_OUT

    run(scenario)


def test_no_free_descriptor_is_local_trouble(monkeypatch: pytest.MonkeyPatch) -> None:
    def none_left(*_: object) -> socket.socket:
        raise OSError(24, "Too many open files")

    async def scenario(network: Network) -> None:
        monkeypatch.setattr("heloise.net.network._new_socket", none_left)
        with pytest.raises(LinkError) as caught:
            await network.connect(Endpoint("127.0.0.1", 25), timeout=WAIT)
        assert caught.value.fault is LinkFault.LOCAL

    run(scenario)


def test_an_address_in_use_is_local_trouble() -> None:
    async def scenario(network: Network) -> None:
        _, _, listening, _ = await pair(network)
        with pytest.raises(LinkError) as caught:
            await pair(network, listening.local)
        assert caught.value.fault is LinkFault.LOCAL

    run(scenario)


def test_accepted_connections_outlive_the_listening_socket() -> None:
    async def scenario(network: Network) -> None:
        client, server, listening, _ = await pair(network)
        await listening.close()
        await listening.close()
        with pytest.raises(LinkError):
            await network.connect(listening.local, timeout=WAIT)
        client.send(b"NOOP\r\n")
        assert await server.receive() == b"NOOP\r\n"

    run(scenario)


def test_a_unix_socket_carries_octets_and_its_file_is_removed(tmp_path: Path) -> None:
    async def scenario(network: Network) -> None:
        endpoint = UnixEndpoint(str(tmp_path / "lmtp"))
        client, server, listening, _ = await pair(network, endpoint)
        client.send(b"LHLO a\r\n")
        assert await server.receive() == b"LHLO a\r\n"
        assert client.peer == server.local == endpoint
        await listening.close()
        assert os.listdir(tmp_path) == []
        with pytest.raises(LinkError) as caught:
            await network.connect(endpoint, timeout=WAIT)
        assert caught.value.fault is LinkFault.REFUSED

    run(scenario)


def test_the_socket_file_of_a_dead_server_is_replaced(tmp_path: Path) -> None:
    async def scenario(network: Network) -> None:
        endpoint = UnixEndpoint(str(tmp_path / "lmtp"))
        with socket.socket(socket.AF_UNIX) as dead:
            dead.bind(endpoint.path)
        client, _, _, _ = await pair(network, endpoint)
        assert client.peer == endpoint

    run(scenario)


def test_the_socket_file_of_a_living_server_is_left_alone(tmp_path: Path) -> None:
    async def scenario(network: Network) -> None:
        endpoint = UnixEndpoint(str(tmp_path / "lmtp"))
        await pair(network, endpoint)
        with pytest.raises(LinkError) as caught:
            await pair(network, endpoint)
        assert "another server" in caught.value.detail
        assert await network.connect(endpoint, timeout=WAIT)

    run(scenario)


def test_a_failing_serving_task_is_reported_and_its_connection_closed() -> None:
    async def scenario(network: Network) -> None:
        reports: list[dict[str, object]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: reports.append(context))

        async def fail(stream: Stream) -> None:
            raise ValueError("a bug")

        listening = await network.listen(LOOPBACK, fail)
        client = await network.connect(listening.local, timeout=WAIT)
        assert await client.receive() == b""
        assert [str(report["exception"]) for report in reports] == ["a bug"]

    run(scenario)


def test_an_idle_connection_holds_no_buffer() -> None:
    async def scenario(network: Network) -> None:
        count = min(200, resource.getrlimit(resource.RLIMIT_NOFILE)[0] // 4)
        _, server, listening, _ = await pair(network)
        for _ in range(count):
            await network.connect(listening.local, timeout=WAIT)
        assert isinstance(server, SocketStream)
        assert not hasattr(server, "__dict__")
        assert server._input == b""

    run(scenario)


def test_a_reset_is_seen_as_one_and_half_a_close_leaves_the_other_half() -> None:
    async def scenario(network: Network) -> None:
        heard: list[bytes] = []
        over = asyncio.Event()

        async def serve(stream: Stream) -> None:
            if await stream.receive() == b"reset":
                stream.reset()
                return
            stream.send(b"bye")
            stream.send_end()
            while octets := await stream.receive():
                heard.append(octets)
            over.set()

        listening = await network.listen(LOOPBACK, serve)
        assert isinstance(listening.local, Endpoint)
        stream = await network.connect(listening.local, timeout=10)
        stream.send(b"reset")
        with pytest.raises(LinkError) as reset:
            await stream.receive()
        assert reset.value.fault is LinkFault.RESET
        stream.abort()
        stream = await network.connect(listening.local, timeout=10)
        stream.send(b"close")
        assert await stream.receive() == b"bye"
        assert await stream.receive() == b""
        stream.send(b"still here")
        stream.close()
        await over.wait()
        await listening.close()
        assert heard == [b"still here"]

    run(scenario)
