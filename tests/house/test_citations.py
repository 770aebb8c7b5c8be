"""Clauses are cited in one form that a tool can find: `RFC 5321 §4.5.2`, then `§4.1, §4.2` of the same."""

import re
from pathlib import Path

import pytest

from tests.house.source import docstrings, literals, modules, named, remarks, tree

# What people write instead.
OTHER_FORMS = re.compile(
    r"RFC[-_#]?[0-9]"  # RFC5321, RFC-5321
    r"|\b[Rr]fc[ -][0-9]"
    r"|RFC  +[0-9]"
    r"|RFC [0-9]+(?![0-9])(?:,? +(?:[Ss]ec|[Cc]hapter|[Cc]lause|[Pp]aragraph|[0-9])|, §|§)"
    r"|RFC 0"
    r"|§(?![0-9])|§[0-9]+(?:\.[0-9]+)*\.§"
)
CLAUSE = re.compile(r"§[0-9]+")
SOURCE = re.compile(r"RFC [0-9]{3,5}\b")


@pytest.mark.parametrize("path", modules(), ids=named)
def test_clauses_are_cited_in_the_fixed_form(path: Path) -> None:
    texts = [*remarks(path), *literals(tree(path))]
    found = [f"line {line}: {match[0]!r}" for line, text in texts for match in OTHER_FORMS.finditer(text)]
    assert not found


@pytest.mark.parametrize("path", modules(), ids=named)
def test_a_clause_has_its_rfc_in_the_same_remark_or_in_the_first_line_of_the_module(path: Path) -> None:
    duty = next((node.value for node in docstrings(tree(path))), "")
    assert isinstance(duty, str)
    if SOURCE.search(duty):
        return
    without = [line for line, text in remarks(path) if CLAUSE.search(text) and not SOURCE.search(text)]
    assert not without


@pytest.mark.parametrize("path", modules("smtp"), ids=named)
def test_a_module_of_the_protocol_says_what_its_duty_is(path: Path) -> None:
    first = tree(path).body[0]
    assert next(iter(docstrings(tree(path)))).lineno == first.lineno
