"""The dialogues as data, for the pages that a server shows itself."""

import json
from collections.abc import Iterable

from tests.certificates import as_installed
from tests.pages.markdown import Shown, dialogue


def dialogues_file(shown: Iterable[tuple[str, Shown]]) -> str:
    """One line of JSON a dialogue; each is given with the extension it shows, or "" for a code."""
    rows = [json.dumps(_told(extension, each), ensure_ascii=False) for extension, each in shown]
    return "[\n" + ",\n".join(rows) + "\n]\n"


def _told(extension: str, shown: Shown) -> dict[str, object]:
    scenario = shown.scenario
    return {
        "title": scenario.title,
        "code": scenario.code,
        "status": scenario.status or "",
        "cause": scenario.cause,
        "extension": extension,
        "configuration": as_installed(scenario.configuration),
        "client": scenario.client,
        "rule": scenario.rule or "",
        "lines": dialogue(shown).split("\n")[1:-1],
    }
