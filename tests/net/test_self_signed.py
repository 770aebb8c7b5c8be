"""The certificate of `heloise dev`: others can use it, and it is made once."""

import ssl
import subprocess
from pathlib import Path

import pytest

from heloise.net.certificate import end_point
from heloise.net.self_signed import kept, make
from heloise.net.tls import certificate_facts
from heloise.world import ServerTls
from tests.net.test_tls_defaults import agreed, shaking_hands
from tests.peers import require


def test_a_client_that_trusts_it_shakes_hands_with_its_names(tmp_path: Path) -> None:
    files = kept(tmp_path, "localhost", "dev.example.test")
    trusting = ssl.create_default_context(cafile=files.chain)
    with shaking_hands(ServerTls(certificates=(files,))) as port:
        for name in ("localhost", "dev.example.test", "127.0.0.1"):
            assert agreed(port, trusting, name) is not None, name
        assert agreed(port, trusting, "other.test") is None
        assert agreed(port, ssl.create_default_context(), "localhost") is None


def test_it_is_kept_while_it_is_good_for_the_names_and_nobody_else_reads_the_key(tmp_path: Path) -> None:
    first = Path(kept(tmp_path / "state", "localhost").chain).read_text()
    files = kept(tmp_path / "state", "localhost")
    assert Path(files.chain).read_text() == first
    assert Path(files.key).stat().st_mode & 0o777 == 0o600
    assert certificate_facts(files).names == ("localhost",)
    assert Path(kept(tmp_path / "state", "localhost", "more.test").chain).read_text() != first
    Path(files.chain).write_text("no certificate")
    assert certificate_facts(kept(tmp_path / "state", "localhost")).names == ("localhost",)


def test_each_is_another_one_and_can_be_bound_to(tmp_path: Path) -> None:
    one, other = make(("localhost",)), make(("localhost",))
    assert one[1] != other[1]
    binding = end_point(ssl.PEM_cert_to_DER_cert(one[0]))
    assert binding is not None
    assert len(binding.octets) == 32


@pytest.mark.interop
def test_openssl_agrees_with_its_signature(tmp_path: Path) -> None:
    for number in range(8):
        file = tmp_path / f"{number}.pem"
        file.write_text(make(("localhost",))[0])
        program = [
            str(require("openssl")),
            "verify",
            "-x509_strict",
            "-check_ss_sig",
            "-CAfile",
            str(file),
            str(file),
        ]
        done = subprocess.run(program, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
