"""PROXY headers: what haproxy.org's document gives as examples, round trips, damage, and how they are waited for."""

import asyncio
import struct
from ipaddress import IPv6Address, ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.link.introduction import hear_header
from heloise.link.proxy_protocol import LONGEST, ProxyHeader, ProxyProtocolError, crc32c, read_header
from heloise.testing import SimulatedWorld, run_simulated
from heloise.world import Endpoint, Stream
from tests.link.proxy_headers import BINARY, CRC32C, NOOP, binary, line, tlv

CLIENT, SERVER = Endpoint("192.0.2.7", 40000), Endpoint("198.51.100.1", 25)
CLIENT_6, SERVER_6 = Endpoint("2001:db8::7", 40000), Endpoint("2001:db8::1", 25)

ports = st.integers(0, 65535)
endpoints_4 = st.builds(Endpoint, st.ip_addresses(v=4).map(str), ports)
endpoints_6 = st.builds(
    Endpoint,
    st.builds(IPv6Address, st.integers(1 << 64, (1 << 128) - 1)).map(str),
    ports,
)
pairs = st.one_of(st.tuples(endpoints_4, endpoints_4), st.tuples(endpoints_6, endpoints_6))
tlvs = st.lists(st.tuples(st.integers(0x04, 0xFF), st.binary(max_size=40)), max_size=5).map(tuple)


@given(pairs, st.binary(max_size=20))
def test_a_line_reads_back_whatever_follows_it(pair: tuple[Endpoint, Endpoint], rest: bytes) -> None:
    written = line(*pair)
    assert read_header(written + rest) == ProxyHeader(size=len(written), source=pair[0], destination=pair[1])


@given(pairs, tlvs, st.booleans(), st.binary(max_size=20))
def test_a_binary_header_reads_back_whatever_follows_it(
    pair: tuple[Endpoint, Endpoint], more: tuple[tuple[int, bytes], ...], with_sum: bool, rest: bytes
) -> None:
    written = binary(*pair, tlvs=more, with_sum=with_sum)
    header = read_header(written + rest)
    assert header is not None
    assert (header.size, header.source, header.destination) == (len(written), *pair)
    assert tuple(each for each in header.tlvs if each[0] != CRC32C) == more


@given(pairs, tlvs, st.booleans())
def test_the_beginning_of_a_header_is_waited_for(
    pair: tuple[Endpoint, Endpoint], more: tuple[tuple[int, bytes], ...], is_binary: bool
) -> None:
    written = binary(*pair, tlvs=more, with_sum=True) if is_binary else line(*pair)
    assert all(read_header(written[:length]) is None for length in range(len(written)))


@given(pairs, tlvs, st.data())
def test_a_header_with_one_wrong_bit_does_not_pass_its_checksum(
    pair: tuple[Endpoint, Endpoint], more: tuple[tuple[int, bytes], ...], data: st.DataObject
) -> None:
    written = bytearray(binary(*pair, tlvs=more, with_sum=True))
    place = data.draw(st.integers(16, len(written) - 1))
    # The type of the checksum itself may become another: then there is none to be wrong.
    written[place] ^= 1 << data.draw(st.integers(0, 7))
    try:
        header = read_header(bytes(written))
    except ProxyProtocolError:
        return
    assert header is None or CRC32C not in dict(header.tlvs)


def test_the_checksum_is_that_of_castagnoli() -> None:
    assert crc32c(b"123456789") == 0xE3069283  # RFC 3720 appendix B.4 has the polynomial, every list of CRCs this check


@pytest.mark.parametrize(
    "written",
    [
        b"PROXY UNKNOWN\r\n",
        b"PROXY UNKNOWN ffff:f...f:ffff ffff:f...f:ffff 65535 65535\r\n",
        binary(CLIENT, SERVER, command=0),
        BINARY + struct.pack(">BBH", 0x20, 0x00, 0),
        BINARY + struct.pack(">BBH", 0x21, 0x00, 3) + b"abc",
        BINARY + struct.pack(">BBH", 0x21, 0x31, 216) + bytes(216),
        BINARY + struct.pack(">BBH", 0x21, 0x12, 12) + bytes(12),
    ],
)
def test_a_header_may_tell_nothing_about_a_client(written: bytes) -> None:
    assert read_header(written + b"EHLO") == ProxyHeader(size=len(written))


def test_an_ipv4_client_of_an_ipv6_proxy_is_an_ipv4_client() -> None:
    mapped = Endpoint("::ffff:192.0.2.7", 40000)
    for written in (line(mapped, SERVER_6), binary(mapped, SERVER_6)):
        header = read_header(written)
        assert header is not None
        assert header.source == CLIENT


@pytest.mark.parametrize(
    "written",
    [
        b"EHLO client.test\r\n",
        b"\x16\x03\x01\x02\x00\x01",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 40000 25 25\r\n",
        b"PROXY TCP4 192.0.2.7  198.51.100.1 40000 25\r\n",
        b"PROXY TCP4 192.0.2.07 198.51.100.1 40000 25\r\n",
        b"PROXY TCP4 192.0.2.256 198.51.100.1 40000 25\r\n",
        b"PROXY TCP4 2001:db8::7 2001:db8::1 40000 25\r\n",
        b"PROXY TCP6 192.0.2.7 198.51.100.1 40000 25\r\n",
        b"PROXY TCP6 fe80::1%lo 2001:db8::1 40000 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 65536 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 040000 25\r\n",
        b"PROXY TCP4 192.0.2.7 198.51.100.1 -1 25\r\n",
        b"PROXY TCP5 192.0.2.7 198.51.100.1 40000 25\r\n",
        b"PROXY TCP4 \xff92.0.2.7 198.51.100.1 40000 25\r\n",
        b"PROXY \r\n",
        b"PROXY UNKNOWN " + b"x" * 100,
        BINARY + struct.pack(">BBH", 0x11, 0x11, 12) + bytes(12),
        BINARY + struct.pack(">BBH", 0x22, 0x11, 12) + bytes(12),
        BINARY + struct.pack(">BBH", 0x21, 0x41, 12) + bytes(12),
        BINARY + struct.pack(">BBH", 0x21, 0x11, 11) + bytes(11),
        BINARY + struct.pack(">BBH", 0x21, 0x21, 12) + bytes(12),
        BINARY + struct.pack(">BBH", 0x21, 0x11, LONGEST) + bytes(12),
        BINARY + struct.pack(">BBH", 0x21, 0x11, 14) + bytes(12) + b"\x04\x00",
        BINARY + struct.pack(">BBH", 0x21, 0x11, 15) + bytes(12) + b"\x04\x00\x01",
        BINARY + struct.pack(">BBH", 0x21, 0x11, 18) + bytes(12) + tlv(CRC32C, b"\0\0\0"),
    ],
)
def test_what_is_no_header_is_refused_at_once(written: bytes) -> None:
    with pytest.raises(ProxyProtocolError):
        read_header(written)


def test_tlvs_that_mean_nothing_to_us_are_kept() -> None:
    header = read_header(binary(CLIENT_6, SERVER_6, tlvs=((NOOP, b"\0\0"), (0xE0, b"mine"))))
    assert header is not None
    assert header.tlvs == ((NOOP, b"\0\0"), (0xE0, b"mine"))
    assert ip_address("2001:db8::7") == ip_address(header.source.host if header.source else "")


def told_by(octets: bytes, *, then: str) -> tuple[ProxyHeader, bytes] | str:
    """What is heard of a proxy that sends `octets`, one by one; and then is silent, goes, or says more."""

    async def run(world: SimulatedWorld) -> tuple[ProxyHeader, bytes] | str:
        heard: asyncio.Queue[tuple[ProxyHeader, bytes] | str] = asyncio.Queue()

        async def serve(stream: Stream) -> None:
            try:
                header = await hear_header(stream)
                rest = b""
                while not rest.endswith(b"\n"):
                    rest += await stream.receive()
                heard.put_nowait((header, rest))
            except ProxyProtocolError as error:
                heard.put_nowait(str(error))

        near, far = world.host("proxy", "192.0.2.2"), world.host("server", "192.0.2.1")
        listening = await far.network.listen(Endpoint("192.0.2.1", 25), serve)
        stream = await near.network.connect(listening.local, timeout=10)
        stream.send(octets + (then.encode() if then not in ("silence", "end") else b""))
        if then == "end":
            stream.close()
        answer = await heard.get()
        stream.close()
        return answer

    return run_simulated(run, seed=1)


def test_what_comes_behind_the_header_is_for_the_session() -> None:
    written = line(CLIENT, SERVER)
    header = ProxyHeader(size=len(written), source=CLIENT, destination=SERVER)
    assert told_by(written, then="EHLO client.test\r\n") == (header, b"EHLO client.test\r\n")


def test_a_proxy_that_goes_on_not_is_waited_for_five_seconds() -> None:
    assert told_by(b"PROXY TCP4", then="silence") == "no whole header within 5 seconds"


def test_a_proxy_that_hangs_up_is_told_of() -> None:
    assert told_by(b"PROXY TCP4", then="end") == "the proxy hung up within its header"
