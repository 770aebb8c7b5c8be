"""`heloise user`, and the server that reads what it wrote."""

import smtplib
from base64 import b64encode
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from heloise.cli.main import main
from heloise.reception.users import read_users
from tests.serving import start

CONFIGURATION = """\
hostname = "mx.example.test"
state = "state"
[[listener]]
address = "127.0.0.1:0"
requires_auth = true
[auth]
users = "users"
[local]
domains = ["example.test"]
[[user]]
name = "bob"
[relay]
networks = []
[log]
level = "debug"
"""
SECRETS = ("sesame", "mistaken", b64encode(b"sesame").decode(), b64encode(b"\0bob\0sesame").decode())


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "heloise.toml"
    path.write_text(CONFIGURATION)
    return path


def run(file: Path, *words: str, said: str = "") -> Result:
    return CliRunner().invoke(main, ["user", *words, "-c", str(file)], input=said)


def test_a_user_is_added_and_nobody_else_may_read_the_file(file: Path) -> None:
    result = run(file, "add", "bob", "bob@example.test", "--password-stdin", said="sesame\n")
    assert (result.exit_code, result.output) == (0, "")
    users = file.with_name("users")
    assert users.stat().st_mode & 0o777 == 0o600
    assert read_users(users.read_text())["bob"].knows("sesame")
    assert run(file, "list").output == "bob bob@example.test\n"


def test_a_password_is_asked_for_twice_and_not_shown(file: Path) -> None:
    result = run(file, "add", "bob", said="sesame\nsesame\n")
    assert result.exit_code == 0
    assert "sesame" not in result.output


def test_a_user_keeps_his_addresses_with_another_password(file: Path) -> None:
    run(file, "add", "bob", "@example.test", "--password-stdin", said="old\n")
    run(file, "passwd", "bob", "--password-stdin", said="sesame\n")
    bob = read_users(file.with_name("users").read_text())["bob"]
    assert bob.addresses == ("@example.test",)
    assert bob.knows("sesame")


def test_what_can_not_be_done_is_said(file: Path) -> None:
    run(file, "add", "bob", "--password-stdin", said="sesame\n")
    assert "already" in run(file, "add", "bob", "--password-stdin", said="x\n").output
    assert 'did you mean "bob"' in run(file, "remove", "bop").output
    assert "empty" in run(file, "add", "eve", "--password-stdin", said="\n").output
    assert "neither an address" in run(file, "add", "eve", "nowhere", "--password-stdin", said="x\n").output
    assert run(file, "list").output == "bob\n"
    assert run(file, "remove", "bob").exit_code == 0
    assert run(file, "list").output == ""


def test_a_file_that_others_may_read_is_told_of(file: Path) -> None:
    run(file, "add", "bob", "--password-stdin", said="sesame\n")
    file.with_name("users").chmod(0o644)
    assert "chmod 600" in run(file, "list").output


@pytest.mark.slow
def test_smtplib_comes_in_and_no_secret_is_in_the_log_or_on_the_disk(file: Path, tmp_path: Path) -> None:
    run(file, "add", "bob", "--password-stdin", said="sesame\n")
    log = tmp_path / "log"
    served = start(file, tmp_path / "state", log=log)
    try:
        for mechanism in ("PLAIN", "LOGIN"):
            with smtplib.SMTP("127.0.0.1", served.port) as client:
                client.ehlo("client.test")
                assert client.mail("bob@example.test")[0] == 530
                client.user, client.password = "bob", "sesame"
                client.auth(mechanism, getattr(client, f"auth_{mechanism.lower()}"))
                client.sendmail("bob@example.test", ["bob@example.test"], b"Subject: hello\r\n\r\nhi\r\n")
        with smtplib.SMTP("127.0.0.1", served.port) as client:
            with pytest.raises(smtplib.SMTPAuthenticationError):
                client.login("bob", "mistaken")
            # A user who comes while the server runs is known at once.
            run(file, "add", "eve", "--password-stdin", said="sesame\n")
            client.login("eve", "sesame")
    finally:
        served.stop()
    assert "user=bob" in log.read_text()
    kept = [each.read_bytes() for each in (*(tmp_path / "state").rglob("*"), log, tmp_path / "users") if each.is_file()]
    assert any(b"with ESMTPA id" in octets for octets in kept)
    assert not [secret for secret in SECRETS for octets in kept if secret.encode() in octets]
