"""`heloise atrn`: with a running server and without one, what is printed, and the exit code."""

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.serving import PROGRAM, Served, start

pytestmark = pytest.mark.slow  # each test starts servers of its own

PROVIDER = """\
hostname = "provider.test"
state = "{state}"
[[listener]]
address = "127.0.0.1:0"
{protocol}
[local]
domains = ["provider.test"]
[[user]]
name = "sender"
[extensions]
ATRN = "any"
[[odmr]]
networks = ["127.0.0.1"]
domains = ["site.test", "annex.test"]
[limits]
minimum_free = 0
"""
CUSTOMER = """\
hostname = "mail.site.test"
state = "customer"
[[listener]]
address = "127.0.0.1:0"
[local]
domains = ["site.test", "annex.test"]
[[user]]
name = "alice"
[limits]
minimum_free = 0
"""


@pytest.fixture
def provider(tmp_path: Path) -> Iterator[Served]:
    """A provider, which has ATRN on the listener where mail is brought, too."""
    configuration = tmp_path / "provider.toml"
    configuration.write_text(PROVIDER.format(state="provider", protocol=""))
    (tmp_path / "customer.toml").write_text(CUSTOMER)
    server = start(configuration, tmp_path / "provider", log=tmp_path / "provider.log")
    try:
        yield server
    finally:
        server.stop()


def heloise(*arguments: str, directory: Path, code: int = 0) -> str:
    done = subprocess.run([PROGRAM, *arguments], cwd=directory, capture_output=True, text=True, timeout=120)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout + done.stderr


def bring(provider: Served, directory: Path, *recipients: str) -> None:
    """Mail for the site comes to the provider."""
    to = [word for recipient in recipients for word in ("--to", recipient)]
    server = f"127.0.0.1:{provider.port}"
    heloise("send", "--server", server, "--from", "x@y.test", *to, "--body", "hello", "-q", directory=directory)


def mailbox(directory: Path) -> list[Path]:
    new = directory / "customer" / "mail" / "alice" / "Maildir" / "new"
    return list(new.iterdir()) if new.exists() else []


def test_without_a_running_server_mail_is_fetched_and_delivered(provider: Served, tmp_path: Path) -> None:
    bring(provider, tmp_path, "alice@site.test")
    server = f"127.0.0.1:{provider.port}"
    assert heloise("atrn", "-c", "customer.toml", server, directory=tmp_path) == "  ✓ 1 message fetched\n"
    assert len(mailbox(tmp_path)) == 1
    assert provider.waiting_messages() == 0
    assert heloise("atrn", "-c", "customer.toml", server, directory=tmp_path).startswith("  ✓ no mail waits  453 4.2.0")


def test_a_running_server_takes_what_is_fetched(provider: Served, tmp_path: Path) -> None:
    bring(provider, tmp_path, "alice@site.test", "alice@annex.test")
    server = f"127.0.0.1:{provider.port}"
    customer = start(tmp_path / "customer.toml", tmp_path / "customer", log=tmp_path / "customer.log")
    try:
        said = heloise("atrn", "-c", "customer.toml", server, "site.test", "--json", directory=tmp_path)
    finally:
        customer.stop()
    whole = json.loads(said)
    assert (whole["turned"], whole["taken"], whole["refused"]) == (True, 1, 0)
    assert {"from": "C", "text": "ATRN site.test"} in whole["transcript"]
    assert whole["transcript"][-2] == {"from": "C", "text": "QUIT"}  # said by the provider, who is the client now
    assert len(mailbox(tmp_path)) == 1
    assert provider.waiting_messages() == 1  # that for annex.test


def test_a_recipient_that_we_refuse_is_told(provider: Served, tmp_path: Path) -> None:
    bring(provider, tmp_path, "alice@site.test", "nobody@site.test")
    server = f"127.0.0.1:{provider.port}"
    said = heloise("atrn", "-c", "customer.toml", server, "--transcript", directory=tmp_path, code=1)
    assert "S: 550 5.1.1 " in said
    assert "-- the connection is turned around: we are the server now\n" in said
    assert said.endswith("  ✗ 1 message fetched, 1 time something was refused\n")


def test_a_domain_that_is_not_ours_is_refused_with_its_cause(provider: Served, tmp_path: Path) -> None:
    server = f"127.0.0.1:{provider.port}"
    said = heloise("atrn", "-c", "customer.toml", server, "other.test", directory=tmp_path, code=1)
    assert "✗ nothing was fetched  450 4.7.1 ATRN request refused: other.test is not yours" in said


def test_a_provider_that_is_not_there_ends_with_3(tmp_path: Path) -> None:
    (tmp_path / "customer.toml").write_text(CUSTOMER)
    said = heloise("atrn", "-c", "customer.toml", "127.0.0.1:1", directory=tmp_path, code=3)
    assert "✗ nothing was fetched  421 4.4.1 Could not connect" in said


def test_a_server_without_atrn_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "customer.toml").write_text(CUSTOMER)
    plain = tmp_path / "plain.toml"
    plain.write_text(CUSTOMER.replace('"customer"', '"plain"'))
    server = start(plain, tmp_path / "plain", log=tmp_path / "plain.log")
    try:
        said = heloise("atrn", "-c", "customer.toml", f"127.0.0.1:{server.port}", directory=tmp_path, code=1)
    finally:
        server.stop()
    assert "does not offer ATRN, so nothing was asked" in said
