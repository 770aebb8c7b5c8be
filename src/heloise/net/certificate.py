"""What a certificate is for channel binding: its hash, by the function it is signed with. RFC 5929 §4.1.

Python's `ssl` does not tell that function, so it is read out of the certificate: an octet string in DER (X.690), of
which only the places of three elements matter.
"""

import hashlib
from typing import Final

from heloise.mail.encryption import ChannelBinding

KIND: Final = "tls-server-end-point"
_RSA, _ECDSA = "2a864886f70d0101", "2a8648ce3d04"
# RFC 5929 §4.1: MD5 and SHA-1 count as SHA-256. What has no hash of its own (Ed25519), or tells it elsewhere (PSS), has
# no binding that both sides would be sure of.
_HASHES: Final = {
    f"{_RSA}04": "sha256",
    f"{_RSA}05": "sha256",
    f"{_RSA}0b": "sha256",
    f"{_RSA}0c": "sha384",
    f"{_RSA}0d": "sha512",
    f"{_RSA}0e": "sha224",
    f"{_ECDSA}01": "sha256",
    f"{_ECDSA}0301": "sha224",
    f"{_ECDSA}0302": "sha256",
    f"{_ECDSA}0303": "sha384",
    f"{_ECDSA}0304": "sha512",
}
_SEQUENCE, _OID = 0x30, 0x06


def end_point(certificate: bytes) -> ChannelBinding | None:
    """The binding to a server with this certificate (DER); None when there is none for it."""
    try:
        inside, _ = _element(certificate, 0, _SEQUENCE)
        _, behind = _element(certificate, inside, _SEQUENCE)  # what is signed
        algorithm, _ = _element(certificate, behind, _SEQUENCE)
        name, end = _element(certificate, algorithm, _OID)
    except (IndexError, ValueError):
        return None
    function = _HASHES.get(certificate[name:end].hex())
    return None if function is None else ChannelBinding(KIND, hashlib.new(function, certificate).digest())


def _element(octets: bytes, at: int, tag: int) -> tuple[int, int]:
    """Where the content of the element at this place begins, and ends. Raises IndexError, ValueError."""
    if octets[at] != tag:
        raise ValueError("another element")
    length, begin = octets[at + 1], at + 2
    if length & 0x80:
        begin += length & 0x7F
        length = int.from_bytes(octets[at + 2 : begin], "big")
    if begin + length > len(octets):
        raise ValueError("cut short")
    return begin, begin + length
