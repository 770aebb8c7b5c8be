"""Real milters behind heloise and behind Postfix: what comes out is the same."""

from __future__ import annotations

import json
import re
import smtplib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from email import message_from_bytes
from pathlib import Path

import pytest

from tests.interop.house import house
from tests.peers import Postfix, PyMilter, wait_until
from tests.peers.jail import Mailboxes

pytestmark = [pytest.mark.interop, pytest.mark.slow]
USERS = ("alice", "bob", "carol", "rcpt-REJECT", "rcpt-TEMPFAIL", "rcpt-DISCARD", "rcpt-ACCEPT")
HEADER = (
    "From: a@client.test\r\nTo: alice@here.test\r\nDate: Sat, 28 Nov 2026 20:00:00 +0000\r\n"
    "Message-Id: <1@client.test>\r\nSubject: a letter\r\nX-Multi: one\r\n"
    "X-Multi: two,\r\n\tfolded\r\nX-Multi: three\r\n"
)
BODY = "Hello,\r\n\r\n.how are you?\r\n"
Do = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """One of the two, with the milter behind it."""

    name: str
    port: int
    mailboxes: Mailboxes

    def send(
        self,
        *todo: Do,
        sender: str = "a@client.test",
        to: tuple[str, ...] = ("alice",),
        more: str = "",
        helo: str = "c.test",
    ) -> list[tuple[int, bytes]]:
        """The reply to each command."""
        wishes = "".join(f"X-Do: {json.dumps(each)}\r\n" for each in todo)
        said = []
        with smtplib.SMTP("127.0.0.1", self.port, "c.test", 30) as client:
            said.append(client.ehlo())
            said.append(client.docmd(f"MAIL FROM:<{sender}>"))
            said += [client.docmd(f"RCPT TO:<{each}@here.test>") for each in to]
            if client.docmd("DATA")[0] == 354:
                client.send((HEADER + more + wishes + "\r\n" + BODY.replace("\r\n.", "\r\n..") + ".\r\n").encode())
                said.append(client.getreply())
        return said[1:]

    def received(self, user: str = "alice") -> bytes:
        """The one letter of the user, without the trace fields of the server; it is taken out of the mailbox."""
        [octets] = self.mailboxes.wait_for_messages(user, 1)
        for path in (self.mailboxes.maildir(user) / "new").glob("*"):
            path.unlink()
        return octets.replace(b"\r\n", b"\n")

    def sender(self, octets: bytes) -> str:
        return str(message_from_bytes(octets)["Return-Path"])

    def letter(self, octets: bytes) -> bytes:
        """Without Return-Path, Delivered-To, X-Original-To and the last Received."""
        while found := re.match(rb"(Return-Path|Delivered-To|X-Original-To|Received):.*\n(?:[ \t].*\n)*", octets):
            octets = octets[found.end() :]
        return octets


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Server, Server]]:
    with PyMilter() as milter, both(tmp_path_factory.mktemp("milters"), milter) as pair:
        yield pair


@contextmanager
def both(directory: Path, milter: PyMilter) -> Iterator[tuple[Server, Server]]:
    extra = f'[[milter]]\nname = "obedient"\naddress = "127.0.0.1:{milter.port}"\n'
    parameters = {"smtpd_milters": milter.postfix_name}
    with (
        house(directory, users=USERS, extra=extra) as heloise,
        Postfix(local_domains=["here.test"], users=USERS, extra=parameters) as postfix,
    ):
        yield (
            Server("heloise", heloise.port, heloise.mailboxes),
            Server("postfix", postfix.port, postfix.mailboxes),
        )


CHANGES: dict[str, tuple[Do, ...]] = {
    "nothing": (),
    "a field is added": (("addheader", "X-Added", "by a milter"),),
    "a folded field is added": (("addheader", "X-Added", "by a\n\tmilter"),),
    "fields are inserted": tuple(("addheader", f"X-At-{place}", "here", place) for place in (1, 2, 5)),
    "a field is inserted far below": (("addheader", "X-Low", "here", 1000),),
    "a field is changed": (("chgheader", "Subject", 1, "another"),),
    "the second of three is changed": (("chgheader", "X-Multi", 2, "zwei"),),
    "the second of three is removed": (("chgheader", "X-Multi", 2, ""),),
    "one that is not there is removed": (("chgheader", "X-None", 1, ""),),
    "one that is not there is changed": (("chgheader", "X-None", 1, "now it is"),),
    "a fourth of three is changed": (("chgheader", "X-Multi", 4, "four"),),
    "all of it": (
        ("addheader", "X-Multi", "four"),
        ("chgheader", "X-Multi", 1, ""),
        ("chgheader", "X-Multi", 1, "first of what is left"),
        ("chgheader", "Subject", 1, "changed"),
    ),
    "another body": (("replacebody", "All is\r\nnew.\r\n"),),
    "another body in pieces": (("replacebody", "All is\r\n"), ("replacebody", ".new.\r\n")),
    "a body without its last line break": (("replacebody", "All is new."),),
    "it takes its time": (("progress",), ("progress",), ("addheader", "X-Slow", "yes")),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_changed_message_comes_out_as_from_postfix(servers: tuple[Server, Server], name: str) -> None:
    came = []
    for server in servers:
        assert server.send(*CHANGES[name])[-1][0] == 250
        came.append(server.letter(server.received()).decode())
    assert came[0] == came[1]


def test_a_field_on_top_stands_above_the_header_of_the_message(servers: tuple[Server, Server]) -> None:
    for server in servers:
        assert server.send(("addheader", "X-Top", "here", 0))[-1][0] == 250
        octets = server.received()
        assert octets.index(b"X-Top: here") < octets.index(b"From: a@client.test")


def test_another_sender_and_other_recipients(servers: tuple[Server, Server]) -> None:
    for server in servers:
        todo = (("chgfrom", "<new@client.test>"), ("addrcpt", "<bob@here.test>"), ("delrcpt", "<alice@here.test>"))
        assert server.send(*todo, to=("alice", "carol"))[-1][0] == 250
        for user in ("bob", "carol"):
            assert server.sender(server.received(user)) == "<new@client.test>"
        assert server.mailboxes.messages("alice") == []


REFUSALS = {
    "at MAIL": {"sender": "mail-REJECT@client.test"},
    "at MAIL for now": {"sender": "mail-TEMPFAIL@client.test"},
    "one recipient": {"to": ("alice", "rcpt-REJECT")},
    "one recipient for now": {"to": ("rcpt-TEMPFAIL", "alice")},
    "in the header": {"more": "X-Header: REJECT\r\n"},
    "in the header for now": {"more": "X-Header: TEMPFAIL\r\n"},
}


@pytest.mark.parametrize("name", REFUSALS)
def test_a_refusal_is_said_as_by_postfix(servers: tuple[Server, Server], name: str) -> None:
    said = [server.send(**REFUSALS[name]) for server in servers]  # type: ignore[arg-type]
    ours, theirs = ([(code, text.split()[0]) for code, text in each] for each in said)
    if name == "at MAIL" or name == "at MAIL for now":
        assert ours[0] == theirs[0]
    else:
        assert [code for code, _ in ours] == [code for code, _ in theirs]
        assert ours[-1] == theirs[-1] or ours[-1][0] == 250
    if ours[-1][0] == 250:
        for server in servers:
            assert b"Subject: a letter" in server.received()


@pytest.mark.parametrize(
    "words",
    [
        ("setreply", "550", "5.7.1", "Go away"),
        ("setreply", "554", "5.6.0", "100%% sure"),
        ("setreply", "451", "4.7.1", "Come back"),
        ("setmlreply",),
    ],
)
def test_a_refusal_in_the_words_of_the_milter(servers: tuple[Server, Server], words: Do) -> None:
    if words == ("setmlreply",):
        words = ("setreply", "550", "5.7.1", "One", "Two")
    answer = "TEMPFAIL" if words[1] == "451" else "REJECT"
    said = [server.send(words, ("return", answer))[-1] for server in servers]
    assert said[0] == said[1]


def test_who_is_discarded_hears_yes(servers: tuple[Server, Server]) -> None:
    for server in servers:
        assert server.send(("return", "DISCARD"))[-1][0] == 250
        assert server.send(more="X-Header: DISCARD\r\n")[-1][0] == 250
        assert server.send(to=("rcpt-DISCARD", "alice"))[-1][0] == 250
        assert server.send(to=("carol",))[-1][0] == 250
        assert b"Subject: a letter" in server.received("carol")
        assert server.mailboxes.messages("alice") == []


def test_who_is_accepted_early_is_not_looked_at_again(servers: tuple[Server, Server]) -> None:
    for server in servers:
        assert server.send(("addheader", "X-Seen", "yes"), sender="mail-ACCEPT@client.test")[-1][0] == 250
        assert b"X-Seen: " not in server.received()


def test_a_hello_that_is_refused_stays_so(servers: tuple[Server, Server]) -> None:
    heloise, _ = servers
    with smtplib.SMTP("127.0.0.1", heloise.port, "c.test", 30) as client:
        assert client.ehlo("good.test")[0] == 250
        assert client.ehlo("refused.test")[0] == 550
        assert client.docmd("MAIL FROM:<a@client.test>")[0] == 550
        assert client.ehlo("good.test")[0] == 250
        assert client.docmd("MAIL FROM:<a@client.test>")[0] == 250


def test_a_quarantined_message_is_held(tmp_path: Path) -> None:
    with PyMilter() as milter, both(tmp_path, milter) as (heloise, postfix):
        for server in (heloise, postfix):
            assert server.send(("quarantine", "looks odd"))[-1][0] == 250
        log = tmp_path / "heloise.log"
        wait_until(lambda: "milter.quarantined" in log.read_text(), "the log", 10)
        assert "why=looks odd" in log.read_text() or "looks odd" in log.read_text()
        assert heloise.mailboxes.messages("alice") == []
        assert postfix.mailboxes.messages("alice") == []


def test_a_milter_on_a_unix_socket(tmp_path: Path) -> None:
    with PyMilter(unix=True) as milter:
        extra = f'[[milter]]\nname = "obedient"\naddress = "unix:{milter.socket}"\n'
        with house(tmp_path, users=USERS, extra=extra) as heloise:
            server = Server("heloise", heloise.port, heloise.mailboxes)
            assert server.send(("addheader", "X-By", "a Unix socket"))[-1][0] == 250
            assert b"\nX-By: a Unix socket\n" in server.received()


def test_macros_and_arguments_are_those_of_postfix(servers: tuple[Server, Server]) -> None:
    came = []
    for server in servers:
        assert server.send(("say",))[-1][0] == 250
        fields = message_from_bytes(server.received()).get_all("X-Said") or []
        came.append(
            [each for each in fields if not each.startswith(("connect", "j=", "{daemon_name}", "{client_addr}"))]
        )
    assert came[0] == came[1]
