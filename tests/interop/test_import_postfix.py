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
CASES: tuple[Case, ...] = (
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


ACCESS_LISTS = {
    "smtpd_client_restrictions": "check_client_access cidr:/etc/postfix/clients",
    "smtpd_helo_restrictions": "permit_mynetworks, check_helo_access texthash:/etc/postfix/helos",
    "smtpd_sender_restrictions": "check_sender_access texthash:/etc/postfix/senders, "
    "check_sender_access regexp:/etc/postfix/patterns",
    "smtpd_recipient_restrictions": "permit_mynetworks, reject_unauth_destination, "
    "check_recipient_access inline:{{alice@example.org=OK},{vip@=DEFER_IF_PERMIT 4.3.0 Soon}}, "
    "check_sender_access inline:{{wanted.test=OK}}, check_recipient_access static:DUNNO, "
    "check_sender_access inline:{{unwanted.test=REJECT}}",
}
ACCESS_FILES = {
    "clients": b"192.0.2.0/24 REJECT\n127.0.0.0/8 DUNNO\n0.0.0.0/0 REJECT not you\n",
    "helos": b"spam.test REJECT you again\nSlow.Test 450 4.7.1 Later\n.dot.test REJECT\n",
    "senders": b"bad.test REJECT 5.7.1 No\ngood@bad.test OK\nuser@ 550 5.1.8 Nobody called so\n<> DUNNO\n"
    b"tag@tags.test 554 5.7.1 Never\nnum.test 450\nsoon.test 450 4.7.1 Soon\ndefer.test DEFER later\n",
    "patterns": b"/^spam[0-9]+@/ REJECT digits $0\n!/@/ DUNNO\nif /@odd\\.test$/\n/^a/ 451 4.7.0 odd a\nendif\n"
    b"/@(gone|left)[.]test$/ 550 5.1.8 <$1> is gone\n/[[:digit:]]{4}/ REJECT\n",
}
CHECKS = (
    b"/^Subject:.*viagra/ REJECT 5.7.1 Not that\n/^Subject: later/ REJECT 4.7.0 Not now\n/^X-Secret:/ IGNORE\n"
    b"/^X-Old: (.*)$/ REPLACE X-New: $1\n/^X-Mark:/ PREPEND X-Seen: yes\n/^X-Gone:/ DISCARD\n/^X-Hold:/ HOLD\n"
    b'if /^Content-Type:/\n/name="?[^"]*\\.exe"?/ REJECT program\nendif\n!/^[A-Za-z-]+:/ REJECT no field\n'
)
MIXED = (
    "Subject: x\r\n{field}MIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{part}\r\n"
    "{line}\r\n--b--\r\n."
)


def content(*, field: str = "", part: str = "Content-Type: text/plain\r\n", line: str = "x") -> list[str]:
    """A session that brings a message of one part."""
    return [*message("alice@example.org")[:4], MIXED.format(field=field, part=part, line=line), "QUIT"]


KNOWN = STRANGER | {"mydestination": "example.org", "alias_maps": ""}
KNOWN |= {"local_recipient_maps": "inline:{{alice=x},{bob=x},{vip=x}}", "recipient_delimiter": "+"}
CASES += (
    Case(
        "access tables about clients, hellos, senders and recipients",
        KNOWN | ACCESS_LISTS,
        [
            rcpt("bob@example.org", hello=f"EHLO {hello}")
            for hello in ("spam.test", "sub.spam.test", "SLOW.test", "x.dot.test", "notspam.test", "host.test")
        ]
        + [
            rcpt("alice@example.org", "bob@example.org", "vip@example.org", sender=f"MAIL FROM:<{sender}>")
            for sender in (
                *("a@bad.test", "a@sub.bad.test", "good@bad.test", "GOOD+x@Bad.Test", "user@ok.test", "users@ok.test"),
                *("tag+x@tags.test", "tag@tags.test", "x@num.test", "x@soon.test", "x@defer.test", ""),
                *("spam12@ok.test", "Spam1@ok.test", "spam@ok.test", "a@odd.test", "b@odd.test", "x@left.test"),
                *("x1234@ok.test", "x@wanted.test", "x@unwanted.test"),
            )
        ],
        ACCESS_FILES,
    ),
    Case(
        "access tables asked at once, and a list that ends in reject",
        KNOWN
        | {"smtpd_delay_reject": "no", "smtpd_helo_restrictions": "check_helo_access texthash:/etc/postfix/helos"}
        | {"smtpd_sender_restrictions": "check_sender_access inline:{{friend.test=OK},{foe.test=450 No}}, reject"}
        | {"smtpd_data_restrictions": "check_sender_access inline:{{slow@friend.test=DEFER}}"},
        [
            rcpt("bob@example.org", hello="EHLO spam.test"),
            rcpt("bob@example.org", sender="MAIL FROM:<x@friend.test>"),
            rcpt("bob@example.org", sender="MAIL FROM:<x@foe.test>"),
            rcpt("bob@example.org", sender="MAIL FROM:<x@other.test>"),
            [HELLO, "MAIL FROM:<slow@friend.test>", "RCPT TO:<bob@example.org>", "DATA", "QUIT"],
            [HELLO, "MAIL FROM:<fast@friend.test>", "RCPT TO:<bob@example.org>", "DATA", "x\r\n.", "QUIT"],
        ],
        ACCESS_FILES,
    ),
    Case(
        "checks of headers, parts and bodies",
        KNOWN
        | {"header_checks": "regexp:/etc/postfix/headers", "body_checks": "regexp:/etc/postfix/bodies"}
        | {"body_checks_size_limit": "100"},
        [
            *[
                content(field=f"{field}\r\n")
                for field in (
                    *("Subject: cheap VIAGRA", "Subject: folded\r\n viagra", "Subject: later", "X-Secret: 1"),
                    *("X-Old: 1", "X-Mark: 1", "X-Gone: 1", "X-Hold: 1", "X-Fine: 1", "X9: digits"),
                )
            ],
            content(part='Content-Type: application/x; name="A.EXE"\r\n'),
            content(part='Content-Type: application/x;\r\n\tname="a.exe"\r\n'),
            content(part="Content-Type: message/rfc822\r\n\r\nSubject: viagra\r\n"),
            content(part="Content-Type: message/rfc822\r\n\r\nSubject: fine\r\n"),
            content(line="buy now"),
            content(line="do not\r\nbuy\r\nnow"),
            content(line=f"{'y' * 60}\r\n{'y' * 60}\r\nbuy now"),
            message("alice@example.org", "buy now"),
            message("alice@example.org", "name=a.exe"),
        ],
        {"headers": CHECKS, "bodies": b"/^buy now$/ REJECT 5.7.1 Nothing to sell\n"},
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
