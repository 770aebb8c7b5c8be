"""What may come next, out of the table of states."""

import pytest

from heloise.lab.diagram import ASIDE, CAUSED, PICTURE, STRIP, arrows, places
from heloise.lab.hints import complete, form_of, hints, in_words
from heloise.smtp.command import parse_command
from heloise.smtp.registry import discover
from heloise.smtp.states import ServerState

REGISTRY = discover()


def everything(_: object) -> bool:
    return True


def nothing(_: object) -> bool:
    return False


@pytest.mark.parametrize(
    ("state", "first"),
    [
        (ServerState.GREETED, "EHLO client.example.test"),
        (ServerState.READY, "MAIL FROM:<me@example.test>"),
        (ServerState.MAIL, "RCPT TO:<you@example.test>"),
        (ServerState.NO_RECIPIENT, "RCPT TO:<you@example.test>"),
        (ServerState.RECIPIENTS, "DATA"),
        (ServerState.CHUNKS_FAILED, "RSET"),
    ],
)
def test_the_first_hint_leads_on(state: ServerState, first: str) -> None:
    assert hints(REGISTRY, state, everything)[0].line == first


@pytest.mark.parametrize("state", ServerState)
def test_every_state_has_a_hint_or_a_word_for_what_comes(state: ServerState) -> None:
    assert bool(hints(REGISTRY, state, everything)) != bool(in_words(state))


def test_every_hint_can_be_sent_as_it_is() -> None:
    for state in ServerState:
        for hint in hints(REGISTRY, state, everything):
            command = parse_command(hint.line.encode())
            assert getattr(command, "verb", None) == hint.verb, hint


def test_what_is_not_offered_is_no_hint() -> None:
    verbs = {hint.verb for hint in hints(REGISTRY, ServerState.READY, nothing)}
    assert verbs == {"MAIL", "RSET", "EHLO", "HELO", "NOOP", "HELP", "QUIT", "VRFY"}


def test_lmtp_begins_with_lhlo() -> None:
    verbs = [hint.verb for hint in hints(REGISTRY, ServerState.GREETED, nothing, lmtp=True)]
    assert verbs[0] == "LHLO"
    assert "EHLO" not in verbs


@pytest.mark.parametrize(
    ("state", "typed", "completed"),
    [
        (ServerState.READY, "ma", "MAIL FROM:<me@example.test>"),
        (ServerState.READY, "MAIL FROM:<a@b.test> BO", "MAIL FROM:<a@b.test> BODY=8BITMIME"),
        (ServerState.MAIL, "RCPT TO:<a@b.test> NO", "RCPT TO:<a@b.test> NOTIFY=SUCCESS,FAILURE,DELAY"),
        (ServerState.MAIL, "rcpt to:<451", "RCPT TO:<451-twice.you@example.test>"),
        (ServerState.READY, "HELP MA", "HELP MAIL"),
    ],
)
def test_a_line_is_completed(state: ServerState, typed: str, completed: str) -> None:
    paths = ["<451-twice.you@example.test>"]
    found = complete(typed, registry=REGISTRY, state=state, offered=everything, recipients=paths)
    assert completed in found


def test_a_parameter_is_offered_once_and_only_where_its_extension_is() -> None:
    typed = "MAIL FROM:<a@b.test> BODY=8BITMIME "
    found = complete(typed, registry=REGISTRY, state=ServerState.READY, offered=everything)
    assert f"{typed}SIZE=1000" in found
    assert not any(line.count("BODY=") > 1 for line in found)
    assert complete(typed, registry=REGISTRY, state=ServerState.READY, offered=nothing) == ()


def test_every_verb_of_the_table_has_a_form() -> None:
    assert all(form_of(REGISTRY, verb)[0] for _, verb in REGISTRY.transitions)


def test_the_picture_shows_every_state() -> None:
    assert [state for state in ServerState if not list(places(state))] == []
    for state in ServerState:
        assert all(PICTURE[start:end] == state.value for start, end in places(state))


def test_chunks_is_not_found_in_chunks_failed() -> None:
    assert len(list(places(ServerState.CHUNKS))) == 1


def test_every_way_of_the_table_is_an_arrow_or_leads_from_everywhere() -> None:
    drawn = {(arrow.start, arrow.end) for arrow in arrows(REGISTRY.transitions)}
    for (state, verb), following in REGISTRY.transitions.items():
        everywhere = verb in ("RSET", "EHLO", "HELO", "LHLO", "QUIT", "XCLIENT")
        assert state is following or everywhere or (state, following) in drawn
    assert set(CAUSED) <= drawn


def test_each_state_is_on_the_way_or_beside_it() -> None:
    assert set(STRIP) | set(ASIDE) == set(ServerState)
