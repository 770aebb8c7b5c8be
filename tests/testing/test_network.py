"""The simulated network: hosts, faults written down and faults drawn, and that a run can be repeated."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from heloise.testing import (
    ROUGH,
    ConnectionFault,
    FaultPlan,
    FaultRates,
    Side,
    SimulatedHost,
    SimulatedStream,
    SimulatedWorld,
    Trouble,
    run_simulated,
)
from heloise.world import Endpoint, LinkError, LinkFault, Stream, UnixEndpoint

MX = Endpoint("192.0.2.1", 25)
OCTETS = bytes(range(256)) * 2


def two_hosts(world: SimulatedWorld) -> tuple[SimulatedHost, SimulatedHost]:
    return world.host("mx.example", "192.0.2.1"), world.host("client.example", "198.51.100.7", "198.51.100.8")


async def accept_one(host: SimulatedHost, client: SimulatedHost) -> tuple[Stream, Stream]:
    accepted: asyncio.Queue[Stream] = asyncio.Queue()

    async def serve(stream: Stream) -> None:
        accepted.put_nowait(stream)
        await stream.wait_closed()

    await host.world.network.listen(MX, serve)
    near = await client.world.network.connect(MX, timeout=30.0)
    return near, await accepted.get()


async def read_all(stream: Stream) -> tuple[bytes, LinkFault | None]:
    """What came, and how it ended."""
    octets = b""
    try:
        while more := await stream.receive():
            octets += more
    except LinkError as error:
        return octets, error.fault
    return octets, None


def run_pair(
    check: Callable[[Stream, Stream], Awaitable[None]], *faults: ConnectionFault, rates: FaultRates | None = None
) -> None:
    async def scenario(world: SimulatedWorld) -> None:
        await check(*await accept_one(*two_hosts(world)))

    run_simulated(scenario, seed=1, faults=FaultPlan(script=faults, rates=rates or FaultRates()))


def run_connect(*faults: ConnectionFault, endpoint: Endpoint = MX, listen: bool = True) -> tuple[LinkFault, float]:
    """How connecting fails, and after how many seconds."""

    async def serve(stream: Stream) -> None:
        await stream.receive()

    async def scenario(world: SimulatedWorld) -> tuple[LinkFault, float]:
        host, client = two_hosts(world)
        if listen:
            await host.world.network.listen(MX, serve)
        start = world.clock.monotonic()
        with pytest.raises(LinkError) as caught:
            await client.world.network.connect(endpoint, timeout=30.0)
        return caught.value.fault, world.clock.monotonic() - start

    return run_simulated(scenario, faults=FaultPlan(script=faults))


def test_a_host_is_reached_by_name_and_knows_its_peer() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host, client = two_hosts(world)
        peers: list[str] = []

        async def serve(stream: Stream) -> None:
            peers.append(f"{stream.local} {stream.peer}")
            stream.send(b"220 mx.example\r\n")

        listening = await host.world.network.listen(Endpoint("0.0.0.0", 25), serve)
        network = client.world.network
        near = await network.connect(Endpoint("mx.example", 25), timeout=30.0, local_address="198.51.100.8")
        assert await read_all(near) == (b"220 mx.example\r\n", None)
        assert peers[0].startswith("192.0.2.1:25 198.51.100.8:")
        await listening.close()
        with pytest.raises(LinkError):
            await network.connect(MX, timeout=30.0)

    run_simulated(scenario, faults=FaultPlan(rates=FaultRates(cuts=0.0)))


def test_the_loopback_of_one_host_is_not_that_of_another() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host, client = two_hosts(world)

        async def serve(stream: Stream) -> None:
            stream.send(b"x")

        listening = await host.world.network.listen(Endpoint("127.0.0.1", 0), serve)
        assert await read_all(await host.world.network.connect(listening.local, timeout=30.0)) == (b"x", None)
        with pytest.raises(LinkError):
            await client.world.network.connect(listening.local, timeout=30.0)

    run_simulated(scenario)


def test_unix_sockets_belong_to_their_host() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host, client = two_hosts(world)

        async def serve(stream: Stream) -> None:
            stream.send(b"x")

        endpoint = UnixEndpoint("/run/lmtp")
        await host.world.network.listen(endpoint, serve)
        assert await read_all(await host.world.network.connect(endpoint, timeout=1.0)) == (b"x", None)
        with pytest.raises(LinkError):
            await client.world.network.connect(endpoint, timeout=1.0)

    run_simulated(scenario)


def test_a_port_nobody_listens_on_refuses() -> None:
    assert run_connect(listen=False)[0] is LinkFault.REFUSED


def test_an_address_nobody_has_is_unreachable() -> None:
    assert run_connect(endpoint=Endpoint("203.0.113.1", 25))[0] is LinkFault.UNREACHABLE


def test_a_scripted_refusal_refuses() -> None:
    assert run_connect(ConnectionFault(connection=1, trouble=Trouble.REFUSE))[0] is LinkFault.REFUSED


def test_a_scripted_time_out_takes_all_the_time_there_is() -> None:
    fault, seconds = run_connect(ConnectionFault(connection=1, trouble=Trouble.TIME_OUT))
    assert fault is LinkFault.TIMED_OUT
    assert seconds == pytest.approx(30.0)


@pytest.mark.parametrize("after", [0, 1, 120, 512])
def test_a_scripted_reset_strikes_after_exactly_so_many_octets(after: int) -> None:
    async def check(near: Stream, far: Stream) -> None:
        far.send(OCTETS[:100])
        far.send(OCTETS[100:])
        assert await read_all(near) == (OCTETS[:after], LinkFault.RESET)
        assert await read_all(far) == (b"", LinkFault.RESET)

    run_pair(check, ConnectionFault(connection=1, trouble=Trouble.RESET, sender=Side.SERVER, after=after))


def test_a_lost_reply_is_a_reset_to_the_client_though_the_server_wrote() -> None:
    async def check(near: Stream, far: Stream) -> None:
        far.send(b"354 go ahead\r\n")
        far.send(b"250 taken\r\n")
        await far.drain()
        assert await read_all(near) == (b"354 go ahead\r\n", LinkFault.RESET)

    run_pair(check, ConnectionFault(connection=1, trouble=Trouble.LOSE_REPLY, after=1))


def test_in_a_black_hole_nobody_is_told() -> None:
    async def check(near: Stream, far: Stream) -> None:
        near.send(OCTETS)
        assert await far.receive()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600.0):
                await read_all(far)
        far.send(b"250 hello?\r\n")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(3600.0):
                await read_all(near)

    run_pair(check, ConnectionFault(connection=1, trouble=Trouble.BLACK_HOLE, sender=Side.CLIENT, after=100))


def test_a_half_closed_connection_still_carries_the_reply() -> None:
    async def check(near: Stream, far: Stream) -> None:
        near.send(OCTETS)
        assert await read_all(far) == (OCTETS[:100], None)
        far.send(b"451 no\r\n")
        far.close()
        assert await read_all(near) == (b"451 no\r\n", None)

    run_pair(check, ConnectionFault(connection=1, trouble=Trouble.HALF_CLOSE, sender=Side.CLIENT, after=100))


def test_a_peer_may_end_its_own_side_only() -> None:
    async def check(near: Stream, far: Stream) -> None:
        assert isinstance(near, SimulatedStream)
        near.send(b"QUIT\r\n")
        near.send_end()
        assert await read_all(far) == (b"QUIT\r\n", None)
        far.send(b"221 bye\r\n")
        far.close()
        assert await read_all(near) == (b"221 bye\r\n", None)

    run_pair(check)


def test_octets_are_cut_down_to_single_ones() -> None:
    async def check(near: Stream, far: Stream) -> None:
        near.send(OCTETS * 4)
        sizes = [len(await far.receive()) for _ in range(20)]
        assert 1 in sizes
        assert len(set(sizes)) > 2

    run_pair(check, rates=FaultRates(cuts=1.0))


def test_octets_that_arrive_after_the_close_are_answered_with_a_reset() -> None:
    async def check(near: Stream, far: Stream) -> None:
        far.send(b"421 closing\r\n")
        far.close()
        near.send(b"MAIL FROM:<>\r\n")
        await asyncio.sleep(1.0)
        near.send(b"RCPT TO:<a@b.example>\r\n")
        await asyncio.sleep(1.0)
        assert (await read_all(near))[0] == b"421 closing\r\n"
        with pytest.raises(LinkError):
            await near.drain()

    run_pair(check)


def test_a_host_without_power_is_silent_and_then_back() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host, client = two_hosts(world)
        near, far = await accept_one(host, client)
        await host.power_cut()
        with pytest.raises(LinkError):
            await far.receive()
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(60.0):
                await near.receive()
        with pytest.raises(LinkError) as caught:
            await client.world.network.connect(MX, timeout=30.0)
        assert caught.value.fault is LinkFault.REFUSED
        await accept_one(host, client)

    run_simulated(scenario)


def test_a_killed_program_leaves_its_peers_an_end_or_a_reset() -> None:
    async def scenario(world: SimulatedWorld) -> None:
        host, client = two_hosts(world)
        near, _ = await accept_one(host, client)
        program = host.start(asyncio.sleep(1e6))
        await host.kill()
        assert program.cancelled()
        assert (await read_all(near))[0] == b""

    run_simulated(scenario)


async def converse(world: SimulatedWorld) -> str:
    """A hundred clients, each with blocking work, DNS questions and rough connections."""
    host, client = two_hosts(world)

    async def serve(stream: Stream) -> None:
        while octets := await stream.receive():
            await host.world.blocking.run(len, octets)
            stream.send(octets.upper())
            await stream.drain()

    async def dial(number: int) -> None:
        await asyncio.sleep(client.world.entropy.random())
        for address in await client.world.resolver.addresses("mx.example"):
            stream = await client.world.network.connect(Endpoint(address, 25), timeout=30.0)
            stream.send(b"hello %d" % number * 20)
            async with asyncio.timeout(60.0):
                await stream.receive()
            stream.close()

    host_side = await host.world.network.listen(MX, serve)
    await asyncio.gather(*(dial(number) for number in range(100)), return_exceptions=True)
    await asyncio.sleep(600.0)
    await host_side.close()
    return world.trace.digest()


def run_rough(seed: int) -> str:
    async def scenario(world: SimulatedWorld) -> str:
        asyncio.get_running_loop().set_exception_handler(lambda *_: None)
        async with asyncio.timeout(3600.0):
            return await converse(world)

    return run_simulated(scenario, seed=seed, faults=FaultPlan(rates=ROUGH))


def test_one_seed_is_one_run() -> None:
    assert run_rough(11) == run_rough(11)


def test_different_seeds_are_different_runs() -> None:
    assert len({run_rough(seed) for seed in range(5)}) == 5
