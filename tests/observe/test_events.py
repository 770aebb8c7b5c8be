"""The vocabulary of events has what the journal says."""

import ast
import inspect
import re
from pathlib import Path

import pytest

import heloise
from heloise.app import journal
from heloise.observe.events import EVENTS


def _said() -> list[tuple[str, str]]:
    """(level, event) of each `self._emit("info", "message.accepted", …)` in the journal."""
    calls = (node for node in ast.walk(ast.parse(inspect.getsource(journal))) if isinstance(node, ast.Call))
    emitted = [call.args for call in calls if isinstance(call.func, ast.Attribute) and call.func.attr == "_emit"]
    constants = [(level, event) for level, event, _ in emitted]
    return [
        (str(level.value) if isinstance(level, ast.Constant) else "", str(event.value))
        for level, event in constants
        if isinstance(event, ast.Constant)
    ]


@pytest.mark.parametrize(("level", "event"), _said())
def test_every_event_of_the_journal_is_in_the_vocabulary(level: str, event: str) -> None:
    assert event in EVENTS
    assert level in ("", EVENTS[event].level.value)


def test_every_event_of_the_server_itself_is_in_the_vocabulary() -> None:
    """Those that are said by `journal.server("stopping", …)` anywhere in the source."""
    source = Path(heloise.__file__).parent
    texts = [path.read_text() for path in source.rglob("*.py")]
    said = {word for text in texts for word in re.findall(r'journal\.server\(\s*"([a-z-]+)"', text)}
    assert "stopping" in said
    assert {f"server.{word}" for word in said} <= set(EVENTS)
