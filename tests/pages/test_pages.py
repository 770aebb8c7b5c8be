"""The protocol pages can be read in a browser: links lead somewhere, tables are whole, nothing is taken for HTML."""

import re
from pathlib import Path

import pytest

from tests.pages.markdown import anchor, fenced, linked, prose, table

FOLDER = Path(__file__).parent.parent.parent / "docs" / "protocol"
PAGES = sorted(FOLDER.glob("*.md"))
FENCED = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


def words(page: Path) -> str:
    """A page without its blocks of code."""
    return FENCED.sub("", page.read_text(encoding="utf-8"))


def test_there_are_two_pages() -> None:
    assert [page.name for page in PAGES] == ["extensions.md", "status-codes.md"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_within_a_page_leads_to_a_heading(page: Path) -> None:
    text = words(page)
    headings = [anchor(heading) for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE)]
    assert len(headings) == len(set(headings))
    assert set(re.findall(r"\]\(#([^)]*)\)", text)) <= set(headings)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_every_link_to_another_page_leads_to_one(page: Path) -> None:
    others = re.findall(r"\]\(([^)#:]+)\)", words(page))
    assert all((FOLDER / other).exists() for other in others)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_all_rows_of_a_table_have_as_many_cells(page: Path) -> None:
    for block in words(page).split("\n\n"):
        rows = [line for line in block.splitlines() if line.startswith("|")]
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in rows}) <= 1, rows


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.stem)
def test_nothing_but_folds_is_html(page: Path) -> None:
    without_code = re.sub(r"`[^`]*`", "", words(page))
    assert set(re.findall(r"<[^>]*>", without_code)) <= {"<details>", "</details>", "<summary>", "</summary>"}


def test_sections_are_linked_each_by_itself() -> None:
    page = "https://www.rfc-editor.org/rfc/rfc5321"
    assert linked("RFC 5321 §3.8, §4.2") == f"[RFC 5321 §3.8]({page}#section-3.8), [§4.2]({page}#section-4.2)"
    assert linked("sendmail VERB") == "sendmail VERB"


def test_what_is_not_markdown_stays_what_it_is() -> None:
    assert prose("<box@domain>") == "&lt;box@domain&gt;"
    assert table(("a",), [("x|y",)]) == "| a |\n| --- |\n| x\\|y |"
    assert fenced(["a", "b"]) == "```text\na\nb\n```"
    assert anchor("251 User not local; will forward") == "251-user-not-local-will-forward"
