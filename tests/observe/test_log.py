"""The log tells what happened in lines that can be read, parsed and trusted."""

import json
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heloise.observe.log import FileOutput, Log, LogFormat, LogLevel


class StoppedClock:
    def now(self) -> float:
        return 1_700_000_000.5

    def monotonic(self) -> float:
        return 0.0


def lines(
    *events: tuple[str, str, dict[str, object]], level: LogLevel = LogLevel.DEBUG, as_json: bool = False
) -> list[str]:
    written: list[bytes] = []
    log = Log(written.append, StoppedClock(), level=level, format=LogFormat.JSON if as_json else LogFormat.TEXT)
    for event in events:
        log(*event)
    return [line.decode() for line in written]


def test_a_text_line_has_time_level_event_and_fields() -> None:
    (line,) = lines(("info", "message.accepted", {"session": "01A", "recipients": ["<a@b>", "<c@d>"], "size": 3}))
    assert line == "2023-11-14T22:13:20.500Z info    message.accepted session=01A recipients=<a@b>,<c@d> size=3\n"


def test_values_with_blanks_are_quoted() -> None:
    (line,) = lines(("info", "command.refused", {"reply": "550 5.1.1 unknown", "inputs": {"who": "a b"}, "lost": True}))
    assert line.endswith('reply="550 5.1.1 unknown" inputs={who="a b"} lost=yes\n')


def test_a_json_line_is_one_object() -> None:
    (line,) = lines(("info", "message.accepted", {"inputs": {"a": "b"}, "size": 3}), as_json=True)
    assert json.loads(line) == {
        "time": "2023-11-14T22:13:20.500Z",
        "level": "info",
        "event": "message.accepted",
        "inputs": {"a": "b"},
        "size": 3,
    }


def test_what_is_below_the_level_is_left_out() -> None:
    assert lines(("debug", "session.opened", {}), ("warning", "x.y", {}), level=LogLevel.WARNING) == [
        "2023-11-14T22:13:20.500Z warning x.y\n"
    ]
    log = Log(print, StoppedClock(), level=LogLevel.INFO)
    assert log.wants(LogLevel.INFO)
    assert not log.wants(LogLevel.DEBUG)


@given(st.text(), st.booleans())
@example("a\x85b\u2028c\nd", True)
@example("a\x85b\u2028c\nd", False)
def test_nobody_can_forge_a_line(text: str, as_json: bool) -> None:
    (line,) = lines(("info", "x.y", {"value": text}), as_json=as_json)
    assert line.count("\n") == 1
    assert line.rstrip("\n").splitlines() == [line.rstrip("\n")]
    if as_json:
        assert json.loads(line)["value"] == text


def test_secrets_and_content_are_never_shown() -> None:
    fields: dict[str, object] = {"password": "hunter2", "content": "Dear", "octets": b"Dear", "inputs": {"token": "x"}}
    (line,) = lines(("info", "x.y", fields))
    assert "hunter2" not in line
    assert "Dear" not in line
    assert line.endswith('password=**** content=**** octets="[4 octets]" inputs={token=****}\n')


def test_a_long_value_is_cut() -> None:
    (line,) = lines(("info", "x.y", {"value": "a" * 5000}))
    assert len(line) < 1100


def test_a_log_that_can_not_be_written_does_not_stop_the_mail() -> None:
    def full(line: bytes) -> None:
        raise OSError(28, "no space left on device")

    log = Log(full, StoppedClock())
    log("error", "x.y", {})
    log("error", "x.y", {})


def test_a_rotated_file_is_gone_on_with(tmp_path: Path) -> None:
    path = tmp_path / "log" / "heloise.log"
    output = FileOutput(str(path))
    output(b"one\n")
    path.rename(tmp_path / "old")
    output(b"two\n")
    output.reopen()
    output(b"three\n")
    output.close()
    assert (tmp_path / "old").read_bytes() == b"one\ntwo\n"
    assert path.read_bytes() == b"three\n"


def test_an_unknown_level_is_a_mistake() -> None:
    with pytest.raises(KeyError):
        lines(("loud", "x.y", {}))
