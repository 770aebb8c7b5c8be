"""Every dialogue file against both engines, whole and octet by octet."""

from pathlib import Path

import pytest

from heloise.smtp.registry import discover
from heloise.testing.dialogue import DialogueMismatchError, parse_dialogue
from heloise.testing.dialogue_play import play_client, play_server

FOLDER = Path(__file__).parent.parent / "dialogues"
DIALOGUES = {path.stem: parse_dialogue(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.txt"))}
REGISTRY = discover()
WIDTHS = pytest.mark.parametrize("width", [None, 1, 7])


@WIDTHS
@pytest.mark.parametrize("name", DIALOGUES)
def test_the_server_engine_says_what_the_dialogue_has(name: str, width: int | None) -> None:
    play_server(DIALOGUES[name], REGISTRY, width=width)


@WIDTHS
@pytest.mark.parametrize("name", [name for name, dialogue in DIALOGUES.items() if dialogue.is_mirrored])
def test_the_client_engine_says_what_the_dialogue_has(name: str, width: int | None) -> None:
    play_client(DIALOGUES[name], REGISTRY, width=width)


@pytest.mark.parametrize("name", DIALOGUES)
def test_a_dialogue_names_its_section(name: str) -> None:
    assert DIALOGUES[name].title.startswith(("RFC ", "sendmail ", "Postfix "))


def test_a_server_that_says_something_else_is_found_out() -> None:
    with pytest.raises(DialogueMismatchError, match="line 2"):
        play_server(parse_dialogue("# RFC\nS: 221"), REGISTRY)


def test_a_server_that_says_too_much_is_found_out() -> None:
    with pytest.raises(DialogueMismatchError):
        play_server(parse_dialogue("# RFC"), REGISTRY)


def test_a_client_that_says_something_else_is_found_out() -> None:
    with pytest.raises(DialogueMismatchError, match="line 4"):
        play_client(parse_dialogue("# RFC\n# mirrored:\nS: 220 x\nC: HELO client.test"), REGISTRY)


@pytest.mark.parametrize("text", ["S: 220", "# RFC\nX: what", "# RFC\n# options: colour=red", "# RFC\n# answer: x"])
def test_a_file_that_is_no_dialogue_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="line"):
        parse_dialogue(text)
