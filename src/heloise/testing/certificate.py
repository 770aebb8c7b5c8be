"""A certificate for tests, made on the spot: an authority and a server, both P-256, in pure Python.

It protects nothing: the arithmetic takes different times for different keys. RFC 5280 for the certificates, SEC 1
for the key, FIPS 186 for the signatures.
"""

import hashlib
import secrets
import time
from base64 import encodebytes
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_DAYS = 30
_YEAR_2050 = 2524608000

Point = tuple[int, int] | None


@dataclass(frozen=True, slots=True)
class TestCertificate:
    """Files in PEM: what the server has, and whom a client is to believe."""

    __test__ = False

    chain: Path
    key: Path
    ca: Path


def make_certificate(directory: Path, names: Sequence[str] = ("localhost", "127.0.0.1", "::1")) -> TestCertificate:
    """Make an authority and a certificate for `names` (hosts and addresses), good for a month."""
    authority, server = secrets.randbelow(_N - 1) + 1, secrets.randbelow(_N - 1) + 1
    authority_point, server_point = _public(authority), _public(server)
    issuer, authority_id = _name("heloise test authority"), _key_id(authority_point)
    ca = _certificate(issuer, issuer, authority_point, authority, _ca_extensions(authority_id))
    leaf = _certificate(
        _name(names[0]), issuer, server_point, authority, _leaf_extensions(names, _key_id(server_point), authority_id)
    )
    made = TestCertificate(directory / "server.pem", directory / "server.key", directory / "ca.pem")
    made.ca.write_text(_pem("CERTIFICATE", ca))
    made.chain.write_text(_pem("CERTIFICATE", leaf) + _pem("CERTIFICATE", ca))
    made.key.touch(mode=0o600)
    made.key.write_text(_pem("EC PRIVATE KEY", _private_key(server, server_point)))
    return made


# The curve


def _add(a: Point, b: Point) -> Point:
    if a is None or b is None:
        return a or b
    if a[0] == b[0] and (a[1] + b[1]) % _P == 0:
        return None
    if a == b:
        slope = (3 * a[0] * a[0] - 3) * pow(2 * a[1], -1, _P) % _P
    else:
        slope = (b[1] - a[1]) * pow(b[0] - a[0], -1, _P) % _P
    x = (slope * slope - a[0] - b[0]) % _P
    return x, (slope * (a[0] - x) - a[1]) % _P


def _times(factor: int, point: Point) -> tuple[int, int]:
    total: Point = None
    while factor:
        if factor & 1:
            total = _add(total, point)
        point = _add(point, point)
        factor >>= 1
    assert total is not None
    return total


def _public(key: int) -> bytes:
    x, y = _times(key, _G)
    return b"\x04" + x.to_bytes(32, "big") + y.to_bytes(32, "big")


def _sign(octets: bytes, key: int) -> bytes:
    digest = int.from_bytes(hashlib.sha256(octets).digest(), "big")
    while True:
        once = secrets.randbelow(_N - 1) + 1
        r = _times(once, _G)[0] % _N
        s = pow(once, -1, _N) * (digest + r * key) % _N
        if r and s:
            return _sequence(_integer(r), _integer(s))


# DER


def _tlv(tag: int, *parts: bytes) -> bytes:
    octets = b"".join(parts)
    size = len(octets)
    if size < 128:
        return bytes((tag, size)) + octets
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 128 | len(length))) + length + octets


def _sequence(*parts: bytes) -> bytes:
    return _tlv(0x30, *parts)


def _integer(value: int) -> bytes:
    return _tlv(0x02, value.to_bytes(value.bit_length() // 8 + 1, "big"))


def _bits(octets: bytes, unused: int = 0) -> bytes:
    return _tlv(0x03, bytes((unused,)), octets)


def _oid(text: str) -> bytes:
    first, second, *rest = map(int, text.split("."))
    octets = bytes((first * 40 + second,))
    for number in rest:
        septets = [number & 127]
        while number := number >> 7:
            septets.append(128 | number & 127)
        octets += bytes(reversed(septets))
    return _tlv(0x06, octets)


_EC_KEY = _sequence(_oid("1.2.840.10045.2.1"), _oid("1.2.840.10045.3.1.7"))
_ECDSA_SHA256 = _sequence(_oid("1.2.840.10045.4.3.2"))


def _name(common: str) -> bytes:
    return _sequence(_tlv(0x31, _sequence(_oid("2.5.4.3"), _tlv(0x0C, common.encode()))))


def _time(seconds: float) -> bytes:
    short = seconds < _YEAR_2050  # RFC 5280 §4.1.2.5
    text = time.strftime("%y%m%d%H%M%SZ" if short else "%Y%m%d%H%M%SZ", time.gmtime(seconds))
    return _tlv(0x17 if short else 0x18, text.encode())


def _extension(oid: str, value: bytes, *, critical: bool = False) -> bytes:
    return _sequence(_oid(oid), b"\x01\x01\xff" if critical else b"", _tlv(0x04, value))


def _key_id(point: bytes) -> bytes:
    return hashlib.sha1(point, usedforsecurity=False).digest()


def _ca_extensions(key_id: bytes) -> bytes:
    return _sequence(
        _extension("2.5.29.19", _sequence(b"\x01\x01\xff"), critical=True),
        _extension("2.5.29.15", _bits(b"\x06", 1), critical=True),  # certificates and lists of revoked ones
        _extension("2.5.29.14", _tlv(0x04, key_id)),
    )


def _leaf_extensions(names: Sequence[str], key_id: bytes, authority_id: bytes) -> bytes:
    return _sequence(
        _extension("2.5.29.19", _sequence(), critical=True),
        _extension("2.5.29.15", _bits(b"\x80", 7), critical=True),  # signatures
        _extension("2.5.29.37", _sequence(_oid("1.3.6.1.5.5.7.3.1"))),  # a server's
        _extension("2.5.29.17", _sequence(*map(_alternative, names))),
        _extension("2.5.29.14", _tlv(0x04, key_id)),
        _extension("2.5.29.35", _sequence(_tlv(0x80, authority_id))),
    )


def _alternative(name: str) -> bytes:
    try:
        return _tlv(0x87, ip_address(name).packed)
    except ValueError:
        return _tlv(0x82, name.encode("ascii"))


def _certificate(subject: bytes, issuer: bytes, point: bytes, signer: int, extensions: bytes) -> bytes:
    now = time.time()
    body = _sequence(
        _tlv(0xA0, _integer(2)),
        _integer(secrets.randbits(120) | 1 << 120),
        _ECDSA_SHA256,
        issuer,
        _sequence(_time(now - 86400), _time(now + _DAYS * 86400)),
        subject,
        _sequence(_EC_KEY, _bits(point)),
        _tlv(0xA3, extensions),
    )
    return _sequence(body, _ECDSA_SHA256, _bits(_sign(body, signer)))


def _private_key(key: int, point: bytes) -> bytes:
    curve = _oid("1.2.840.10045.3.1.7")
    return _sequence(_integer(1), _tlv(0x04, key.to_bytes(32, "big")), _tlv(0xA0, curve), _tlv(0xA1, _bits(point)))


def _pem(label: str, octets: bytes) -> str:
    text = encodebytes(octets).decode().replace("\n", "")
    lines = "\n".join(text[start : start + 64] for start in range(0, len(text), 64))
    return f"-----BEGIN {label}-----\n{lines}\n-----END {label}-----\n"
