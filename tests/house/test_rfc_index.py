"""docs/rfc/index.tsv and the citations tell the same: nothing is cited unlisted, nothing is said to be done uncited."""

from tests.house.citations import PLACES, citations, index

STATES = {"full", "part", "background"}


def test_the_index_is_in_order_and_names_each_rfc_once() -> None:
    rows = index()
    assert [each.rfc for each in rows] == sorted({each.rfc for each in rows})
    assert all(each.state in STATES and each.title.strip() for each in rows)


def test_every_rfc_that_is_cited_is_listed() -> None:
    listed = {each.rfc for each in index()}
    missing = {f"RFC {each.rfc}: {each.path}:{each.line}" for each in citations(*PLACES) if each.rfc not in listed}
    assert not missing


def test_what_is_said_to_be_done_is_cited_in_the_source() -> None:
    cited = {each.rfc for each in citations("src")}
    assert not {each.rfc for each in index() if each.state != "background"} - cited


def test_of_what_is_done_in_full_clauses_are_cited() -> None:
    clauses = {each.rfc for each in citations("src") if each.clause}
    assert not {each.rfc for each in index() if each.state == "full"} - clauses
