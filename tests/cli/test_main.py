"""The group of all commands."""

import pytest
from click.testing import CliRunner

from heloise.cli.main import main

COMMANDS = ["serve", "dev", "lab", "send", "queue", "check", "config", "explain", "version"]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str) -> None:
    result = CliRunner().invoke(main, [command, "--help"])
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: main {command}")


def test_the_commands_are_listed_in_the_order_of_need() -> None:
    text = CliRunner().invoke(main, ["--help"]).stdout
    places = [text.index(f"\n  {command}") for command in COMMANDS]
    assert places == sorted(places)


def test_an_unknown_command_is_told_with_the_nearest_one() -> None:
    result = CliRunner().invoke(main, ["sedn"])
    assert result.exit_code == 2
    assert "did you mean" in result.stderr.lower()
    assert "send" in result.stderr


def test_the_version_is_told() -> None:
    assert CliRunner().invoke(main, ["version"]).stdout.startswith("heloise ")
    assert CliRunner().invoke(main, ["--version"]).stdout.startswith("heloise ")


def test_what_the_commands_do_fits_into_eighty_columns() -> None:
    text = CliRunner().invoke(main, ["--help"], terminal_width=80).stdout
    assert "..." not in text.partition("Commands:")[2]
