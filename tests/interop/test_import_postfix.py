"""What `heloise import-postfix` makes of a configuration gives the same verdicts as the real Postfix with it.

Each case is a main.cf with its tables, and dialogues of a client at 127.0.0.1, who may relay only where `mynetworks`
has it. Compared is what a command comes to (taken, later, never), line by line; the words are each server's own.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from click.testing import CliRunner

from heloise.cli.main import main
from tests.peers import Postfix
from tests.peers.require import require
from tests.serving import served

pytestmark = [pytest.mark.interop, pytest.mark.slow]

TIMEOUT = 60.0
HELLO = "EHLO client.example.net"
FROM = "MAIL FROM:<a@sender.test>"
STRANGER = {"mynetworks": "192.0.2.0/24"}


@dataclass(frozen=True, slots=True)
class Case:
    """A configuration, and what is said to it."""

    title: str
    parameters: dict[str, str]
    dialogues: Sequence[Sequence[str]]
    files: dict[str, bytes] = field(default_factory=dict)


def rcpt(*recipients: str, hello: str = HELLO, sender: str = FROM) -> list[str]:
    """A session that names these recipients."""
    return [hello, sender, *[f"RCPT TO:<{each}>" for each in recipients], "QUIT"]


def message(recipient: str, text: str = "x", hello: str = HELLO) -> list[str]:
    """A session that brings a message."""
    return [hello, FROM, f"RCPT TO:<{recipient}>", "DATA", f"Subject: x\r\n\r\n{text}\r\n.", "QUIT"]


ALIASES = b"postmaster: root\nroot: alice\nteam: alice, bob@elsewhere.test\n"
VIRTUAL = b"virtual.test x\ninfo@virtual.test alice\nsales@virtual.test out@elsewhere.test\n"
CASES = (
    Case(
        "Debian's main.cf as it comes, for a client on this machine",
        {"smtpd_banner": "$myhostname ESMTP $mail_name (Debian/GNU)", "biff": "no", "append_dot_mydomain": "no"}
        | {"mydestination": "$myhostname, localhost.$mydomain, localhost", "alias_maps": "texthash:/etc/postfix/none"}
        | {"local_recipient_maps": "inline:{{root=x}}"},
        [
            rcpt("root@postfix.test", "nobody-here@postfix.test", "x@elsewhere.test"),
            message("root@postfix.test"),
            message("x@elsewhere.test", "y" * 2000),
            [HELLO, "MAIL FROM:<a@b.test> SIZE=10240000", "RSET", "MAIL FROM:<a@b.test> SIZE=10240001", "QUIT"],
            [HELLO, "RCPT TO:<root@postfix.test>", "DATA", FROM, FROM, "QUIT"],
            [HELLO, "MAIL FROM:<>", "RCPT TO:<postmaster@postfix.test>", "RCPT TO:<postmaster>", "QUIT"],
        ],
        {"none": b""},
    ),
    Case(
        "an MX with aliases and virtual domains, for strangers",
        STRANGER
        | {"mydestination": "$myhostname, example.org", "alias_maps": "hash:/etc/postfix/aliases"}
        | {"local_recipient_maps": "inline:{{alice=x},{root=x},{team=x},{postmaster=x}}"}
        | {"virtual_alias_maps": "texthash:/etc/postfix/virtual", "virtual_alias_domains": "virtual.test"}
        | {"virtual_mailbox_domains": "boxes.test", "virtual_mailbox_maps": "texthash:/etc/postfix/boxes"}
        | {"message_size_limit": "5000", "smtpd_recipient_limit": "4", "recipient_delimiter": "+"},
        [
            rcpt("alice@example.org", "alice+tag@example.org", "nobody@example.org", "ALICE@Example.ORG"),
            rcpt("team@example.org", "info@virtual.test", "sales@virtual.test", "other@virtual.test"),
            rcpt("ann@boxes.test", "ann+x@boxes.test", "none@boxes.test", "x@elsewhere.test"),
            rcpt("x%elsewhere.test@example.org", "@relay.test:x@elsewhere.test", "x@sub.example.org"),
            rcpt("alice@example.org", "team@example.org", "ann@boxes.test", "info@virtual.test", "root@example.org"),
            [HELLO, "MAIL FROM:<a@b.test> SIZE=5000", "RSET", "MAIL FROM:<a@b.test> SIZE=5001", "QUIT"],
            message("alice@example.org", "y" * 6000),
            message("alice@example.org"),
        ],
        {"aliases": ALIASES, "virtual": VIRTUAL, "boxes": b"ann@boxes.test ann/\n"},
    ),
    Case(
        "a backup MX and gateway",
        STRANGER
        | {"mydestination": "", "relay_domains": "inline:{{one.test=x},{two.test=x}}"}
        | {"transport_maps": "texthash:/etc/postfix/routes", "relayhost": "[127.0.0.1]:9"},
        [
            rcpt("a@one.test", "b@two.test", "c@three.test"),
            rcpt("a@ONE.test", "d@four.test", sender="MAIL FROM:<>"),
            message("a@one.test"),
        ],
        {"routes": b"one.test smtp:[127.0.0.1]:9\nthree.test smtp:[127.0.0.1]:9\n"},
    ),
    Case(
        "strict about who says hello how",
        STRANGER
        | {"mydestination": "example.org", "alias_maps": "", "local_recipient_maps": "inline:{{alice=x}}"}
        | {"smtpd_helo_required": "yes", "strict_rfc821_envelopes": "yes", "disable_vrfy_command": "yes"}
        | {"smtpd_helo_restrictions": "permit_mynetworks, reject_non_fqdn_helo_hostname, reject_invalid_helo_hostname"}
        | {"smtpd_sender_restrictions": "reject_non_fqdn_sender", "smtputf8_enable": "no", "smtpd_delay_reject": "no"}
        | {"smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination, reject_non_fqdn_recipient"}
        | {"smtpd_discard_ehlo_keywords": "chunking, silent-discard", "smtpd_hard_error_limit": "5"},
        [
            rcpt("alice@example.org", hello="EHLO short"),
            rcpt("alice@example.org", hello="HELO host.example.net"),
            [HELLO, "MAIL FROM:a@b.test", "MAIL FROM:<a@b.test>", "RCPT TO:alice@example.org", "QUIT"],
            [FROM, HELLO, "MAIL FROM:<a@b.test> SMTPUTF8", "MAIL FROM:<a@b.test> BODY=8BITMIME", "QUIT"],
            [HELLO, "NOPE", "NOPE", "NOPE", "NOPE", "NOPE", "NOOP"],
        ],
    ),
)


class Talk:
    """Says a line, gives the first digit of the reply; `x` when the connection is closed."""

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT)
        self.file = self.socket.makefile("rb")
        self.heard = [self.hear()]

    def hear(self) -> str:
        try:
            while (line := self.file.readline()) and line[3:4] == b"-":
                pass
        except ConnectionResetError:
            return "x"
        return line[:1].decode() or "x"

    def say(self, line: str) -> None:
        try:
            self.socket.sendall(line.encode() + b"\r\n")
        except OSError:
            self.heard.append("x")
            return
        self.heard.append(self.hear())

    def close(self) -> None:
        self.file.close()
        self.socket.close()


def verdicts(port: int, dialogues: Sequence[Sequence[str]]) -> list[list[tuple[str, str]]]:
    """Each line with what it came to."""
    found = []
    for lines in dialogues:
        talk = Talk(port)
        for line in lines:
            # Without 354 there is no content: both are asked the next thing.
            if line.endswith("\r\n.") and talk.heard[-1] != "3":
                line = "NOOP"
            talk.say(line)
        talk.close()
        found.append(list(zip(("greeting", *lines), talk.heard, strict=True)))
    return found


@contextmanager
def heloise_of(postfix: Postfix, directory: Path) -> Iterator[int]:
    """The port of a heloise with the imported configuration."""
    output = directory / "heloise.toml"
    result = CliRunner().invoke(main, ["import-postfix", str(postfix.configuration), "-o", str(output)])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.output
    text = output.read_text()
    # Both run at once, so this one listens elsewhere.
    output.write_text(re.sub(r'(address = "127\.0\.0\.1):\d+"', r'\1:0"', text))
    checked = CliRunner().invoke(main, ["check", "-c", str(output)])
    assert checked.exit_code == 0, checked.output + text
    with served(output, directory / "state", log=directory / "log") as server:
        yield server.port


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.title)
def test_the_imported_configuration_gives_the_verdicts_of_postfix(case: Case, tmp_path: Path) -> None:
    require("postfix")
    # Dialogues come one after the other, and an error costs a second by default.
    extra = {"smtpd_error_sleep_time": "0", "default_transport": "smtp", **case.parameters}
    with Postfix(extra=extra, files=case.files) as postfix:
        said = verdicts(postfix.port, case.dialogues)
        with heloise_of(postfix, tmp_path) as port:
            assert verdicts(port, case.dialogues) == said
