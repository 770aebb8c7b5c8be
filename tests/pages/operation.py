"""Writes the tables of docs/operation.md, after an event or a metric is added:

.venv/bin/python -m tests.pages.operation
"""

import asyncio
import re
from collections.abc import Sequence
from pathlib import Path

from heloise.app.operator.metrics import measured
from heloise.observe.counts import Counts
from heloise.observe.events import EVENTS

PAGE = Path(__file__).parents[2] / "docs" / "operation.md"


def metrics() -> list[list[str]]:
    """A row for each."""
    families = asyncio.run(measured(Counts(), [], now=0.0, passports_dropped=0))
    return [[f"`{each['name']}`", each["kind"], each["help"]] for each in families]


def events() -> list[list[str]]:
    """A row for each."""
    return [
        [f"`{each.name}`", each.level.value, each.meaning, " ".join(f"`{field}`" for field in each.fields) or "–"]
        for each in EVENTS.values()
    ]


def written(text: str) -> str:
    """The page with tables that are true."""
    return _with_table(_with_table(text, "| metric |", metrics()), "| event |", events())


def _with_table(text: str, heading: str, rows: Sequence[Sequence[str]]) -> str:
    table = "".join(f"| {' | '.join(row)} |\n" for row in rows)
    return re.sub(rf"(^{re.escape(heading)}.*\n\|---.*\n)(?:\|.*\n)*", lambda found: found[1] + table, text, flags=re.M)


if __name__ == "__main__":
    PAGE.write_text(written(PAGE.read_text()))
