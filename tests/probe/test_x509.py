"""Certificates are read without being believed."""

import ssl
from datetime import UTC, datetime
from pathlib import Path

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from heloise.probe.examination import Examination, TlsExamined
from heloise.probe.findings import findings
from heloise.probe.x509 import CertificateFacts, read_certificate
from heloise.world import Endpoint
from tests.certificates import Authority


def der(path: str) -> bytes:
    """The first certificate of a file."""
    pem = Path(path).read_text()
    end = pem.index("-----END CERTIFICATE-----") + len("-----END CERTIFICATE-----")
    return ssl.PEM_cert_to_DER_cert(pem[:end] + "\n")


def test_names_dates_issuer_and_key_are_read(tmp_path: Path) -> None:
    facts = read_certificate(der(Authority(tmp_path).issue("mx.example.org", "*.example.org", "192.0.2.1").chain))
    assert facts.names == ("mx.example.org", "*.example.org", "192.0.2.1")
    assert datetime.fromtimestamp(facts.not_before, UTC).year == 2000
    assert datetime.fromtimestamp(facts.not_after, UTC).year == 3000
    assert facts.key == "EC P-256"
    assert "trustme" in facts.issuer
    assert not facts.is_self_issued
    assert facts.weak_hash is None


def test_one_that_issued_itself_is_known() -> None:
    authority = trustme.CA(key_type=trustme.KeyType.RSA)
    facts = read_certificate(ssl.PEM_cert_to_DER_cert(authority.cert_pem.bytes().decode()))
    assert facts.is_self_issued
    assert facts.key == "RSA 2048"
    assert facts.key_bits == 2048


@pytest.mark.parametrize(
    ("host", "fits"),
    [("mx.example.org", True), ("MX.Example.ORG.", True), ("a.b.example.org", False), ("example.org", False)],
)
def test_a_star_stands_for_one_label(host: str, fits: bool) -> None:
    assert certificate(names=("*.example.org",)).is_for(host) is fits


@given(st.binary(max_size=300))
def test_what_is_no_certificate_is_refused_and_breaks_nothing(octets: bytes) -> None:
    with pytest.raises((ValueError, OverflowError)):
        read_certificate(octets)


def test_a_certificate_that_was_cut_or_spoiled_is_read_or_refused(tmp_path: Path) -> None:
    whole = der(Authority(tmp_path).issue("mx.example.org").chain)
    for place in range(0, len(whole), 3):
        for spoiled in (whole[:place], whole[:place] + b"\xff" + whole[place + 1 :]):
            try:
                read_certificate(spoiled)
            except (ValueError, OverflowError):
                continue


def certificate(**changes: object) -> CertificateFacts:
    facts: dict[str, object] = {
        "subject": "mx.test", "issuer": "CA", "names": ("mx.test",), "not_before": 0.0, "not_after": 1e9,
        "key": "RSA 2048", "key_bits": 2048, "is_self_issued": False, "weak_hash": None,
    }  # fmt: skip
    return CertificateFacts(**{**facts, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "now", "finding"),
    [
        ({}, 2e9, "tls.expired"),
        ({"not_before": 5e8}, 1e8, "tls.not-yet"),
        ({}, 1e9 - 86400, "tls.expires"),
        ({"names": ("other.test",)}, 1e8, "tls.name"),
        ({"key": "RSA 1024", "key_bits": 1024}, 1e8, "tls.key"),
        ({"weak_hash": "SHA-1"}, 1e8, "tls.hash"),
    ],
)
def test_what_is_wrong_with_it_is_found(changes: dict[str, object], now: float, finding: str) -> None:
    tls = TlsExamined(is_implicit=True, certificate=certificate(**changes))
    found = Examination(name="mx.test", endpoint=Endpoint("192.0.2.1", 465), tls=tls)
    assert [each.id for each in findings(found, now)] == [finding]


def test_a_good_one_is_not_blamed() -> None:
    tls = TlsExamined(is_implicit=True, certificate=certificate())
    found = Examination(name="mx.test", endpoint=Endpoint("192.0.2.1", 465), tls=tls)
    assert findings(found, 1e8) == ()
