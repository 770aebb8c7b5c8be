"""The page on operation knows every event of the log, and every metric."""

import re
from pathlib import Path

from tests.pages.operation import PAGE, events, metrics, written

TEXT = PAGE.read_text()


def test_every_event_and_every_metric_is_on_the_page() -> None:
    assert written(TEXT) == TEXT, "write it anew: .venv/bin/python -m tests.pages.operation"
    assert all(" | ".join(row) in TEXT for row in (*events(), *metrics()))


def test_the_page_names_files_that_there_are() -> None:
    named = set(re.findall(r"`(deploy/[A-Za-z.]+)`", TEXT))
    assert len(named) == 3
    assert all((Path(__file__).parents[2] / each).is_file() for each in named)
