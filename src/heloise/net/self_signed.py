"""A certificate that vouches for itself, for `heloise dev`: ECDSA over P-256, in DER by hand. RFC 5280, RFC 5915.

Python's `ssl` makes no keys, and a development server is no reason for a dependency that does. It is meant for one
machine: the arithmetic takes as long as the numbers make it, which somebody who can measure it could use.
"""

import base64
import hashlib
import os
import secrets
import socket
import ssl
import time
from pathlib import Path
from typing import Final, TypeAlias

from heloise.world.tls import CertificateFiles, TlsFileError

_DAY: Final = 86400
_DAYS: Final = 3650
Point: TypeAlias = tuple[int, int] | None

# SEC 2 §2.4.2: the curve is y² = x³ - 3x + b over the field of _P; _G generates a group of _N points.
_P: Final = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G: Final = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_EC_KEY = bytes.fromhex("06072a8648ce3d0201")
_P256 = bytes.fromhex("06082a8648ce3d030107")
_ECDSA_SHA256 = bytes.fromhex("06082a8648ce3d040302")


def kept(directory: Path, *names: str) -> CertificateFiles:
    """The certificate in `directory`, made anew when there is none that is good for these names and some weeks.

    Raises:
        OSError: nothing can be kept there.
        TlsFileError: what was made can not be used.
    """
    from heloise.net.tls import certificate_facts

    files = CertificateFiles(chain=str(directory / "dev.pem"), key=str(directory / "dev.key"))
    try:
        facts = certificate_facts(files)
        if facts.seconds_left > 30 * _DAY and all(facts.is_for(name) for name in names):
            return files
    except TlsFileError:
        pass  # there is none, or none that is of use
    directory.mkdir(parents=True, exist_ok=True)
    certificate, key = make(names)
    for path, text in ((files.key, key), (files.chain, certificate)):
        descriptor = os.open(f"{path}.new", os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(text)
        os.replace(f"{path}.new", path)
    certificate_facts(files)
    return files


def make(names: tuple[str, ...]) -> tuple[str, str]:
    """A certificate for these names and the addresses of this machine, and its key, both in PEM."""
    secret = secrets.randbelow(_N - 1) + 1
    public = _point(_times(secret, _G))
    to_be_signed = _to_be_signed(names, public)
    signed = _sequence(to_be_signed, _sequence(_ECDSA_SHA256), _bits(_signature(secret, to_be_signed)))
    key = _sequence(
        _integer(1), _tagged(0x04, secret.to_bytes(32, "big")), _tagged(0xA0, _P256), _tagged(0xA1, _bits(public))
    )
    return ssl.DER_cert_to_PEM_cert(signed), _pem("EC PRIVATE KEY", key)


def _to_be_signed(names: tuple[str, ...], public: bytes) -> bytes:
    """RFC 5280 §4.1."""
    name = _sequence(_tagged(0x31, _sequence(bytes.fromhex("0603550403"), _tagged(0x0C, b"heloise dev"))))
    now = time.time()
    validity = _sequence(_time(now - _DAY), _time(now + _DAYS * _DAY))
    key = _sequence(_sequence(_EC_KEY, _P256), _bits(public))
    hosts = [_tagged(0x82, each.encode("idna" if not each.isascii() else "ascii")) for each in names]
    addresses = [_tagged(0x87, socket.inet_pton(kind, text)) for kind, text in _LOOPBACK]
    extensions = _sequence(
        _extension("551d11", _sequence(*hosts, *addresses)),
        _extension("551d13", _sequence(_tagged(0x01, b"\xff")), critical=True),  # it is its own authority
        _extension("551d0f", _tagged(0x03, b"\x02\x84"), critical=True),  # digitalSignature, keyCertSign
        _extension("551d0e", _tagged(0x04, hashlib.sha1(public, usedforsecurity=False).digest())),
    )
    return _sequence(
        _tagged(0xA0, _integer(2)),
        _integer(secrets.randbits(120)),
        _sequence(_ECDSA_SHA256),
        name,
        validity,
        name,
        key,
        _tagged(0xA3, extensions),
    )


_LOOPBACK: Final = ((socket.AF_INET, "127.0.0.1"), (socket.AF_INET6, "::1"))


def _extension(identifier: str, content: bytes, *, critical: bool = False) -> bytes:
    flag = _tagged(0x01, b"\xff") if critical else b""
    return _sequence(_tagged(0x06, bytes.fromhex(identifier)), flag, _tagged(0x04, content))


def _signature(secret: int, octets: bytes) -> bytes:
    """FIPS 186-4 §6.4."""
    digest = int.from_bytes(hashlib.sha256(octets).digest(), "big")
    while True:
        once = secrets.randbelow(_N - 1) + 1
        point = _times(once, _G)
        assert point is not None
        r = point[0] % _N
        s = pow(once, -1, _N) * (digest + r * secret) % _N
        if r and s:
            return _sequence(_integer(r), _integer(s))


def _times(number: int, point: Point) -> Point:
    total: Point = None
    while number:
        if number & 1:
            total = _add(total, point)
        point = _add(point, point)
        number >>= 1
    return total


def _add(one: Point, other: Point) -> Point:
    if one is None or other is None:
        return other if one is None else one
    (x1, y1), (x2, y2) = one, other
    if x1 == x2 and (y1 + y2) % _P == 0:
        return None
    slope = (3 * x1 * x1 - 3) * pow(2 * y1, -1, _P) if one == other else (y2 - y1) * pow(x2 - x1, -1, _P)
    x = (slope * slope - x1 - x2) % _P
    return x, (slope * (x1 - x) - y1) % _P


def _point(point: Point) -> bytes:
    assert point is not None
    return b"\x04" + point[0].to_bytes(32, "big") + point[1].to_bytes(32, "big")


# DER, X.690


def _tagged(tag: int, content: bytes) -> bytes:
    length = len(content)
    if length < 0x80:
        return bytes((tag, length)) + content
    octets = length.to_bytes((length.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(octets))) + octets + content


def _sequence(*parts: bytes) -> bytes:
    return _tagged(0x30, b"".join(parts))


def _integer(number: int) -> bytes:
    return _tagged(0x02, number.to_bytes(number.bit_length() // 8 + 1, "big"))


def _bits(octets: bytes) -> bytes:
    return _tagged(0x03, b"\0" + octets)


def _time(seconds: float) -> bytes:
    return _tagged(0x17, time.strftime("%y%m%d%H%M%SZ", time.gmtime(seconds)).encode())


def _pem(kind: str, octets: bytes) -> str:
    text = base64.encodebytes(octets).decode().replace("\n", "")
    lines = [text[start : start + 64] for start in range(0, len(text), 64)]
    return "\n".join((f"-----BEGIN {kind}-----", *lines, f"-----END {kind}-----", ""))
