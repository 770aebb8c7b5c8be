"""What servers tell each other about clients: values read back, and nothing in them can break a line."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.mail.attributes import LONGEST_VALUE, Attributes
from heloise.smtp.extensions.xforward import LONGEST_COMMAND, NAMES, commands

values = st.text(st.characters(exclude_categories=["Cs", "Cc"]), max_size=LONGEST_VALUE // 4)
attributes = st.dictionaries(st.sampled_from(NAMES), values).map(lambda found: Attributes(tuple(found.items())))


@given(attributes)
def test_attributes_read_back(told: Attributes) -> None:
    assert Attributes.parse(str(told)) == told


@given(attributes, attributes)
def test_the_later_word_counts(first: Attributes, second: Attributes) -> None:
    both = first.updated(second)
    assert dict(both.items) == {**dict(first.items), **dict(second.items)}
    assert Attributes.parse(f"{first} {second}") == both


@given(attributes, st.lists(st.sampled_from((*NAMES, "LOGIN", "X"))).map(" ".join))
def test_only_what_is_offered_is_told_in_lines_that_are_short_enough(told: Attributes, offer: str) -> None:
    lines = commands(offer, told)
    heard = Attributes()
    for line in lines:
        assert line.endswith(b"\r\n")
        assert len(line) <= LONGEST_COMMAND or line.count(b"=") == 1
        heard = heard.updated(Attributes.parse(line.decode().strip().removeprefix("XFORWARD ")))
    assert heard == told.only(offer.split())


@pytest.mark.parametrize("text", ["ADDR", "=x", "A B=", "A1=x", "A=+0A", "A=+C2+85", "A=+FF", "A=+2", "A=" + "x" * 256])
def test_what_is_no_attribute_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        Attributes.parse(text)


def test_unknown_is_unknown_in_any_case() -> None:
    told = Attributes.parse("NAME=[tempunavail] ADDR=[UNAVAILABLE] PORT=")
    assert [told.get(name) for name in ("NAME", "ADDR", "PORT", "HELO")] == [None] * 4
    assert told.has("NAME")
    assert not told.has("HELO")
