"""heloise asks real servers for what waits there (ETRN, RFC 1985), and is the site that it comes to."""

from __future__ import annotations

import smtplib
import subprocess
from pathlib import Path

import pytest

from tests.interop.house import house
from tests.peers import Postfix, Sendmail, free_port, wait_until
from tests.serving import PROGRAM

pytestmark = [pytest.mark.interop, pytest.mark.slow]

MESSAGE = b"Subject: waits\r\n\r\nuntil the site is there\r\n"


def bring(port: int) -> None:
    with smtplib.SMTP("127.0.0.1", port, local_hostname="client.test", timeout=20) as session:
        assert session.sendmail("a@example.net", ["alice@here.test"], MESSAGE) == {}


def etrn(port: int, *nodes: str, code: int) -> str:
    command = [PROGRAM, "etrn", f"127.0.0.1:{port}", *nodes, "--hello", "heloise.test"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_postfix_delivers_what_waits_when_heloise_asks_for_it(tmp_path: Path) -> None:
    port = free_port()
    # It would not try again by itself while the test lasts.
    slow = {"queue_run_delay": "1h", "minimal_backoff_time": "1h", "maximal_backoff_time": "2h"}
    extra = {"fast_flush_domains": "here.test", **slow}
    with Postfix(relay={"here.test": ("127.0.0.1", port)}, extra=extra) as postfix:
        bring(postfix.port)
        wait_until(lambda: "status=deferred" in postfix.log_text(), "a deferred message", 20)
        with house(tmp_path, port=port) as site:
            said = etrn(postfix.port, "here.test", code=0)
            assert "✓ here.test  250 Queuing started" in said
            assert b"until the site is there" in site.letters()[0].octets
        assert "459" in etrn(postfix.port, "elsewhere.test", code=1)


def test_sendmail_delivers_what_waits_when_heloise_asks_for_it(tmp_path: Path) -> None:
    port = free_port()
    with Sendmail(relay={"here.test": ("127.0.0.1", port)}, hold=True) as sendmail:
        bring(sendmail.port)
        sendmail.wait_for_queue(1)
        with house(tmp_path, port=port) as site:
            said = etrn(sendmail.port, "here.test", code=0)
            assert "✓ here.test  250 2.0.0 Queuing for node here.test started" in said
            assert b"until the site is there" in site.letters()[0].octets


def test_a_server_without_etrn_is_not_asked(tmp_path: Path) -> None:
    with Sendmail(privacy="noetrn") as sendmail:
        assert "does not offer ETRN, so nothing was asked" in etrn(sendmail.port, "here.test", code=1)
