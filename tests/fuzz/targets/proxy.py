"""read_header: a header, "not yet", or ProxyProtocolError; more octets never change a header that was read."""

from ipaddress import ip_address

from heloise.link.proxy_protocol import LONGEST, ProxyHeader, ProxyProtocolError, crc32c, read_header
from tests.fuzz.supply import Supply
from tests.fuzz.targets import Target

_SIGNATURE = b"\r\n\r\n\0\r\nQUIT\n"
_SUM = b"\x03\0\x04"


def _read(octets: bytes) -> ProxyHeader | str | None:
    try:
        return read_header(octets)
    except ProxyProtocolError as error:
        return str(error)


def _with_sum(octets: bytes) -> bytes:
    """A binary header with the size it really has, and a right checksum at its end."""
    size = len(octets) - 16 + 7
    whole = octets[:14] + size.to_bytes(2, "big") + octets[16:] + _SUM + bytes(4)
    return whole[:-4] + crc32c(whole).to_bytes(4, "big")


def run(octets: bytes) -> None:
    """Settings: is the signature there already; is the checksum made right?"""
    supply = Supply(octets)
    flags = supply.octet()
    stream = supply.rest()
    if flags & 1:
        stream = _SIGNATURE + stream
        if flags & 2 and 16 <= len(stream) < LONGEST:
            stream = _with_sum(stream)
    answer = _read(stream)
    for length in range(min(len(stream), 240)):
        earlier = _read(stream[:length])
        assert earlier is None or earlier == answer, "what comes later changes what was read"
    if answer is None:
        assert len(stream) < LONGEST, "it waits for ever"
    if not isinstance(answer, ProxyHeader):
        return
    assert 0 < answer.size <= min(len(stream), LONGEST)
    assert _read(stream[: answer.size]) == answer
    assert (answer.source is None) == (answer.destination is None)
    for endpoint in (answer.source, answer.destination):
        if endpoint is not None:
            address = ip_address(endpoint.host)
            assert address.version == 4 or address.ipv4_mapped is None
            assert 0 <= endpoint.port <= 65535


TARGET = Target(
    run=run,
    tokens=(
        b"PROXY ",
        b"TCP4 ",
        b"TCP6 ",
        b"UNKNOWN",
        b"192.0.2.7 ",
        b"2001:db8::1 ",
        b"::ffff:1.2.3.4 ",
        b"25",
        b"65535",
        b" ",
        b"\r\n",
        _SIGNATURE,
        b"\x21\x11\x00\x0c",
        b"\x21\x21\x00\x24",
        b"\x20\x00\x00\x00",
        b"\x21\x31\x00\xd8",
        _SUM,
        b"\xc0\0\x02\0\x0c",
        bytes(12),
        bytes(16),
    ),
    settings=1,
    longest=400,
)
