"""`heloise check` looks into certificates: how long they are good, and for whom."""

from pathlib import Path

import pytest

from heloise.config import parse_configuration
from heloise.config.advice import advise
from heloise.net.tls import CertificateFacts
from heloise.world import CertificateFiles
from tests.certificates import Authority


def advice(directory: Path, files: CertificateFiles, names: str = "[]") -> list[str]:
    text = (
        f'hostname = "mx.example.test"\nstate = "state"\n[[listener]]\naddress = "127.0.0.1:0"\n'
        f'[[tls.certificate]]\nchain = "{files.chain}"\nkey = "{files.key}"\nnames = {names}\n'
    )
    made = parse_configuration(text, directory=str(directory))
    return [each.text for each in advise(made) if "ertificate" in each.text or files.chain in each.text]


def test_a_certificate_for_our_name_that_is_good_for_long_earns_no_word(tmp_path: Path) -> None:
    assert advice(tmp_path, Authority(tmp_path).issue("mx.example.test", days=60)) == []
    assert advice(tmp_path, Authority(tmp_path).issue("*.example.test", file="wild", days=60)) == []


@pytest.mark.parametrize(
    ("days", "words"), [(0, "expires in 0 days"), (1, "expires in 1 day"), (13, "expires in 13 days")]
)
def test_one_that_expires_soon_is_told(days: int, words: str, tmp_path: Path) -> None:
    (told,) = advice(tmp_path, Authority(tmp_path).issue("mx.example.test", days=days))
    assert told.endswith(words)


def test_one_for_another_name_than_ours_is_told(tmp_path: Path) -> None:
    (told,) = advice(tmp_path, Authority(tmp_path).issue("other.test"))
    assert told == "no certificate is for mx.example.test, which clients that look at it expect"


def test_one_that_is_shown_for_a_name_it_is_not_for_is_told(tmp_path: Path) -> None:
    files = Authority(tmp_path).issue("mx.example.test", "smtp.example.test")
    (told,) = advice(tmp_path, files, '["smtp.example.test", "mail.example.test"]')
    assert told == (
        f'{files.chain} is shown to who asks for "mail.example.test", and is for mx.example.test, smtp.example.test'
    )


def test_a_star_stands_for_one_label() -> None:
    facts = CertificateFacts(("*.example.test",), 1.0)
    assert facts.is_for("MX.example.test")
    assert not facts.is_for("a.mx.example.test")
    assert not facts.is_for("example.test")
