"""Commands and extensions explain themselves, and dialogues that were had show them."""

import pytest

from heloise.explain.dialogues import Dialogue, about, all_dialogues
from heloise.explain.topics import command_topic, commands, extension_topic
from heloise.smtp.codes import REPLY_CODES
from heloise.smtp.registry import discover
from heloise.smtp.states import ServerState

REGISTRY = discover()


@pytest.mark.parametrize("verb", commands(REGISTRY))
def test_every_command_has_a_form_a_clause_a_place_and_an_answer(verb: str) -> None:
    topic = command_topic(REGISTRY, verb)
    assert topic is not None
    assert topic.form.startswith(verb)
    assert topic.clause
    assert topic.leads
    assert {code for code, _ in topic.answers} <= {str(code) for code in REPLY_CODES.values()}
    assert topic.answers


@pytest.mark.parametrize("keyword", sorted(REGISTRY.keywords))
def test_every_extension_says_what_it_promises(keyword: str) -> None:
    topic = extension_topic(REGISTRY, keyword)
    assert topic is not None
    assert topic.summary
    assert topic.promises
    assert about(keyword)


def test_what_is_neither_is_nothing() -> None:
    assert command_topic(REGISTRY, "NONSENSE") is None
    assert extension_topic(REGISTRY, "NONSENSE") is None


def test_mail_leads_from_ready_to_an_open_transaction() -> None:
    topic = command_topic(REGISTRY, "MAIL")
    assert topic is not None
    assert topic.leads == {ServerState.READY: ServerState.MAIL}


def test_every_dialogue_has_the_reply_that_matters() -> None:
    for each in all_dialogues():
        assert any(line.startswith(f"S: {each.code:03d}") for line in each.lines), each.title


def dialogue(*lines: str) -> Dialogue:
    return Dialogue(
        title="", code=250, status="", cause="", extension="", configuration="", client="", rule="", lines=lines
    )


def test_pipelined_commands_get_their_replies_in_order_and_text_is_no_command() -> None:
    said = dialogue(
        *("S: 220 mx", "C: EHLO c", "S: 250-mx", "S: …", "C: MAIL FROM:<>", "C: RCPT TO:<a>", "C: DATA"),
        *("S: 250 ok", "S: 050 told", "S: 550 no", "S: 354 go", "C: QUIT is text", "C: .", "S: 250 taken"),
    )
    found = [(verb, reply[:3]) for verb, reply in said.answers()]
    assert found == [("EHLO", "250"), ("MAIL", "250"), ("RCPT", "550"), ("DATA", "354"), ("DATA", "250")]
