"""The pages in a second engine: the first-run path, clicking through, and the hostile mail."""

from collections.abc import Iterator

import pytest

from tests.browser.dev_server import DevServer
from tests.browser.firefox import Firefox
from tests.browser.hostile import TRICKS
from tests.browser.remote import Listener
from tests.browser.test_hostile import SETTLED, letter

pytestmark = [pytest.mark.interop, pytest.mark.slow]


@pytest.fixture(scope="module")
def firefox() -> Iterator[Firefox]:
    with Firefox() as running:
        yield running


def test_from_an_empty_page_to_an_explained_retry_and_through_all_pages(firefox: Firefox, server: DevServer) -> None:
    firefox.go(server.url)
    assert firefox.text("h1") == "No mail yet"
    firefox.click("#sample")
    firefox.click(".reply", holding="451")
    why = firefox.text(".why")
    for told in ("4.3.2", "fault.rule", "RFC 5321", "the sample"):
        assert told in why
    firefox.click(".tries button", holding="Attempt 2")
    firefox.wait("document.querySelector('.message iframe') !== null")
    assert firefox.text(".message h2") == "A sample: refused once, then accepted"
    for name, words in (("Text", "this is a sample"), ("Header", "Message-ID"), ("Passport", "accepted")):
        firefox.click("[role=tab]", holding=name)
        firefox.wait(f"document.querySelector('.panel')?.innerText.includes({words!r})", words)
    firefox.click(".pages a", holding="Faults")
    firefox.until(lambda: "the sample" in firefox.text(".rules"), "the rule")
    firefox.click(".pages a", holding="Lab")
    firefox.until(lambda: "session.greeting" in firefox.text(".why"), "the greeting, explained")
    firefox.click(".lab-tools button", holding="whole message")
    firefox.until(lambda: len(server.running.inbox.messages) == 2, "the message")
    firefox.click(".pages a", holding="Reference")
    firefox.click(".catalogue a", holding="451")
    firefox.wait("location.pathname === '/explain/451' && document.querySelector('.told .server a') !== null")


def test_no_hostile_message_does_anything(firefox: Firefox, server: DevServer) -> None:
    before = len(firefox.windows())
    with Listener() as remote:
        for trick in TRICKS:
            server.send(letter(trick.html.format(remote=remote.url)))
            message = server.running.inbox.messages[-1]
            firefox.go(f"{server.url}/?session={message.origin.session}&message={message.message_id}")
            firefox.wait("document.querySelector('.message iframe') !== null", "the frame")
            firefox.run(
                "new Promise((done) => { const it = document.querySelector('.message iframe');"
                "it.onload = () => done(true); it.src = it.src; })"
            )
            firefox.run(SETTLED)
            if trick.clicked:
                box = firefox.run(
                    "(() => { const box = document.querySelector('.message iframe').getBoundingClientRect();"
                    "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
                )
                firefox.press(*box)
                firefox.run(SETTLED)
            assert firefox.run("window.wrappedJSObject?.pwned ?? window.pwned ?? null") is None, trick.name
            assert firefox.run("document.title").endswith("heloise"), trick.name
            assert firefox.run("location.origin") == server.url, trick.name
            assert len(firefox.windows()) == before, trick.name
            assert remote.heard == [], trick.name
