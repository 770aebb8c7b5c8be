"""The reference in a real browser: everything is found, every page is whole, every reply leads to its explanation."""

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from heloise.app.explain_json import index_json
from heloise.smtp.registry import discover
from tests.browser.chromium import Chromium, Page
from tests.browser.dev_server import DevServer, dev_server

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture(scope="module")
def server() -> Iterator[DevServer]:
    with dev_server() as running:
        yield running


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as running:
        yield running


@pytest.fixture
def page(browser: Chromium) -> Iterator[Page]:
    made = browser.page()
    yield made
    assert made.trouble == []
    made.close()


def names() -> list[str]:
    told = index_json(discover())
    found = [each["name"] for key in ("codes", "commands", "extensions") for each in told[key]]
    found += [each["name"] for subject in told["statuses"] for each in subject["details"]]
    return [*found, *(each["name"] for group in told["causes"] for each in group["causes"])]


def test_everything_there_is_has_a_page_without_trouble(server: DevServer, page: Page) -> None:
    page.go(f"{server.url}/explain")
    broken = page.run(
        "(async () => { const broken = []; for (const link of document.querySelectorAll('.catalogue a')) {"
        "const name = decodeURIComponent(link.pathname.split('/').pop());"
        "const answer = await fetch(`/api/heloise/v1/explain/${encodeURIComponent(name)}`);"
        "if (!answer.ok || !(await answer.json()).parts.length) broken.push(name); } return broken; })()"
    )
    assert broken == []
    assert page.count(".catalogue a") == len(names())


@pytest.mark.parametrize("name", ["050", "250", "354", "451", "550", "5.7.1", "X.1.1", "MAIL", "ETRN", "SIZE", "HELP"])
def test_a_page_is_whole_on_a_telephone_as_well(server: DevServer, page: Page, name: str) -> None:
    page.size(390, 844)
    page.go(f"{server.url}/explain/{quote(name)}")
    assert name in page.text("h1")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.count(".unplaced") == 0


def test_a_word_finds_what_it_is_about(server: DevServer, page: Page) -> None:
    page.go(f"{server.url}/explain")
    page.key("/")
    page.write("greylist.wait")
    page.wait("document.querySelectorAll('.catalogue a:not([hidden])').length === 1")
    page.key("Enter")
    page.wait("location.pathname === '/explain/greylist.wait'")
    assert page.text("h1") == "greylist.wait"


def test_a_dialogue_leads_to_the_codes_that_were_said(server: DevServer, page: Page) -> None:
    page.go(f"{server.url}/explain/550")
    page.click(".told .matters a", holding="5.")
    page.wait("location.pathname.startsWith('/explain/5.') && document.querySelector('main[data-ready]') !== null")
    assert page.text("dl.facts").startswith("Kind\nEnhanced status")


def test_a_command_shows_where_it_is_in_place(server: DevServer, page: Page) -> None:
    page.go(f"{server.url}/explain/RCPT")
    page.wait("document.querySelector('.states') !== null")
    marked = page.run("[...document.querySelectorAll('.state.marked')].map((each) => each.dataset.state)")
    assert marked == ["mail", "no recipient", "recipients"]


def test_what_nobody_knows_is_said_to_be_unknown(server: DevServer, browser: Chromium) -> None:
    page = browser.page()
    page.go(f"{server.url}/explain/nonsense")
    assert page.text("h1") == "Unknown"
    assert 'nothing is known as "nonsense"' in page.text("main")
    page.close()
