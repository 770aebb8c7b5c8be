"""Command lines: only CRLF ends one, and where the octets are cut makes no difference. RFC 5321 §2.3.8, §4.5.3.1.4."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.lines import InputBuffer

LIMIT = 10


def read(octets: bytes, cuts: list[int]) -> list[bytes | Reply]:
    """The lines and the replies to bad ones, when the octets come in pieces of these widths (over and over)."""
    buffer = InputBuffer(command_line=LIMIT, endless_line=40)
    found: list[bytes | Reply] = []
    place = turn = 0
    while place < len(octets) and replies.FLOOD not in found:
        width = cuts[turn % len(cuts)]
        buffer.append(octets[place : place + width])
        place, turn = place + width, turn + 1
        while (line := buffer.line()) is not None and line is not replies.FLOOD:
            found.append(line)
        found += [line] if line is not None else []
    return found


@pytest.mark.parametrize(
    ("octets", "lines"),
    [
        (b"NOOP\r\nQUIT\r\n", [b"NOOP", b"QUIT"]),
        (b"\r\nNO", [b""]),
        (b"a\rb\r\n", [b"a\rb"]),
        (b"x" * LIMIT + b"\r\n", [b"x" * LIMIT]),
        (b"x" * (LIMIT + 1) + b"\r\nQUIT\r\n", [replies.LINE_TOO_LONG, b"QUIT"]),
        (b"NOOP\nQUIT\r\nNOOP\r\n", [replies.LINE_ENDING, b"NOOP"]),
        (b"\nQUIT\r\n\r\n", [replies.LINE_ENDING, b""]),
        (b"x" * (LIMIT + 1) + b"\nQUIT\r\nNOOP\r\n", [replies.LINE_TOO_LONG, b"NOOP"]),
        (b"x" * 50 + b"\r\nQUIT\r\n", [replies.LINE_TOO_LONG, replies.FLOOD]),
    ],
)
@pytest.mark.parametrize("width", [1, 2, 3, 100])
def test_lines_are_read_and_bad_ones_answered_once(octets: bytes, lines: list[bytes | Reply], width: int) -> None:
    assert read(octets, [width]) == lines


@given(
    st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b"a", b"b" * LIMIT, b"c" * 30]), max_size=12).map(b"".join),
    st.lists(st.integers(1, 60), min_size=1, max_size=4),
)
def test_cuts_make_no_difference(octets: bytes, cuts: list[int]) -> None:
    assert read(octets, cuts) == read(octets, [1]) == read(octets, [1000])


def test_the_end_of_the_longest_line_may_come_alone() -> None:
    # Once such a line was too long when its CR and its LF came apart.
    buffer = InputBuffer(command_line=LIMIT, endless_line=40)
    buffer.append(b"x" * LIMIT + b"\r")
    assert buffer.line() is None
    buffer.append(b"\n")
    assert buffer.line() == b"x" * LIMIT
