"""The POP3 engine: what is said in which state, and what it wants of whoever keeps the mail. RFC 1939, RFC 2449."""

import base64
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.pop3 import replies
from heloise.pop3.maildrop import Digest, Entry, Password
from heloise.pop3.session import (
    MOST_ERRORS,
    MOST_GUESSES,
    MOST_UNSENT,
    ContentWanted,
    Ended,
    LoginWanted,
    Pop3Event,
    Pop3Offers,
    Pop3Session,
    RemovalWanted,
    Said,
    TlsWanted,
    stuffed,
    top,
)

ENTRIES = (Entry("A", 10), Entry("B", 20), Entry("C", 30))


def begun(**offers: object) -> Pop3Session:
    session = Pop3Session(Pop3Offers(**{"hostname": "mx.test", "in_clear": True, **offers}))  # type: ignore[arg-type]
    session.next_event()
    session.data_to_send()
    return session


def opened(entries: Sequence[Entry] = ENTRIES) -> Pop3Session:
    session = begun()
    session.receive_data(b"USER alice\r\nPASS secret\r\n")
    assert session.next_event() == LoginWanted(Password("alice", "secret"))
    session.opened(entries)
    session.data_to_send()
    return session


def said(session: Pop3Session, line: bytes) -> str:
    """What is answered to a line that wants nothing of others."""
    session.receive_data(line + b"\r\n")
    assert session.next_event() is None
    return session.data_to_send().decode()


def wanted(session: Pop3Session, line: bytes) -> Pop3Event | None:
    session.receive_data(line + b"\r\n")
    return session.next_event()


def test_a_session_as_in_the_rfc() -> None:
    session = opened()
    assert said(session, b"STAT") == "+OK 3 60\r\n"
    assert said(session, b"LIST") == "+OK 3 messages\r\n1 10\r\n2 20\r\n3 30\r\n.\r\n"
    assert said(session, b"list 2") == "+OK 2 20\r\n"
    assert said(session, b"UIDL") == "+OK 3 messages\r\n1 A\r\n2 B\r\n3 C\r\n.\r\n"
    assert said(session, b"UIDL 3") == "+OK 3 C\r\n"
    assert wanted(session, b"RETR 1") == ContentWanted("A")
    session.content(b"Subject: x\r\n\r\n.dot\r\nend")
    assert session.data_to_send() == b"+OK 23 octets\r\nSubject: x\r\n\r\n..dot\r\nend\r\n.\r\n"
    assert wanted(session, b"TOP 1 1") == ContentWanted("A")
    session.content(b"Subject: x\r\n\r\none\r\ntwo\r\n")
    assert session.data_to_send() == b"+OK\r\nSubject: x\r\n\r\none\r\n.\r\n"
    assert said(session, b"DELE 2") == "+OK message 2 is deleted\r\n"
    assert said(session, b"STAT") == "+OK 2 40\r\n"
    assert said(session, b"LIST 2").startswith("-ERR")
    assert said(session, b"DELE 2").startswith("-ERR")
    assert said(session, b"UIDL") == "+OK 2 messages\r\n1 A\r\n3 C\r\n.\r\n"
    assert said(session, b"RSET") == "+OK 3 messages\r\n"
    assert said(session, b"NOOP") == "+OK\r\n"
    said(session, b"DELE 3")
    assert wanted(session, b"QUIT") == RemovalWanted(("C",))
    session.removed(True)
    assert session.data_to_send().startswith(b"+OK")
    assert session.next_event() == Ended()


def test_without_quit_nothing_is_removed() -> None:
    session = opened()
    said(session, b"DELE 1")
    session.receive_data(b"")
    assert session.next_event() == Ended()


@pytest.mark.parametrize(
    "line", [b"STAT", b"LIST", b"RETR 1", b"DELE 1", b"NOOP", b"RSET", b"TOP 1 0", b"UIDL", b"PASS x", b"FOO", b""]
)
def test_before_login_there_is_no_mailbox(line: bytes) -> None:
    assert said(begun(), line).startswith("-ERR")


@pytest.mark.parametrize(
    "line",
    [
        *(b"USER a", b"PASS a", b"APOP a b", b"AUTH PLAIN", b"STLS", b"TOP 1", b"TOP 1 x", b"RETR", b"RETR x"),
        *(b"RETR 0", b"RETR 4", b"RETR 99999999999", b"LIST -1", "RETR ²".encode(), b"X" * 300, b"XTND"),
    ],
)
def test_what_has_no_place_or_no_meaning_in_a_mailbox_is_refused(line: bytes) -> None:
    session = opened()
    assert said(session, line).startswith("-ERR")
    assert said(session, b"NOOP") == "+OK\r\n"


def test_capabilities_are_those_that_can_be_used_now() -> None:
    session = begun(tls=True, in_clear=False)
    told = said(session, b"CAPA")
    assert "STLS\r\n" in told
    assert "SASL" not in told
    assert "USER" not in told
    for line in (b"USER alice", b"AUTH PLAIN AGEAYg=="):
        assert said(session, line) == "-ERR passwords only under TLS: STLS first\r\n"
    assert wanted(session, b"STLS") == TlsWanted()
    assert session.data_to_send() == b"+OK go ahead\r\n"
    session.secured()
    told = said(session, b"CAPA")
    assert "STLS" not in told
    assert "SASL PLAIN\r\n" in told
    assert said(session, b"STLS").startswith("-ERR")


def test_what_is_said_behind_stls_ends_the_session() -> None:
    session = begun(tls=True)
    session.receive_data(b"STLS\r\nUSER evil\r\n")
    assert session.next_event() == Ended()
    assert session.data_to_send().startswith(b"-ERR something was said behind STLS")


def test_a_name_given_before_tls_is_forgotten() -> None:
    session = begun(tls=True)
    said(session, b"USER alice")
    wanted(session, b"STLS")
    session.secured()
    session.data_to_send()
    assert said(session, b"PASS secret").startswith("-ERR")


def plain(text: str) -> bytes:
    return base64.b64encode(text.encode())


def test_auth_plain_at_once_and_in_two_steps() -> None:
    proof = LoginWanted(Password("alice", "geheim ü"))
    session = begun()
    assert wanted(session, b"AUTH PLAIN " + plain("\0alice\0geheim ü")) == proof
    session = begun()
    assert said(session, b"AUTH PLAIN") == "+ \r\n"
    assert wanted(session, plain("alice\0alice\0geheim ü")) == proof
    session = begun()
    assert said(session, b"auth plain") == "+ \r\n"
    assert said(session, b"*") == "-ERR cancelled, as you wish\r\n"
    assert said(session, b"AUTH") == "+OK\r\nPLAIN\r\n.\r\n"
    for line in (b"AUTH CRAM-MD5", b"AUTH PLAIN %%", b"AUTH PLAIN =", b"AUTH PLAIN " + plain("bob\0alice\0x")):
        assert said(session, line).startswith("-ERR")
    said(session, b"AUTH PLAIN")
    assert said(session, b"A" * 5000).startswith("-ERR")


def test_apop_is_offered_by_the_greeting() -> None:
    session = Pop3Session(Pop3Offers(hostname="mx.test", timestamp="<1.2@mx.test>"))
    assert session.data_to_send() == b"+OK mx.test POP3 heloise <1.2@mx.test>\r\n"
    digest = "C4C9334BAC560ECC979E58001B3E22FB"
    assert wanted(session, f"APOP mrose {digest}".encode()) == LoginWanted(
        Digest("mrose", "<1.2@mx.test>", digest.lower())
    )
    assert said(begun(), b"APOP mrose " + digest.encode()) == "-ERR APOP is not offered\r\n"
    assert said(begun(timestamp="<1@x>"), b"APOP mrose short").startswith("-ERR")


def test_who_guesses_is_sent_away() -> None:
    session = begun()
    for _ in range(MOST_GUESSES):
        session.receive_data(b"USER alice\r\nPASS wrong\r\n")
        assert isinstance(session.next_event(), LoginWanted)
        session.refused(replies.REFUSED)
    assert session.data_to_send().endswith(b"-ERR [AUTH] wrong user or password\r\n")
    assert session.next_event() == Ended()


def test_who_makes_many_mistakes_is_sent_away() -> None:
    session = begun()
    session.receive_data(b"FOO\r\n" * (2 * MOST_ERRORS))
    assert session.next_event() == Ended()
    assert session.data_to_send().count(b"-ERR no such command") == MOST_ERRORS


def test_commands_that_come_together_are_answered_in_order() -> None:
    session = opened()
    session.receive_data(b"STAT\r\nRETR 1\r\nRETR 2\r\nQUIT\r\n")
    assert session.next_event() == ContentWanted("A")
    assert session.next_event() is None
    session.content(b"a\r\n")
    assert session.next_event() == ContentWanted("B")
    session.content(None)
    assert session.next_event() == RemovalWanted(())
    session.removed(False)
    assert session.next_event() == Ended()
    told = session.data_to_send().decode().splitlines()
    assert told[:3] == ["+OK 3 60", "+OK 3 octets", "a"]
    assert told[4].startswith("-ERR the message is there no more")
    assert told[-1].startswith("-ERR some deleted")


def test_long_answers_to_many_commands_do_not_pile_up() -> None:
    session = opened([Entry(f"{number:070}", 1) for number in range(1000)])
    session.receive_data(b"UIDL\r\n" * 1000)
    most = 0
    for _ in range(1000):
        assert session.next_event() == Said()
        most = max(most, len(session.data_to_send()))
    assert session.next_event() is None
    assert most < MOST_UNSENT + 80_000


def test_an_endless_line_needs_no_memory_and_is_refused_once() -> None:
    session = begun()
    for _ in range(1000):
        session.receive_data(b"x" * 1000)
        assert session.next_event() is None
        assert session.data_to_send() == b""
    assert said(session, b"") == "-ERR a command has up to 255 octets\r\n"
    assert said(session, b"CAPA").startswith("+OK")


@given(st.binary(max_size=200).map(lambda octets: octets.replace(b"\n", b"\r\n.")))
def test_what_is_stuffed_is_what_a_client_takes_out(octets: bytes) -> None:
    lines = stuffed(octets).split(b"\r\n")
    assert lines[-2:] == [b".", b""] or lines == [b".", b""]
    assert b"." not in lines[:-2]
    taken = b"".join(line.removeprefix(b".") + b"\r\n" for line in lines[:-2])
    whole = octets if octets.endswith(b"\r\n") or not octets else octets + b"\r\n"
    assert taken == whole


@pytest.mark.parametrize(
    ("octets", "lines", "shown"),
    [
        (b"a: b\r\n\r\n1\r\n2\r\n", 0, b"a: b\r\n\r\n"),
        (b"a: b\r\n\r\n1\r\n2\r\n", 1, b"a: b\r\n\r\n1\r\n"),
        (b"a: b\r\n\r\n1\r\n2", 9, b"a: b\r\n\r\n1\r\n2"),
        (b"a: b\r\n", 9, b"a: b\r\n"),
        (b"\r\n1\r\n\r\n2\r\n", 1, b"\r\n1\r\n"),
        (b"", 5, b""),
    ],
)
def test_top_shows_the_header_and_some_lines(octets: bytes, lines: int, shown: bytes) -> None:
    assert top(octets, lines) == shown
