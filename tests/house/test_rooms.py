"""The engines have no I/O: what lies below the doors of the world knows neither clock nor chance nor network."""

from pathlib import Path

import pytest

from tests.house.source import imports, modules, named, tree

AMBIENT = frozenset(
    {"asyncio", "socket", "ssl", "time", "random", "os", "threading", "selectors", "secrets", "subprocess", "pathlib"}
)


@pytest.mark.parametrize("path", modules("mail", "smtp", "dsn", "explain"), ids=named)
def test_nothing_below_the_world_reaches_for_it(path: Path) -> None:
    found = [f"line {line}: {name}" for line, name in imports(tree(path)) if name.partition(".")[0] in AMBIENT]
    assert not found
