"""One browser for all tests of a process, a page and a server for each test."""

from collections.abc import Iterator

import pytest

from tests.browser.chromium import Chromium, Page
from tests.browser.dev_server import DevServer, dev_server


@pytest.fixture(scope="session")
def browser() -> Iterator[Chromium]:
    with Chromium() as chromium:
        yield chromium


@pytest.fixture
def server() -> Iterator[DevServer]:
    with dev_server() as running:
        yield running


@pytest.fixture
def page(browser: Chromium, server: DevServer) -> Iterator[Page]:
    """A page that is looked at after the test: whatever was wrong on its console was wrong, but where a test says that
    trouble is what it is about."""
    page = browser.page()
    yield page
    page.close()
    assert page.may_be_troubled or page.trouble == []
