"""parse_configuration: a Configuration or a ConfigError for any text; and the places of keys in any good TOML."""

import tomllib
from functools import lru_cache
from unittest.mock import patch

from heloise.config import checks
from heloise.config.errors import ConfigError, Problem
from heloise.config.load import parse_configuration
from heloise.smtp.registry import discover
from tests.fuzz.supply import Supply
from tests.fuzz.targets import Target
from tests.fuzz.tokens import TOML

BASE = """\
hostname = "mx.test"
state = "s"
[[listener]]
address = "127.0.0.1:25"
"""
_discover = lru_cache(maxsize=1)(discover)  # it walks through all installed packages


def _problems(text: str) -> tuple[Problem, ...]:
    try:
        parse_configuration(text, directory="/etc")
    except ConfigError as error:
        return error.problems
    return ()


def run(octets: bytes) -> None:
    """Settings: is the text all, or the end of a good configuration?"""
    supply = Supply(octets)
    base = BASE if supply.flag() else ""
    text = base + supply.rest().decode("utf-8", "ignore")
    with patch.object(checks, "discover", _discover):
        problems = _problems(text)
    for problem in problems:
        assert 1 <= problem.rule.line <= text.count("\n") + 1
        assert str(problem)
    if not problems:
        assert tomllib.loads(text)


TARGET = Target(run=run, tokens=TOML, settings=1)
