"""Writes the protocol pages, or with --check tells by a diff how they differ from what the server says today."""

import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from difflib import unified_diff
from pathlib import Path

from tests.codes.acts import ACTS
from tests.codes.test_codes import SCENARIOS
from tests.extensions.scenarios import BY_KEYWORD
from tests.pages.codes import codes_page
from tests.pages.data import dialogues_file
from tests.pages.extensions import extensions_page
from tests.pages.markdown import Shown, steady
from tests.staging import Scenario, check, perform

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "protocol"
DIALOGUES = ROOT / "src" / "heloise" / "explain" / "dialogues.json"


def play(scenario: Scenario) -> Shown:
    """Have the dialogue. Raises AssertionError when the server does not say what it should."""
    played = perform(scenario, ACTS)
    check(scenario, played)
    return Shown(scenario, played)


def write_pages() -> dict[Path, str]:
    """The pages, by their paths."""
    with ProcessPoolExecutor() as pool:
        codes = list(pool.map(play, SCENARIOS))
        of_extensions = iter(list(pool.map(play, (each for uses in BY_KEYWORD.values() for each in uses))))
    by_keyword = {keyword: [next(of_extensions) for _ in uses] for keyword, uses in BY_KEYWORD.items()}
    data = [("", each) for each in codes] + [(name, each) for name, several in by_keyword.items() for each in several]
    return {
        DIALOGUES: steady(dialogues_file(data)),
        FOLDER / "status-codes.md": steady(codes_page(codes)),
        FOLDER / "extensions.md": steady(extensions_page(by_keyword)),
    }


def main(arguments: Sequence[str]) -> int:
    """The exit code."""
    if arguments not in ([], ["--check"]):
        print("usage: scripts/protocol-pages [--check]", file=sys.stderr)
        return 2
    stale = False
    for path, text in write_pages().items():
        known = path.read_text(encoding="utf-8") if path.exists() else ""
        if not arguments:
            path.write_text(text, encoding="utf-8")
        elif known != text:
            stale = True
            name = str(path.relative_to(ROOT))
            sys.stdout.writelines(
                unified_diff(known.splitlines(keepends=True), text.splitlines(keepends=True), name, "what is true")
            )
    if stale:
        print("the protocol pages are stale: run scripts/protocol-pages", file=sys.stderr)
    return int(stale)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
