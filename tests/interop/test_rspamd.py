"""A real rspamd judges, by its test patterns, which stand for one action each; what it says is done."""

import smtplib
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.interop.house import House, house
from tests.peers import Rspamd

pytestmark = [pytest.mark.interop, pytest.mark.slow]
HEADER = (
    "From: a@client.test\r\nTo: alice@here.test, bob@here.test\r\nDate: Sat, 28 Nov 2026 20:00:00 +0000\r\n"
    "Message-Id: <1@client.test>\r\nSubject: a letter\r\nX-Spamd-Result: forged\r\n\r\n"
)
_PATTERN = "*C4JDBQADN1.NSBN3*2IDNEN*GTUBE-STANDARD-ANTI-UBE-TEST-EMAIL*C.34X\r\n"
GOOD, SUSPECT, RENAMED, BAD = ("Hello\r\n", f"YJS{_PATTERN}", f"ZJS{_PATTERN}", f"XJS{_PATTERN}")
MILTER_HEADERS = b'use = ["x-spamd-result", "x-rspamd-server"];\nskip_local = false;\n'


@pytest.fixture(scope="module")
def heloise(tmp_path_factory: pytest.TempPathFactory) -> Iterator[House]:
    with Rspamd(files={"milter_headers.conf": MILTER_HEADERS}) as rspamd:
        extra = f'[rspamd]\nurl = "http://127.0.0.1:{rspamd.port}"\n'
        with house(tmp_path_factory.mktemp("rspamd"), extra=extra) as started:
            yield started


def send(heloise: House, body: str) -> tuple[int, str]:
    with smtplib.SMTP("127.0.0.1", heloise.port, "client.test", 30) as client:
        client.ehlo()
        client.mail("a@client.test")
        client.rcpt("alice@here.test")
        client.rcpt("bob@here.test")
        code, text = client.data((HEADER + body).encode())
    return code, text.decode()


def received(heloise: House) -> str:
    heloise.mailboxes.wait_for_messages("bob", 1)
    [octets] = heloise.mailboxes.wait_for_messages("alice", 1)
    heloise.clear()
    return octets.decode()


def test_a_good_letter_gets_the_fields_that_rspamd_wants(heloise: House) -> None:
    assert send(heloise, GOOD)[0] == 250
    letter = received(heloise)
    assert "X-Rspamd-Server:" in letter
    assert letter.count("X-Spamd-Result:") == 1
    assert "X-Spamd-Result: forged" not in letter
    assert letter.endswith("Hello\r\n")


def test_a_suspect_letter_is_marked(heloise: House) -> None:
    assert send(heloise, SUSPECT)[0] == 250
    assert "\r\nX-Spam: Yes\r\n" in received(heloise)


def test_a_suspect_letter_gets_another_subject(heloise: House) -> None:
    assert send(heloise, RENAMED)[0] == 250
    letter = received(heloise)
    assert "Subject: a letter" not in letter
    assert "a letter" in letter


def test_a_bad_letter_is_refused_in_the_words_of_rspamd(heloise: House) -> None:
    code, text = send(heloise, BAD)
    assert code == 554
    assert text.startswith("5.7.1 ")
    log = (Path(heloise.server.state).parent / "heloise.log").read_text()
    assert "rspamd.rejected" in log
    assert "GTUBE" in log


def test_without_rspamd_mail_waits_at_the_client(tmp_path: Path) -> None:
    with house(tmp_path, extra='[rspamd]\nurl = "http://127.0.0.1:1"\n') as heloise:
        assert send(heloise, GOOD)[0] == 451
        log = (tmp_path / "heloise.log").read_text()
        assert "rspamd.trouble" in log
