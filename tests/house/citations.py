"""Every citation of an RFC: which, which clause, where. `python -m tests.house.citations [RFC]` prints them."""

import re
import sys
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
INDEX = ROOT / "docs" / "rfc" / "index.tsv"
PLACES = ("src", "tests", "docs", "README.md", "CHANGELOG.md", "CONTRIBUTING.md", "examples")
KINDS = frozenset({".py", ".md", ".txt", ".toml"})
# `RFC 5321 §4.5.2, §4.1 (…)`: clauses belong to the RFC before them.
_CITATION = re.compile(r"RFC\s+(\d{3,5})\b((?:\s*(?:,|and)?\s*§\d+(?:\.\d+)*)*)")


@dataclass(frozen=True, slots=True, order=True)
class Citation:
    """One RFC cited at one place; `clause` is empty when only the RFC is."""

    rfc: int
    clause: tuple[int, ...]
    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Listed:
    """A row of the index."""

    rfc: int
    state: str
    title: str


def index() -> list[Listed]:
    """The rows of the index, as they stand."""
    rows = [line.split("\t") for line in INDEX.read_text(encoding="utf-8").splitlines()[1:]]
    return [Listed(int(number), state, title) for number, state, title in rows]


def citations(*places: str) -> Iterator[Citation]:
    """All citations in files below these places of the project."""
    for path in sorted(path for place in places for path in _files(ROOT / place)):
        text = path.read_text(encoding="utf-8", errors="replace")
        for found in _CITATION.finditer(text):
            line = text.count("\n", 0, found.start()) + 1
            where = path.relative_to(ROOT).as_posix()
            clauses = re.findall(r"§(\d+(?:\.\d+)*)", found[2]) or [""]
            for clause in clauses:
                numbers = tuple(map(int, clause.split("."))) if clause else ()
                yield Citation(int(found[1]), numbers, where, line)


def _files(place: Path) -> Iterator[Path]:
    if place.is_file():
        yield place
        return
    for path in place.rglob("*"):
        if path.suffix in KINDS and path.is_file() and "corpus" not in path.parts:
            yield path


def main(arguments: list[str]) -> None:
    """Print the citations of one RFC by clause, or how often each is cited."""
    titles = {each.rfc: each for each in index()}
    found = sorted(citations(*PLACES))
    if not arguments:
        counts = Counter(each.rfc for each in found)
        for row in titles.values():
            print(f"{row.rfc:5d}  {counts[row.rfc]:4d}  {row.state:10}  {row.title}")
        return
    wanted = int(arguments[0])
    for each in found:
        if each.rfc == wanted:
            clause = "§" + ".".join(map(str, each.clause)) if each.clause else "-"
            print(f"{clause:12} {each.path}:{each.line}")


if __name__ == "__main__":
    main(sys.argv[1:])
