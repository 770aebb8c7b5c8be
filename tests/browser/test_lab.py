"""The lab in a real browser: what is typed is said, replies explain themselves, the picture follows the engine."""

import json

import pytest

from tests.browser.chromium import Page
from tests.browser.dev_server import DevServer

pytestmark = [pytest.mark.interop, pytest.mark.slow]


def said(page: Page, line: str) -> None:
    page.run("document.getElementById('line').focus()")
    page.write(line)
    page.key("Enter")


def stands(page: Page, state: str) -> None:
    """The picture marks this state, and no other."""
    marked = "JSON.stringify([...document.querySelectorAll('.state.here')].map((each) => each.dataset.state))"
    page.wait(f"{marked} === {json.dumps(json.dumps([state], separators=(',', ':')))}", f"state {state}")


def test_a_session_from_the_greeting_to_an_explained_refusal(page: Page, server: DevServer) -> None:
    page.go(f"{server.url}/lab")
    stands(page, "greeted")
    assert "session.greeting" in page.text(".why")
    said(page, "EHLO client.test")
    stands(page, "ready")
    said(page, "MAIL FROM:<a@b.test>")
    stands(page, "mail")
    said(page, "RCPT TO:<450.rcpt@c.test>")
    stands(page, "no recipient")
    assert "attempt = 1" in page.text(".why")
    assert page.count(".why") == 1  # of the last reply
    page.click(".why a", holding="fault.rule")
    page.wait("location.pathname === '/explain/fault.rule'")


def test_a_whole_message_is_said_by_one_click_and_caught(page: Page, server: DevServer) -> None:
    page.go(f"{server.url}/lab")
    stands(page, "greeted")
    page.click(".lab-tools button", holding="whole message")
    page.until(lambda: len(server.running.inbox.messages) == 1, "the message")
    stands(page, "ready")
    page.until(lambda: "message.taken" in page.text(".why"), "the last explanation")
    assert server.running.sessions.sessions[-1].taken == 1


def test_what_may_come_next_is_offered_and_a_line_is_completed(page: Page, server: DevServer) -> None:
    page.go(f"{server.url}/lab")
    stands(page, "greeted")
    page.click(".hint", holding="EHLO")
    assert page.run("document.getElementById('line').value") == "EHLO client.example.test"
    page.key("Enter")
    stands(page, "ready")
    assert page.run("document.querySelector('.hint').dataset.line") == "MAIL FROM:<me@example.test>"
    page.run("document.getElementById('line').focus()")
    page.write("mai")
    page.key("Tab")
    page.wait("document.getElementById('line').value === 'MAIL FROM:<me@example.test>'")


def test_the_session_goes_on_under_tls_where_there_is_a_certificate_and_ends_by_quit(
    page: Page, server: DevServer
) -> None:
    page.go(f"{server.url}/lab")
    stands(page, "greeted")
    said(page, "STARTTLS")
    page.until(lambda: "502" in page.text(".dialogue"), "no certificate, no STARTTLS")
    said(page, "QUIT")
    stands(page, "closed")
    assert page.run("document.getElementById('line').disabled")
    page.click(".next button", holding="New session")
    stands(page, "greeted")
    assert not page.run("document.getElementById('line').disabled")


def test_what_ends_a_session_from_the_other_side_is_shown_at_once(page: Page, server: DevServer) -> None:
    page.go(f"{server.url}/lab")
    stands(page, "greeted")
    for line in ("EHLO c.test", "MAIL FROM:<>", "RCPT TO:<drop.data@c.test>"):
        said(page, line)
    stands(page, "recipients")
    said(page, "DATA")
    stands(page, "closed")
    assert "closed the connection" in page.text(".dialogue li:last-child")


def test_on_a_telephone_it_fits(page: Page, server: DevServer) -> None:
    page.size(390, 844)
    page.go(f"{server.url}/lab")
    stands(page, "greeted")
    said(page, "EHLO c.test")
    stands(page, "ready")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
