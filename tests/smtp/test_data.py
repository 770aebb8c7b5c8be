"""The end of data is CRLF . CRLF and nothing else, wherever the octets are cut."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.mail import causes
from heloise.smtp import replies
from heloise.smtp.data import ContentGauge, TextDecoder
from heloise.smtp.limits import SessionLimits

LIMITS = SessionLimits()
# Octets that matter, so that chance finds the bad combinations.
OCTETS = st.lists(st.sampled_from([b"\r", b"\n", b"\r\n", b".", b"a", b"\r\n.\r\n", b"\xff"]), max_size=30).map(
    b"".join
)


def decode(octets: bytes, cuts: list[int]) -> tuple[bytes, bytes | None]:
    """Feed `octets` cut at these places; the content, and what came after the end."""
    decoder, content = TextDecoder(), b""
    places = [0, *sorted({cut % (len(octets) + 1) for cut in cuts}), len(octets)]
    for start, stop in itertools.pairwise(places):
        piece, rest = decoder.feed(octets[start:stop])
        content += piece
        if rest is not None:
            return content, rest + octets[stop:]
    return content, None


@given(OCTETS, st.lists(st.integers(0, 100), max_size=10))
def test_cuts_change_nothing(octets: bytes, cuts: list[int]) -> None:
    octets += b"\r\n.\r\nrest"
    assert decode(octets, cuts) == decode(octets, []) == decode(octets, list(range(len(octets))))


@given(OCTETS)
def test_text_with_dots_stuffed_reads_back_as_it_was(text: bytes) -> None:
    lines = text.replace(b"\r", b"").replace(b"\n", b"\r\n").split(b"\r\n")
    stuffed = b"".join((b"." + line if line.startswith(b".") else line) + b"\r\n" for line in lines)
    assert decode(stuffed + b".\r\nNOOP\r\n", []) == (b"".join(line + b"\r\n" for line in lines), b"NOOP\r\n")


# The smuggling matrix: what other servers have taken for the end of data.
SMUGGLED = [
    b"\n.\n", b"\n.\r\n", b"\r\n.\n", b"\r.\r", b"\r.\r\n", b"\r\n.\r", b"\r\n.\x00\r\n", b"\r\n. \r\n", b"\r\n.\r\r\n",
    b"\n\n.\r\n", b"\r\n\x00.\r\n", b"\r\r\n.\n", b"\r\n.\n\r\n",
]  # fmt: skip


@pytest.mark.parametrize("ending", SMUGGLED)
def test_what_only_looks_like_the_end_does_not_end_the_data(ending: bytes) -> None:
    content, rest = decode(b"one" + ending + b"MAIL FROM:<evil@a.test>\r\n.\r\nQUIT\r\n", [])
    assert rest == b"QUIT\r\n"
    assert b"MAIL FROM" in content


@pytest.mark.parametrize("ending", [ending for ending in SMUGGLED if b"\x00" not in ending and b" " not in ending])
def test_content_with_a_bare_cr_or_lf_is_refused(ending: bytes) -> None:
    content, _ = decode(b"one" + ending + b"two\r\n.\r\n", [])
    for cut in range(len(content)):
        gauge = ContentGauge(LIMITS)
        gauge.update(content[:cut])
        gauge.update(content[cut:])
        assert gauge.problem(binary_allowed=False) is replies.CONTENT_LINE_ENDING
        assert gauge.problem(binary_allowed=True) is None
        assert gauge.facts().binary


@given(OCTETS, st.integers(0, 100))
def test_the_gauge_sees_the_same_however_content_is_cut(octets: bytes, cut: int) -> None:
    whole, parted = ContentGauge(LIMITS), ContentGauge(LIMITS)
    whole.update(octets)
    cut %= len(octets) + 1
    for piece in (octets[:cut], octets[cut:]):
        parted.update(piece)
    assert whole.facts() == parted.facts()
    bare = b"\r" in octets.replace(b"\r\n", b"") or b"\n" in octets.replace(b"\r\n", b"")
    assert whole.facts().binary == bare
    assert whole.facts().eight_bit == (not octets.isascii())


def test_a_message_over_the_limit_is_refused_at_its_end_with_the_figures() -> None:
    gauge = ContentGauge(SessionLimits(message_size=10))
    assert gauge.update(b"1234567\r\n")
    assert not gauge.update(b"ab\r\n")
    problem = gauge.problem(binary_allowed=False)
    assert problem is not None
    assert (problem.code, str(problem.status)) == (552, "5.3.4")
    assert problem.cause.inputs == (("size", "13"), ("limit", "10"))


@given(st.lists(st.integers(0, 300), max_size=6))
def test_received_fields_are_counted_in_the_header_only_and_however_it_is_cut(cuts: list[int]) -> None:
    header = b"Received: one\r\n\tfolded\r\nrEceived: two\r\nX-Received: no\r\n" * 3
    octets = header + b"\r\nReceived: in the body\r\n"
    gauge = ContentGauge(LIMITS)
    places = [0, *sorted(cut % (len(octets) + 1) for cut in cuts), len(octets)]
    for start, stop in itertools.pairwise(places):
        gauge.update(octets[start:stop])
    assert gauge.received_fields == 6


def test_more_received_fields_than_the_limit_are_a_loop() -> None:
    gauge = ContentGauge(LIMITS)
    gauge.update(b"Received: x\r\n" * 101)
    problem = gauge.problem(binary_allowed=False)
    assert problem is not None
    assert problem.cause == causes.CONTENT_LOOP.because(hops=101, received_fields=LIMITS.received_fields)


@pytest.mark.parametrize("size", [1, 7, 1 << 16])
def test_an_endless_line_is_refused(size: int) -> None:
    cause = causes.CONTENT_LINE_TOO_LONG.because(text_line=5000)
    for extra, refusal in ((0, None), (3, replies.CONTENT_LINE_TOO_LONG.with_cause(cause))):
        gauge = ContentGauge(SessionLimits(text_line=5000))
        octets = b"a\r\n" + b"x" * (4999 + extra) + b"\r\nb\r\n"
        for start in range(0, len(octets), size):
            gauge.update(octets[start : start + size])
        assert gauge.problem(binary_allowed=False) == refusal
