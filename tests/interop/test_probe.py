"""`heloise probe` and `heloise test-relay` on real servers: what each of them is known for is found."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from heloise.cli.main import main
from heloise.probe.attempts import ATTEMPTS
from tests.certificates import Authority
from tests.interop.house import house
from tests.interop.nexthops import Mta, every_mta
from tests.peers import Exim, OpenSmtpd, Postfix, Sendmail

pytestmark = [pytest.mark.interop, pytest.mark.slow]

# Beside what the settings of the tests have of themselves: no STARTTLS, and no Postmaster at there.test.
KNOWN_FOR: dict[type[Mta], set[str]] = {
    Postfix: {"line.bare-lf", "status.missing"},
    Exim: {"line.bare-lf", "greeting.version"},
    Sendmail: {"line.bare-lf", "greeting.version", "expn.tells", "verb.offered", "etrn.answered"},
    OpenSmtpd: {"line.bare-lf", "ehlo.pipelining", "status.missing"},
}
SETTINGS = {"tls.none", "postmaster.refused"}


def probed(port: int, *options: str, code: int = 0) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["probe", f"127.0.0.1:{port}", "--domain", "there.test", "--json", *options])
    assert result.exit_code == code, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def ids(found: dict[str, Any]) -> set[str]:
    return {each["id"] for each in found["findings"]}


@every_mta
def test_what_a_server_is_known_for_is_found(mta: type[Mta]) -> None:
    with mta(local_domains=["there.test"]) as peer:
        found = probed(peer.port)
        assert ids(found) == KNOWN_FOR[mta] | SETTINGS
        assert found["host"] == f"{mta.name}.test"
        assert found["pipelines"] in (True, None)
        assert "8BITMIME" in found["offers"]


@pytest.mark.parametrize(
    ("names", "expired", "trusted", "finding"),
    [
        (("postfix.test",), False, True, set[str]()),
        (("postfix.test",), False, False, {"tls.unverified"}),
        (("other.test",), False, True, {"tls.unverified", "tls.name"}),
        (("postfix.test",), True, True, {"tls.unverified", "tls.expired"}),
    ],
    ids=["good", "unknown authority", "another name", "expired"],
)
def test_the_troubles_of_a_certificate_are_told(
    names: tuple[str, ...], expired: bool, trusted: bool, finding: set[str], tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    files = authority.issue(*names, expired=expired)
    settings = {
        "smtpd_tls_cert_file": "/etc/postfix/cert.pem",
        "smtpd_tls_key_file": "/etc/postfix/key.pem",
        "smtpd_tls_security_level": "may",
    }
    pem = {"cert.pem": Path(files.chain).read_bytes(), "key.pem": Path(files.key).read_bytes()}
    with Postfix(local_domains=["there.test"], extra=settings, files=pem) as peer:
        options = ("--ca-file", authority.ca_file) if trusted else ()
        found = probed(peer.port, "--name", "postfix.test", *options, code=1 if expired else 0)
        assert {each for each in ids(found) if each.startswith("tls.")} == finding
        assert found["tls"]["certificate"]["names"] == list(names)
        assert found["tls"]["version"] == "TLSv1.3"
        assert found["tls"]["answers_plaintext"] is False
        assert "STARTTLS" not in found["offers_under_tls"]


def test_heloise_has_neither_problem_nor_warning_but_for_its_missing_certificate(tmp_path: Path) -> None:
    with house(tmp_path) as near:
        result = CliRunner().invoke(main, ["probe", f"127.0.0.1:{near.port}", "--domain", "here.test", "--json"])
        assert result.exit_code == 0
        # EXPN, VERB and ETRN are for programs on this machine, which this is.
        told = {"expn.tells", "vrfy.tells", "verb.offered", "etrn.answered"}
        assert ids(json.loads(result.stdout)) - told == {"tls.none"}


def test_a_server_that_knows_this_machine_as_a_friend_relays_and_a_stranger_passes_nowhere() -> None:
    for networks, passed in (("127.0.0.0/8", True), ("192.0.2.1/32", False)):
        relay = {"*": ("127.0.0.1", 1)}  # nobody listens there, ever; nothing is to be sent
        with Postfix(relay=relay, local_domains=["there.test"], extra={"mynetworks": networks}) as peer:
            command = ["test-relay", f"127.0.0.1:{peer.port}", "--domain", "there.test", "--to", "victim@outside.test"]
            result = CliRunner().invoke(main, [*command, "--json"])
            found = json.loads(result.stdout)
            assert found["open_relay"] is passed
            assert result.exit_code == (1 if passed else 0)
            assert len(found["attempts"]) == (1 if passed else len(ATTEMPTS))
            assert peer.queue_ids() == set()
