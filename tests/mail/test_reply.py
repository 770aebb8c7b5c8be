"""A reply explains itself, or it can not be made."""

import pytest

from heloise.mail import causes
from heloise.mail.cause import Rule
from heloise.mail.reply import Reply, printable
from heloise.mail.status import EnhancedStatus, Severity


def test_a_reply_without_a_cause_can_not_be_constructed() -> None:
    with pytest.raises(TypeError):
        Reply(code=250, status=None, lines=("ok",))  # type: ignore[call-arg]
    with pytest.raises(TypeError):
        Reply(code=250, status=None, lines=("ok",), cause=None)  # type: ignore[arg-type]


def test_the_status_has_the_class_of_the_code() -> None:
    with pytest.raises(ValueError, match=r"5\.1\.1"):
        Reply(code=250, status=EnhancedStatus(5, 1, 1), lines=("ok",), cause=causes.NOOP_DONE.because())


@pytest.mark.parametrize("text", ["a\r\nb", "a\nb", "a\x00", "a\x85"])
def test_a_line_break_can_not_be_smuggled_into_a_reply(text: str) -> None:
    with pytest.raises(ValueError, match="control"):
        Reply(code=250, status=None, lines=(text,), cause=causes.NOOP_DONE.because())
    assert (
        Reply(code=250, status=None, lines=(printable(text),), cause=causes.NOOP_DONE.because()).encode().count(b"\n")
        == 1
    )


def test_every_line_of_a_reply_has_code_and_status() -> None:
    reply = Reply(code=250, status=EnhancedStatus(2, 1, 5), lines=("one", "two"), cause=causes.NOOP_DONE.because())
    assert reply.encode() == b"250-2.1.5 one\r\n250 2.1.5 two\r\n"


def test_an_unknown_code_is_judged_by_its_first_digit() -> None:
    assert Reply(code=499, status=None, lines=("x",), cause=causes.NOOP_DONE.because()).severity is Severity.TRANSIENT


def test_a_long_text_is_cut_to_fit_a_reply_line() -> None:
    assert len(printable("é" * 600).encode()) <= 480


def test_a_cause_tells_its_rule_and_the_values_it_looked_at() -> None:
    cause = causes.SIZE_OVER_LIMIT.because(Rule("heloise.toml", 12), size=5, limit=4)
    assert str(cause) == "size.over-limit [heloise.toml:12] (size=5, limit=4)"


def test_every_cause_in_the_catalogue_has_a_clause_a_meaning_and_advice() -> None:
    assert len(causes.CATALOGUE) > 80
    for identifier, kind in causes.CATALOGUE.items():
        assert identifier == kind.id
        assert kind.clause.startswith(("RFC ", "sendmail ", "sysexits(3)", "PROXY ", "Postfix ", "rspamd "))
        assert kind.meaning.endswith(".")
        assert kind.advice.endswith((".", "]"))
