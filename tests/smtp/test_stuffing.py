"""Dots are doubled at line starts, and nothing but CRLF ends a line. RFC 5321 §4.5.2."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.smtp.data import TextDecoder
from heloise.smtp.stuffing import BareLineEndingError, DotStuffer


def stuffed(octets: bytes, width: int = 1 << 16) -> bytes:
    stuffer = DotStuffer()
    pieces = [stuffer.feed(octets[start : start + width]) for start in range(0, len(octets), width)]
    return b"".join(pieces) + stuffer.finish()


@pytest.mark.parametrize(
    ("content", "wire"),
    [
        (b"", b".\r\n"),
        (b"a\r\n", b"a\r\n.\r\n"),
        (b"a", b"a\r\n.\r\n"),
        (b".\r\n", b"..\r\n.\r\n"),
        (b"..\r\n.a\r\n", b"...\r\n..a\r\n.\r\n"),
        (b"a.\r\n", b"a.\r\n.\r\n"),
        (b"\r\n.\r\n", b"\r\n..\r\n.\r\n"),
    ],
)
def test_a_content_becomes_its_wire_form(content: bytes, wire: bytes) -> None:
    assert stuffed(content) == wire


@pytest.mark.parametrize(
    "content", [b"a\nb\r\n", b"a\rb\r\n", b"a\r\r\n", b"a\r\n\n", b"a\r", b"\n.\r\n", b"\r\n.\r\r\n"]
)
@pytest.mark.parametrize("width", [1, 2, 3, 100])
def test_a_bare_cr_or_lf_is_never_let_out(content: bytes, width: int) -> None:
    with pytest.raises(BareLineEndingError):
        stuffed(content, width)


CONTENTS = st.lists(st.sampled_from([b".", b"..", b"\r\n", b"a", b"\xff", b" "]), max_size=30).map(b"".join)


@given(CONTENTS, st.integers(min_value=1, max_value=9))
def test_the_server_side_reads_back_what_was_stuffed_wherever_it_was_cut(content: bytes, width: int) -> None:
    wire = stuffed(content, width)
    assert wire == stuffed(content)
    complete = content if not content or content.endswith(b"\r\n") else content + b"\r\n"
    assert TextDecoder().feed(wire + b"QUIT\r\n") == (complete, b"QUIT\r\n")


LINES = st.lists(
    st.one_of(st.binary(max_size=30), st.sampled_from([b".", b"..", b".\x00", b"", b"\xff."])), max_size=8
).map(lambda lines: b"".join(line.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n" for line in lines))


@given(LINES, st.integers(1, 40), st.integers(1, 40))
def test_decoding_what_was_stuffed_is_the_identity_wherever_both_are_cut(
    content: bytes, stuffed_by: int, decoded_by: int
) -> None:
    wire = stuffed(content, stuffed_by) + b"NOOP\r\n"
    decoder, found = TextDecoder(), b""
    for start in range(0, len(wire), decoded_by):
        piece, rest = decoder.feed(wire[start : start + decoded_by])
        found += piece
        if rest is not None:
            assert rest + wire[start + decoded_by :] == b"NOOP\r\n"
            break
    assert found == content
