"""The PROXY protocol, versions 1 and 2 (haproxy.org, proxy-protocol.txt): who the client behind a proxy is.

Octets in, a header or "not yet" out; nothing is waited for, nothing is said. Addresses are those of the proxy's word:
whether it may be believed is for whoever asks. Sections of that document are cited as `PROXY section 2.2`.
"""

import re
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address
from typing import Final, TypeAlias

from heloise.world import Endpoint

LONGEST: Final = 4096  # octets of a header of version 2, with its TLVs; one of version 1 has at most 107
_LONGEST_LINE: Final = 107  # PROXY section 2.1
_PREAMBLE: Final = b"PROXY "
_SIGNATURE: Final = b"\r\n\r\n\0\r\nQUIT\n"
_FIXED: Final = 16  # PROXY section 2.2: signature, version and command, family, length
_LOCAL, _PROXY = 0, 1
# Family and transport: the octets of each of the two addresses. PROXY section 2.2.
_ADDRESS_SIZES: Final = {0x00: 0, 0x11: 4, 0x12: 4, 0x21: 16, 0x22: 16, 0x31: 108, 0x32: 108}
_TCP: Final = (0x11, 0x21)
_CRC32C: Final = 0x03  # PROXY section 2.2.3
_PORT: Final = re.compile(r"0|[1-9][0-9]{0,4}", re.ASCII)
_OCTET: Final = re.compile(r"(?:0|[1-9][0-9]{0,2})(?:\.(?:0|[1-9][0-9]{0,2})){3}", re.ASCII)

Tlv: TypeAlias = tuple[int, bytes]


class ProxyProtocolError(ValueError):
    """What came is no PROXY header, or a damaged one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyHeader:
    """A header of `size` octets. `source` is the client and `destination` where it connected to; both are None when the
    proxy speaks for itself (LOCAL) or can not tell (UNKNOWN). `tlvs` are kept in their order, whatever they are."""

    size: int
    source: Endpoint | None = None
    destination: Endpoint | None = None
    tlvs: tuple[Tlv, ...] = ()


def read_header(octets: bytes) -> ProxyHeader | None:
    """The header that `octets` begin with; None when more are needed to tell. Raises ProxyProtocolError."""
    if octets.startswith(_SIGNATURE):
        return _read_binary(octets)
    if octets.startswith(_PREAMBLE):
        return _read_line(octets)
    if _SIGNATURE.startswith(octets) or _PREAMBLE.startswith(octets):
        return None
    raise ProxyProtocolError("there is no PROXY header")


def _read_line(octets: bytes) -> ProxyHeader | None:
    """Version 1: a line of ASCII. PROXY section 2.1."""
    end = octets.find(b"\r\n", 0, _LONGEST_LINE)
    if end < 0:
        if len(octets) >= _LONGEST_LINE:
            raise ProxyProtocolError(f"the line has no end within {_LONGEST_LINE} octets")
        return None
    try:
        words = octets[:end].decode("ascii").split(" ")
    except UnicodeDecodeError:
        raise ProxyProtocolError("the line is not ASCII") from None
    if words[1] == "UNKNOWN":  # what follows is to be ignored
        return ProxyHeader(size=end + 2)
    if words[1] not in ("TCP4", "TCP6") or len(words) != 6:
        raise ProxyProtocolError("the line is not PROXY TCP4|TCP6|UNKNOWN with two addresses and two ports")
    is_6 = words[1] == "TCP6"
    return ProxyHeader(
        size=end + 2,
        source=Endpoint(_written_address(words[2], is_6), _written_port(words[4])),
        destination=Endpoint(_written_address(words[3], is_6), _written_port(words[5])),
    )


def _written_address(text: str, is_6: bool) -> str:
    try:
        if is_6 and "%" not in text:
            return _plain(IPv6Address(text))
        if not is_6 and _OCTET.fullmatch(text):
            return str(IPv4Address(text))
    except ValueError:
        pass
    raise ProxyProtocolError("an address is not one of its family")


def _written_port(text: str) -> int:
    if _PORT.fullmatch(text) is None or int(text) > 65535:
        raise ProxyProtocolError("a port is not a number from 0 to 65535")
    return int(text)


def _read_binary(octets: bytes) -> ProxyHeader | None:
    """Version 2: fixed fields, addresses, TLVs. PROXY section 2.2."""
    if len(octets) < _FIXED:
        return None
    version, command = octets[12] >> 4, octets[12] & 0x0F
    family, size = octets[13], _FIXED + int.from_bytes(octets[14:16], "big")
    if version != 2 or command not in (_LOCAL, _PROXY):
        raise ProxyProtocolError("the version is not 2, or the command neither LOCAL nor PROXY")
    if family not in _ADDRESS_SIZES:
        raise ProxyProtocolError("there is no such family of addresses")
    if size > LONGEST:
        raise ProxyProtocolError(f"the header has {size} octets; it may have {LONGEST}")
    if len(octets) < size:
        return None
    if command == _LOCAL or family == 0:  # "must accept" and "must ignore": health checks of the proxy itself
        return ProxyHeader(size=size)
    each = _ADDRESS_SIZES[family]
    ports = 4 if each < 100 else 0
    begin, end = _FIXED, _FIXED + 2 * each + ports
    if end > size:
        raise ProxyProtocolError("the header is shorter than its addresses")
    tlvs = _tlvs(octets[end:size])
    _check_sum(octets[:size], end)
    if family not in _TCP:  # Unix sockets and datagrams have no address that means anything to us
        return ProxyHeader(size=size, tlvs=tlvs)
    return ProxyHeader(
        size=size,
        source=Endpoint(_address(octets[begin : begin + each]), int.from_bytes(octets[end - 4 : end - 2], "big")),
        destination=Endpoint(_address(octets[begin + each : end - 4]), int.from_bytes(octets[end - 2 : end], "big")),
        tlvs=tlvs,
    )


def _address(octets: bytes) -> str:
    return str(IPv4Address(octets)) if len(octets) == 4 else _plain(IPv6Address(octets))


def _plain(address: IPv6Address) -> str:
    """An IPv4 client of an IPv6 proxy is an IPv4 client: networks are compared with it."""
    mapped = address.ipv4_mapped
    return str(address) if mapped is None else str(mapped)


def _tlvs(octets: bytes) -> tuple[Tlv, ...]:
    """Type, length, value. PROXY section 2.2.1."""
    found: list[Tlv] = []
    place = 0
    while place < len(octets):
        size = int.from_bytes(octets[place + 1 : place + 3], "big")
        if place + 3 + size > len(octets):
            raise ProxyProtocolError("a TLV is cut off")
        found.append((octets[place], octets[place + 3 : place + 3 + size]))
        place += 3 + size
    return tuple(found)


def _check_sum(header: bytes, place: int) -> None:
    """The checksum over the header with zeros in its own place, where there is one. PROXY section 2.2.3."""
    while place < len(header):
        size = int.from_bytes(header[place + 1 : place + 3], "big")
        value = place + 3
        if header[place] == _CRC32C:
            zeroed = header[:value] + bytes(size) + header[value + size :]
            if size != 4 or crc32c(zeroed) != int.from_bytes(header[value : value + 4], "big"):
                raise ProxyProtocolError("the checksum is wrong")
        place = value + size


def crc32c(octets: bytes) -> int:
    """RFC 3720 appendix B.4. `zlib.crc32` has another polynomial."""
    remainder = 0xFFFFFFFF
    for octet in octets:
        remainder ^= octet
        for _ in range(8):
            remainder = remainder >> 1 ^ (0x82F63B78 if remainder & 1 else 0)
    return remainder ^ 0xFFFFFFFF
