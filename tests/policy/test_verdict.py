"""Several words become one, and a changed header keeps all that was not changed."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.policy import (
    CONTINUE,
    AddField,
    ChangeField,
    InsertField,
    Points,
    combine,
    discard,
    later,
    points,
    refuse,
    tag,
)
from heloise.policy.fields import change_header, read_fields, write_field

HEADERS = st.lists(
    st.binary(max_size=30).map(lambda octets: octets.replace(b"\r", b"").replace(b"\n", b"") + b"\r\n"), max_size=8
).map(b"".join)


def test_a_refusal_for_good_goes_before_one_for_now_whatever_came_first() -> None:
    said = combine([points(1, "a"), later("Later"), refuse("No"), refuse("No either")])
    assert str(said.refusal) == "550 5.7.1 No"
    assert combine([later("First"), later("Second")]).refusal == later("First").refusal


def test_points_and_tags_add_up_and_nothing_stays_nothing() -> None:
    said = points(2, "a") | tag("x") | points(-0.5, "b") | tag("y") | discard("worm")
    assert said.points == (Points(2, "a"), Points(-0.5, "b"))
    assert said.total == 1.5
    assert said.tags == {"x", "y"}
    assert said.discard is not None
    assert combine([CONTINUE, CONTINUE]) is CONTINUE


@pytest.mark.parametrize(("code", "status"), [(250, "2.0.0"), (354, "5.7.1"), (550, "4.7.1")])
def test_a_refusal_that_is_none_can_not_be_made(code: int, status: str) -> None:
    with pytest.raises(ValueError, match=r"refusal|status"):
        refuse("No", code=code, status=status)


@given(st.binary(max_size=300))
def test_reading_fields_loses_no_octet(header: bytes) -> None:
    assert b"".join([each.octets for each in read_fields(header)]) == header


@given(HEADERS, st.integers(0, 9), st.text(max_size=40))
def test_an_inserted_field_can_be_taken_away_again(header: bytes, index: int, value: str) -> None:
    # A header that begins with a folded line has no first field to put something before.
    if header[:1] in (b" ", b"\t"):
        header = b"A: b\r\n" + header
    changed = change_header(header, (InsertField(index, "X-Mine-0123456789", value),))
    assert change_header(changed, (ChangeField("x-mine-0123456789", 1, None),)) == header


def test_the_second_field_of_a_name_is_changed_and_folded_values_are_read_as_one() -> None:
    header = b"Received: a\r\n\tb\r\nReceived: c\r\nSubject: x\r\n"
    changed = change_header(header, (ChangeField("RECEIVED", 2, "d\n\te"), AddField("X", "1")))
    assert changed == b"Received: a\r\n\tb\r\nReceived: d\r\n\te\r\nSubject: x\r\nX: 1\r\n"
    assert read_fields(changed)[0].text == "a\tb"
    assert change_header(header, (ChangeField("Absent", 1, None),)) == header


@pytest.mark.parametrize("value", ["a\r\n\r\nbody", "a\r\nBcc: x@example.org", "a\0b\x7f", "a\rb\nc"])
def test_a_value_never_ends_the_header_nor_begins_another_field(value: str) -> None:
    octets = write_field("X", value)
    assert len(read_fields(octets)) == 1
    assert b"\r\n\r\n" not in octets
    assert octets.endswith(b"\r\n")
    assert b"\0" not in octets
    with pytest.raises(ValueError, match="name"):
        write_field("X: y\r\nZ", value)
