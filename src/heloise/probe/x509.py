"""What is in a certificate, as far as people ask: names, dates, issuer, key. RFC 5280, X.690.

Python's `ssl` shows only certificates that it has verified; of others it gives the octets, which are read here. Nothing
is verified: for that there is a handshake.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address

_SEQUENCE, _SET, _INTEGER, _OID, _BITS = 0x30, 0x31, 0x02, 0x06, 0x03
_UTC_TIME, _VERSION, _EXTENSIONS = 0x17, 0xA0, 0xA3
_OCTETS, _BOOLEAN = 0x04, 0x01
_DNS_NAME, _ADDRESS = 0x82, 0x87
_COMMON_NAME, _ORGANIZATION, _ALTERNATIVE = "2.5.4.3", "2.5.4.10", "2.5.29.17"
_RSA, _EC = "1.2.840.113549.1.1.1", "1.2.840.10045.2.1"
_CURVES = {"1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521"}
_ALGORITHMS = {"1.3.101.112": "Ed25519", "1.3.101.113": "Ed448"}
_WEAK = {
    "1.2.840.113549.1.1.4": "MD5",
    "1.2.840.113549.1.1.5": "SHA-1",
    "1.2.840.10045.4.1": "SHA-1",
}
_TIME = re.compile(rb"(\d{2}|\d{4})(\d{2})(\d{2})(\d{2})(\d{2})(\d{2})Z")


@dataclass(frozen=True, slots=True, kw_only=True)
class CertificateFacts:
    """`not_before` and `not_after` in seconds since the epoch. `key` is written like "RSA 2048" or "EC P-256";
    `key_bits` are those of RSA, else 0. `weak_hash` signs it, when that is no good any more."""

    subject: str
    issuer: str
    names: tuple[str, ...]
    not_before: float
    not_after: float
    key: str
    key_bits: int
    is_self_issued: bool
    weak_hash: str | None

    def is_for(self, host: str) -> bool:
        """Is this host among the names? A star stands for one label (RFC 6125 §6.4.3)."""
        host = host.lower().removesuffix(".")
        parent = f"*.{host.partition('.')[2]}"
        return any(name.lower() in (host, parent) for name in self.names)


def read_certificate(der: bytes) -> CertificateFacts:
    """Raises ValueError for what is no certificate."""
    [(tag, certificate)] = list(_elements(der))
    body, algorithm, _ = [inner for _, inner in _elements(certificate)]
    fields = list(_elements(body))
    if tag != _SEQUENCE or len(fields) < 6:
        raise ValueError("not a certificate")
    if fields[0][0] == _VERSION:
        del fields[0]
    _, _, (_, issuer), (_, validity), (_, subject), (_, public_key), *others = fields
    before, after = [_moment(kind, text) for kind, text in _elements(validity)]
    extensions = next((inner for kind, inner in others if kind == _EXTENSIONS), b"")
    key, bits = _key(public_key)
    (_, signed_by), *_ = _elements(algorithm)
    return CertificateFacts(
        subject=_name(subject),
        issuer=_name(issuer),
        names=tuple(_alternative_names(extensions)),
        not_before=before,
        not_after=after,
        key=key,
        key_bits=bits,
        is_self_issued=issuer == subject,
        weak_hash=_WEAK.get(_oid(signed_by)),
    )


def _elements(octets: bytes) -> Iterator[tuple[int, bytes]]:
    """The values one after the other, each with its tag. Raises ValueError."""
    place = 0
    while place < len(octets):
        tag, (length, start) = octets[place], _length(octets, place + 1)
        if tag & 0x1F == 0x1F or start + length > len(octets):
            raise ValueError("not DER")
        yield tag, octets[start : start + length]
        place = start + length


def _length(octets: bytes, place: int) -> tuple[int, int]:
    """A length, and where what is so long begins."""
    first = octets[place] if place < len(octets) else 0x80
    if first < 0x80:
        return first, place + 1
    count = first & 0x7F
    if not 1 <= count <= 4 or place + 1 + count > len(octets):
        raise ValueError("not DER")
    return int.from_bytes(octets[place + 1 : place + 1 + count], "big"), place + 1 + count


def _oid(octets: bytes) -> str:
    numbers, value = [], 0
    for octet in octets:
        value = value << 7 | octet & 0x7F
        if not octet & 0x80:
            numbers.append(value)
            value = 0
    if not numbers:
        return ""
    first = min(numbers[0] // 40, 2)
    return ".".join(map(str, (first, numbers[0] - 40 * first, *numbers[1:])))


def _moment(tag: int, text: bytes) -> float:
    found = _TIME.fullmatch(text)
    if found is None:
        raise ValueError("not a time")
    year, month, day, hour, minute, second = map(int, found.groups())
    if tag == _UTC_TIME:
        year += 2000 if year < 50 else 1900  # RFC 5280 §4.1.2.5.1
    return datetime(year, month, day, hour, minute, second, tzinfo=UTC).timestamp()


def _name(octets: bytes) -> str:
    """The common name, else the organization, else nothing."""
    found: dict[str, str] = {}
    for tag, relative in _elements(octets):
        if tag == _SET:
            for _, pair in _elements(relative):
                (_, kind), (_, value), *_ = _elements(pair)
                found.setdefault(_oid(kind), value.decode("utf-8", "replace"))
    return found.get(_COMMON_NAME) or found.get(_ORGANIZATION) or ""


def _key(octets: bytes) -> tuple[str, int]:
    (_, algorithm), (_, bits), *_ = _elements(octets)
    (_, kind), *parameters = _elements(algorithm)
    name = _oid(kind)
    if name == _RSA:
        (_, numbers), *_ = _elements(bits[1:])
        (_, modulus), *_ = _elements(numbers)
        size = int.from_bytes(modulus, "big").bit_length()
        return f"RSA {size}", size
    if name == _EC:
        curve = _oid(parameters[0][1]) if parameters else ""
        return f"EC {_CURVES.get(curve, curve)}", 0
    return _ALGORITHMS.get(name, name), 0


def _alternative_names(extensions: bytes) -> Iterator[str]:
    """DNS names and addresses. RFC 5280 §4.2.1.6."""
    for _, several in _elements(extensions):
        for _, extension in _elements(several):
            (_, kind), *rest = _elements(extension)
            if _oid(kind) != _ALTERNATIVE or not rest:
                continue
            for _, names in _elements(rest[-1][1]):
                for tag, value in _elements(names):
                    if tag == _DNS_NAME:
                        yield value.decode("ascii", "replace")
                    elif tag == _ADDRESS and len(value) in (4, 16):
                        yield str(ip_address(value))
