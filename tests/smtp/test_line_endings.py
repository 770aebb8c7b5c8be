"""Bare LF becomes CRLF wherever the octets are cut, nothing else changes, and no dot ends what it did not end."""

import re
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.smtp.data import TextDecoder
from heloise.smtp.line_endings import Mender
from heloise.smtp.stuffing import DotStuffer

OCTETS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\r\n.\r\n", b"\xff"]), max_size=30).map(
    b"".join
)


def mend(octets: bytes, cuts: list[int]) -> tuple[bytes, int]:
    mender = Mender()
    places = [0, *sorted({cut % (len(octets) + 1) for cut in cuts}), len(octets)]
    return b"".join(mender.feed(octets[start:stop]) for start, stop in pairwise(places)), mender.mended


@given(OCTETS, st.lists(st.integers(0, 100), max_size=10))
def test_cuts_change_nothing(octets: bytes, cuts: list[int]) -> None:
    assert mend(octets, cuts) == mend(octets, []) == mend(octets, list(range(len(octets))))


@given(OCTETS)
def test_no_bare_lf_is_left_and_every_other_octet_stays(octets: bytes) -> None:
    mended, count = mend(octets, [])
    assert re.search(rb"(?<!\r)\n", mended) is None
    assert len(mended) == len(octets) + count
    assert mended.replace(b"\r\n", b"\n") == octets.replace(b"\r\n", b"\n")


@given(OCTETS)
def test_what_was_mended_once_stays_as_it_is(octets: bytes) -> None:
    mended, _ = mend(octets, [])
    assert mend(mended, []) == (mended, 0)


@pytest.mark.parametrize(
    ("content", "mended"),
    [
        (b"a\n.\nb\r\n", b"a\r\n.\r\nb\r\n"),
        (b"a\n.\r\nb\r\n", b"a\r\n.\r\nb\r\n"),
        (b"\n\n", b"\r\n\r\n"),
        (b"a\r\r\nb\r\n", b"a\r\r\nb\r\n"),
        (b"a\rb\r\n", b"a\rb\r\n"),
    ],
)
def test_a_dot_between_bare_lfs_is_content_and_is_stuffed_on_its_way_out(content: bytes, mended: bytes) -> None:
    assert mend(content, [])[0] == mended
    if b"\r" in mended.replace(b"\r\n", b""):
        return  # refused at its end, so it is never sent
    stuffer = DotStuffer()
    wire = stuffer.feed(mended) + stuffer.finish()
    assert TextDecoder().feed(wire + b"rest") == (mended, b"rest")
