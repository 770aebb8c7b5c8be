"""PROXY headers as a proxy writes them, for tests."""

import struct
from collections.abc import Sequence
from ipaddress import ip_address

from heloise.link.proxy_protocol import crc32c
from heloise.world import Endpoint

BINARY = b"\r\n\r\n\0\r\nQUIT\n"
CRC32C, NOOP = 0x03, 0x04


def line(source: Endpoint, destination: Endpoint) -> bytes:
    """Version 1."""
    family = "TCP6" if ":" in source.host else "TCP4"
    return f"PROXY {family} {source.host} {destination.host} {source.port} {destination.port}\r\n".encode()


def binary(
    source: Endpoint,
    destination: Endpoint,
    *,
    command: int = 1,
    tlvs: Sequence[tuple[int, bytes]] = (),
    with_sum: bool = False,
) -> bytes:
    """Version 2."""
    family = 0x21 if ":" in source.host else 0x11
    addresses = ip_address(source.host).packed + ip_address(destination.host).packed
    addresses += struct.pack(">HH", source.port, destination.port)
    rest = b"".join(tlv(kind, value) for kind, value in tlvs)
    tail = tlv(CRC32C, bytes(4)) if with_sum else b""
    size = len(addresses) + len(rest) + len(tail)
    header = BINARY + struct.pack(">BBH", 0x20 | command, family, size) + addresses + rest + tail
    return header[:-4] + crc32c(header).to_bytes(4, "big") if with_sum else header


def tlv(kind: int, value: bytes) -> bytes:
    """Type, length, value."""
    return struct.pack(">BH", kind, len(value)) + value
