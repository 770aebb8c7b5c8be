"""`heloise queue destinations`."""

import asyncio
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from heloise.app.operator.control import QueueControl
from heloise.app.operator.control_desk import ControlDesk
from heloise.cli.destinations import show_destinations
from heloise.cli.main import main
from heloise.cli.queueing import OpenedQueue
from heloise.cli.terminal import ExitCode
from heloise.delivery.destinations import DestinationView
from heloise.net import SystemClock
from heloise.queue.memory import MemoryStore

NOW = 1.7e9
VIEW = DestinationView(
    name="big.test:25",
    routes=("mx:one.test",),
    running=2,
    waiting=98,
    queued=4000,
    next_try=NOW + 30,
    last_reply="421 4.7.0 slow down",
    last_at=NOW - 5,
    why="it asked for a pause",
    window=3,
    pace=54.0,
)


def shown(*views: DestinationView, as_json: bool = False) -> ExitCode:
    async def run() -> ExitCode:
        desk = ControlDesk(MemoryStore(), SystemClock(), destinations=lambda: views)
        return await show_destinations(OpenedQueue(QueueControl(desk.ask, desk.pieces), NOW), as_json=as_json)

    return asyncio.run(run())


def test_a_table_tells_what_waits_and_why(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(VIEW) is ExitCode.OK
    text = capsys.readouterr().out
    for words in ("big.test:25", "421 4.7.0", "98", "4000", "30s", "54", "asked for"):
        assert words in text


def test_json_has_everything(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(VIEW, as_json=True) is ExitCode.OK
    (found,) = json.loads(capsys.readouterr().out)
    assert found["routes"] == ["mx:one.test"]
    assert (found["waiting"], found["queued"], found["pace"], found["window"]) == (98, 4000, 54.0, 3)


def test_nothing_to_do_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown() is ExitCode.OK
    assert capsys.readouterr().out == "Nothing goes anywhere.\n"


def test_without_a_server_nothing_is_delivered(tmp_path: Path) -> None:
    file = tmp_path / "heloise.toml"
    file.write_text('hostname = "mail.example.test"\nstate = "state"\n[[listener]]\naddress = "127.0.0.1:0"\n')
    result = CliRunner().invoke(main, ["queue", "destinations", "-c", str(file)])
    assert (result.exit_code, result.output) == (1, "No server runs: nothing is being delivered.\n")
