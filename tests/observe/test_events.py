"""The vocabulary of events has what the journal says."""

import ast
import inspect

import pytest

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
