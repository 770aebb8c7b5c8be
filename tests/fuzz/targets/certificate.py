"""read_certificate takes any octets: it reads a certificate or raises ValueError. RFC 5280, X.690."""

from heloise.probe.x509 import read_certificate
from tests.fuzz.targets import Target

TOKENS = (
    b"\x30\x82",
    b"\x30\x03",
    b"\x02\x01\x01",
    b"\x06\x03\x55\x04\x03",
    b"\xa0\x03",
    b"\xa3\x05",
    b"\x17\x0d",
    b"\x80",
)


def run(octets: bytes) -> None:
    """Settings: none."""
    try:
        read_certificate(octets)
    except (ValueError, OverflowError):
        return


TARGET = Target(run=run, tokens=TOKENS, settings=0)
