"""Replies are read liberally, and what would leave us guessing is refused. RFC 5321 §4.2."""

import re
from contextlib import suppress

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from heloise.mail import causes
from heloise.mail.reply import Reply, printable
from heloise.mail.status import EnhancedStatus
from heloise.smtp import replies as words
from heloise.smtp.errors import RemoteProtocolError
from heloise.smtp.reply_reader import MAXIMUM_LINE, MAXIMUM_LINES, ReplyReader


def read(octets: bytes, *, after_hello: bool = True) -> list[Reply]:
    reader = ReplyReader()
    reader.success_has_status = after_hello
    reader.feed(octets)
    return list(iter(reader.next_reply, None))


def test_a_reply_of_several_lines_is_one_reply() -> None:
    (reply,) = read(b"250-2.1.0 one\r\n250-2.1.0 two\r\n250 2.1.0 three\r\n")
    assert (reply.code, str(reply.status), reply.lines) == (250, "2.1.0", ("one", "two", "three"))


def test_a_code_alone_is_a_reply() -> None:
    (reply,) = read(b"250\r\n")
    assert (reply.code, reply.lines) == (250, ("",))


def test_a_bare_lf_of_a_careless_server_ends_a_line() -> None:
    assert [reply.text for reply in read(b"250 one\n250 two\r\n")] == ["one", "two"]


def test_a_status_of_the_wrong_class_is_text() -> None:
    (reply,) = read(b"550 2.1.0 odd\r\n")
    assert (reply.status, reply.text) == (None, "2.1.0 odd")


def test_what_looks_like_a_status_in_a_greeting_is_text() -> None:
    (reply,) = read(b"220 2.0.0 is my name\r\n", after_hello=False)
    assert (reply.status, reply.text) == (None, "2.0.0 is my name")


def test_a_refused_hello_may_have_a_status() -> None:
    (reply,) = read(b"550 5.7.1 no\r\n", after_hello=False)
    assert str(reply.status) == "5.7.1"


def test_the_words_of_a_peer_have_that_as_their_cause() -> None:
    assert read(b"250 ok\r\n")[0].cause.id == "peer.said"


def test_progress_lines_are_handed_on_even_inside_a_multiline_reply() -> None:
    first, second = read(b"250-one\r\n050 working\r\n250 two\r\n")
    assert (first.code, first.text) == (50, "working")
    assert (second.code, second.lines) == (250, ("one", "two"))


def test_control_characters_and_bad_utf8_do_not_survive() -> None:
    assert read(b"250 a\x00\x1bb\xff\r\n")[0].text == "a??b\ufffd"


@pytest.mark.parametrize("octets", [b"hello\r\n", b"25 ok\r\n", b"\r\n", b"250ok\r\n", b"999 no\r\n", b"2500 ok\r\n"])
def test_what_is_no_reply_is_a_protocol_error(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read(octets)


def test_a_reply_that_says_yes_and_no_is_a_protocol_error() -> None:
    with pytest.raises(RemoteProtocolError):
        read(b"250-yes\r\n550 no\r\n")


@pytest.mark.parametrize(
    "octets", [b"2" * (MAXIMUM_LINE + 1), b"250 " + b"x" * MAXIMUM_LINE + b"\r\n", b"250-x\r\n" * (MAXIMUM_LINES + 1)]
)
def test_an_endless_reply_is_a_protocol_error(octets: bytes) -> None:
    with pytest.raises(RemoteProtocolError):
        read(octets)


@given(
    st.lists(st.sampled_from([b"250-2.0.0 a\r\n250 2.0.0 b\r\n", b"550 5.1.1 no\r\n", b"050 p\r\n", b"354 go\n"])),
    st.integers(min_value=1, max_value=9),
)
def test_cuts_make_no_difference(pieces: list[bytes], width: int) -> None:
    octets = b"".join(pieces)
    reader = ReplyReader()
    reader.success_has_status = True
    found: list[Reply] = []
    for start in range(0, len(octets), width):
        reader.feed(octets[start : start + width])
        found += iter(reader.next_reply, None)
    assert found == read(octets)


def _reply(code: int, subject: int, detail: int, has_status: bool, texts: list[str]) -> Reply:
    has_status = has_status and code // 100 != 3
    status = EnhancedStatus(code // 100, subject, detail) if has_status else None
    return Reply(code=code, status=status, lines=tuple(map(printable, texts)), cause=causes.PEER_SAID.because())


TEXTS = st.one_of(
    st.text(max_size=40),
    st.sampled_from(["", " ", "  form", "5.1.1 x", "2.0.0", "x" * 480, "ä" * 240]),
)
REPLIES = st.builds(
    _reply,
    st.integers(200, 599),
    st.integers(0, 999),
    st.integers(0, 999),
    st.booleans(),
    st.lists(TEXTS, min_size=1, max_size=5),
)
LOOKS_LIKE_A_STATUS = re.compile(r"[245]\.[0-9]{1,3}\.[0-9]{1,3}( |$)")


@given(st.lists(REPLIES, max_size=5), st.integers(1, 40))
def test_what_a_server_of_ours_encodes_reads_back_as_the_same_replies(replies: list[Reply], width: int) -> None:
    # Without a status, a text that begins like one can not be told from it.
    assume(all(reply.status or not any(map(LOOKS_LIKE_A_STATUS.match, reply.lines)) for reply in replies))
    octets = b"".join(reply.encode() for reply in replies)
    reader = ReplyReader()
    reader.success_has_status = True
    found: list[Reply] = []
    for start in range(0, len(octets), width):
        reader.feed(octets[start : start + width])
        found += iter(reader.next_reply, None)
    assert found == replies


@given(REPLIES)
def test_before_hello_is_over_a_good_reply_is_all_text(reply: Reply) -> None:
    (found,) = read(reply.encode(), after_hello=False)
    if reply.code < 300:
        assert found.status is None
        assert found.encode() == reply.encode()


@pytest.mark.parametrize("name", sorted(name for name, value in vars(words).items() if isinstance(value, Reply)))
def test_every_constant_reply_of_the_server_is_understood_by_the_client(name: str) -> None:
    constant: Reply = getattr(words, name)
    assert read(constant.encode()) == [constant.with_cause(causes.PEER_SAID.because())]


@given(st.binary(max_size=200))
def test_no_octets_upset_the_reader(octets: bytes) -> None:
    with suppress(RemoteProtocolError):
        read(octets)
