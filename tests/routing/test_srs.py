"""The Sender Rewriting Scheme: what the reference makes, we make; what we made, we know again; nothing else."""

from collections.abc import Callable

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from heloise.mail.address import Mailbox
from heloise.routing.srs import Expired, Forged, Scheme, is_rewritten, reverse, rewrite
from tests import strategies

DAY = 86400
NOW = 1577836860.0  # 2020-01-01T00:01:00Z
ONE = Scheme(domain="one.example", secrets=(b"secret of one",))
TWO = Scheme(domain="two.example", secrets=(b"secret of two",), separator="+")
THREE = Scheme(domain="three.example", secrets=(b"secret of three",), separator="-")


def box(text: str) -> Mailbox:
    return Mailbox.from_text(text)


SHORT = strategies.MAILBOXES.filter(lambda mailbox: len(str(mailbox).encode()) < 150)


def test_the_reference_makes_the_same_address() -> None:
    """A test case of postsrsd."""
    scheme = Scheme(domain="example.com", secrets=(b"tops3cr3t",))
    assert str(rewrite(box("test@otherdomain.com"), scheme, now=NOW)) == (
        "SRS0=vmyz=2W=otherdomain.com=test@example.com"
    )


@given(SHORT, st.floats(0, 2**33), st.integers(0, 20))
def test_a_sender_is_found_again_as_long_as_reports_may_come(sender: Mailbox, now: float, days: int) -> None:
    assume(not is_rewritten(sender))
    ours = rewrite(sender, ONE, now=now)
    assert is_rewritten(ours)
    assert ours.domain == "one.example"
    assert reverse(Mailbox.parse(ours.encode()), ONE, now=now + days * DAY) == sender


@given(SHORT, st.integers(22, 1000))
def test_an_address_ends_with_its_time(sender: Mailbox, days: int) -> None:
    assume(not is_rewritten(sender))
    assert reverse(rewrite(sender, ONE, now=NOW), ONE, now=NOW + days * DAY) == Expired(days)


@settings(derandomize=True)  # four characters of hash are some 20 bits, which chance hits now and then
@given(SHORT, st.data())
def test_whatever_is_changed_is_found_out(sender: Mailbox, data: st.DataObject) -> None:
    assume(not is_rewritten(sender))
    local_part = rewrite(sender, ONE, now=NOW).local_part
    place = data.draw(st.integers(5, len(local_part) - 1))
    other = data.draw(st.sampled_from("abcxyz0189./"))
    changed = local_part[:place] + other + local_part[place + 1 :]
    assume(changed.lower() != local_part.lower())
    assert not isinstance(reverse(Mailbox(changed, "one.example"), ONE, now=NOW), Mailbox)


@given(st.emails().filter(lambda text: len(text) < 100), st.sampled_from([str.lower, str.upper, str.swapcase]))
def test_a_host_on_the_way_may_change_the_case(text: str, change: Callable[[str], str]) -> None:
    assume("'" not in text)
    sender = box(text)
    ours = rewrite(sender, ONE, now=NOW)
    found = reverse(Mailbox(change(ours.local_part), "ONE.EXAMPLE"), ONE, now=NOW)
    assert isinstance(found, Mailbox)
    assert str(found).lower() == str(sender).lower()


@given(SHORT)
def test_a_chain_of_forwarders_is_never_longer_than_two(sender: Mailbox) -> None:
    assume(not is_rewritten(sender))
    first = rewrite(sender, ONE, now=NOW)
    second = rewrite(first, TWO, now=NOW)
    third = rewrite(second, THREE, now=NOW)
    fourth = rewrite(third, TWO, now=NOW)
    assert second.local_part.startswith("SRS1+")
    assert third.local_part.startswith("SRS1-")
    assert fourth == second
    # The way back leaves out whoever is between the last forwarder and the first.
    assert reverse(third, THREE, now=NOW) == first
    assert reverse(second, TWO, now=NOW) == first
    assert reverse(first, ONE, now=NOW) == sender


@pytest.mark.parametrize("separator", ["=", "+", "-"])
def test_every_separator_of_the_first_forwarder_is_kept(separator: str) -> None:
    first = rewrite(box("a@b.example"), Scheme(domain="f.example", secrets=(b"x",), separator=separator), now=NOW)
    assert first.local_part.startswith(f"SRS0{separator}")
    assert reverse(rewrite(first, ONE, now=NOW), ONE, now=NOW) == first


def test_all_secrets_are_believed_and_the_first_one_signs() -> None:
    old = rewrite(box("a@b.example"), ONE, now=NOW)
    both = Scheme(domain="one.example", secrets=(b"a new one", *ONE.secrets))
    assert reverse(old, both, now=NOW) == box("a@b.example")
    new = rewrite(box("a@b.example"), both, now=NOW)
    assert isinstance(reverse(new, ONE, now=NOW), Forged)


def test_a_longer_hash_is_believed_a_shorter_one_is_not() -> None:
    tag, signed, rest = rewrite(box("a@b.example"), ONE, now=NOW).local_part.split("=", 2)
    for short in ("", signed[:3]):
        assert isinstance(reverse(Mailbox(f"{tag}={short}={rest}", "one.example"), ONE, now=NOW), Forged)
    wrong_end = Mailbox(f"{tag}={signed}!!={rest}", "one.example")
    assert isinstance(reverse(wrong_end, ONE, now=NOW), Forged)


@pytest.mark.parametrize(
    "local_part", ["SRS0=", "SRS0=a", "SRS0=abcd=2W=b.example=", "SRS0=abcd==b.example=a", "SRS1=abcd=b", "SRS1=abcd=="]
)
def test_an_address_with_a_part_missing_is_nobodys(local_part: str) -> None:
    assert isinstance(reverse(Mailbox(local_part, "one.example"), ONE, now=NOW), Forged)


@pytest.mark.parametrize("local_part", ["srs", "SRS0", "srs0.a", "SRS2=abcd=2W=b=a", "xSRS0=abcd=2W=b=a"])
def test_other_names_have_nothing_to_do_with_it(local_part: str) -> None:
    assert not is_rewritten(Mailbox(local_part, "one.example"))


@given(st.text(st.characters(codec="utf-8", exclude_categories=["C"]), max_size=60))
def test_no_address_is_too_odd_to_be_looked_at(rest: str) -> None:
    assert not isinstance(reverse(Mailbox(f"SRS0={rest}", "one.example"), ONE, now=NOW), Mailbox)


@pytest.mark.parametrize(
    "wrong",
    [{"secrets": ()}, {"secrets": (b"",)}, {"separator": "#"}, {"separator": ""}, {"max_age": 0}, {"max_age": 1024}],
)
def test_a_scheme_that_can_not_work_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"secret|separator|max_age"):
        Scheme(**({"domain": "one.example", "secrets": (b"x",)} | wrong))  # type: ignore[arg-type]
