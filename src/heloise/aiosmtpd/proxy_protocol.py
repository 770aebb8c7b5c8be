"""What handle_PROXY is given: the header of the PROXY protocol, in aiosmtpd's names. It is heloise that reads it."""

import asyncio
from enum import IntEnum
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any

from heloise.link.proxy_protocol import ProxyHeader, ProxyProtocolError, read_header
from heloise.world import LinkError, Stream

_SIGNED, _FIXED = 13, 16  # PROXY section 2.2: where family and transport stand; octets before the addresses
_NAMES = {1: "ALPN", 2: "AUTHORITY", 3: "CRC32C", 4: "NOOP", 5: "UNIQUE_ID", 0x20: "SSL", 0x30: "NETNS"}
_SSL_NAMES = {0x21: "SSL_VERSION", 0x22: "SSL_CN", 0x23: "SSL_CIPHER", 0x24: "SSL_SIG_ALG", 0x25: "SSL_KEY_ALG"}
_SSL_FIXED = 5  # octets before the values within SSL


class AF(IntEnum):
    """Of the client's address."""

    UNSPEC = 0
    IP4 = 1
    IP6 = 2
    UNIX = 3


class PROTO(IntEnum):
    """What the client has connected by."""

    UNSPEC = 0
    STREAM = 1
    DGRAM = 2


class V2_CMD(IntEnum):  # noqa: N801 (aiosmtpd's name)
    """For whom the proxy speaks."""

    LOCAL = 0
    PROXY = 1


class ProxyTLV(dict[str, Any]):
    """The values of a header of version 2 by name, also as attributes; None for one that is not there."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        return self.get(name)

    def same_attribs(self, _raises: bool = False, **expected: Any) -> bool:
        """See `ProxyData.same_attribs`."""
        return _same(self, _raises, expected)


class ProxyData:
    """A header. False when there was none, or a broken one; then `error` says why."""

    def __init__(self, version: int | None = None) -> None:
        self.version = version
        self.command: V2_CMD | None = None
        self.family = AF.UNSPEC
        self.protocol = PROTO.UNSPEC
        self.src_addr: IPv4Address | IPv6Address | str | None = None
        self.dst_addr: IPv4Address | IPv6Address | str | None = None
        self.src_port: int | None = None
        self.dst_port: int | None = None
        self.rest = b""
        self.whole_raw = bytearray()
        self.tlv_start: int | None = None
        self.tlv: ProxyTLV | None = None
        self.error = ""

    @property
    def valid(self) -> bool:
        """Is it a good header?"""
        return not self.error and self.version is not None

    def __bool__(self) -> bool:
        return self.valid

    def with_error(self, error_msg: str) -> "ProxyData":
        """The same with an error."""
        self.error = error_msg
        return self

    def same_attribs(self, _raises: bool = False, **expected: Any) -> bool:
        """Are all these attributes there with these values? With `_raises` KeyError and ValueError say which is not."""
        return _same(self, _raises, expected)


async def introduced(stream: Stream, patience: float) -> ProxyData:
    """The header that a connection begins with; what came behind it is put back."""
    heard = b""
    try:
        async with asyncio.timeout(patience):
            while (header := read_header(heard)) is None:
                octets = await stream.receive()
                if not octets:
                    return ProxyData().with_error("the proxy hung up within its header")
                heard += octets
    except (TimeoutError, LinkError, ProxyProtocolError) as error:
        return ProxyData().with_error(str(error) or "no whole header in time")
    if len(heard) > header.size:
        stream.put_back(heard[header.size :])
    return proxy_data(header, heard[: header.size])


def proxy_data(header: ProxyHeader, raw: bytes) -> ProxyData:
    """A header as hooks know it."""
    is_binary = not raw.startswith(b"PROXY ")
    data = ProxyData(2 if is_binary else 1)
    data.whole_raw = bytearray(raw)
    if is_binary:
        data.command = V2_CMD(raw[_SIGNED - 1] & 0x0F)
        data.family, data.protocol = AF(raw[_SIGNED] >> 4), PROTO(raw[_SIGNED] & 0x0F)
        size = {AF.IP4: 12, AF.IP6: 36, AF.UNIX: 216}.get(data.family, 0)
        data.rest = raw[_FIXED + size :]
        data.tlv_start = _FIXED + size if data.rest else None
        data.tlv = _by_name(header) if header.tlvs else None
    elif header.source is not None:
        data.family, data.protocol = (AF.IP6 if ":" in header.source.host else AF.IP4), PROTO.STREAM
    else:
        data.rest = raw.removeprefix(b"PROXY UNKNOWN").removesuffix(b"\r\n")
    if header.source is not None and header.destination is not None:
        data.src_addr, data.src_port = ip_address(header.source.host), header.source.port
        data.dst_addr, data.dst_port = ip_address(header.destination.host), header.destination.port
    return data


def _by_name(header: ProxyHeader) -> ProxyTLV:
    found = ProxyTLV()
    for kind, octets in header.tlvs:
        name = _NAMES.get(kind, f"x{kind:02X}")
        if name != "SSL":
            found[name] = octets
            continue
        found["SSL"] = bool(octets[:1] and octets[0] & 1)  # PROXY section 2.2.5: the client spoke TLS
        place = _SSL_FIXED
        while place + 3 <= len(octets):
            size = int.from_bytes(octets[place + 1 : place + 3], "big")
            inner = _SSL_NAMES.get(octets[place])
            if inner is not None:
                found[inner] = octets[place + 3 : place + 3 + size]
            place += 3 + size
    return found


def _same(value: Any, raises: bool, expected: dict[str, Any]) -> bool:
    missing = object()
    for name, wanted in expected.items():
        found = getattr(value, name, missing)
        if found == wanted:
            continue
        if raises:
            raise KeyError(name) if found is missing else ValueError(f"{name} is {found!r}, not {wanted!r}")
        return False
    return True
