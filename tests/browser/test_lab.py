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


def test_octets_are_said_as_they_stand(page: Page, server: DevServer) -> None:
    page.go(f"{server.url}/lab")
    stands(page, "greeted")
    said(page, "EHLO c.test")
    stands(page, "ready")
    page.click("#raw")

    def octets(text: str, heard: str) -> None:
        before = page.count(".dialogue .reply")
        said(page, text)
        page.until(lambda: page.count(".dialogue .reply") > before, f"an answer to {text}")
        assert heard in page.run("[...document.querySelectorAll('.dialogue .reply')].at(-1).innerText"), text

    octets("NOOP\\nMAIL FROM:<smuggled@c.test>\\r\\n", "500 5.5.2")  # a bare LF ends no line
    octets("NOOP \\x00\\r\\n", "500 5.5.2")
    octets("hex: 4e 4f 4f 50 0d 0a", "250 2.0.0")
    page.write("NOOP")
    page.click(".raw-keys button", holding="CR LF")
    assert page.text(".sent") == "6 octets: 4e 4f 4f 50 0d 0a"
    before = page.count(".dialogue .reply")
    page.key("Enter")
    page.until(lambda: page.count(".dialogue .reply") > before, "an answer to NOOP")
    octets("MAIL FROM:<a@c.test>\\r\\n", "250 2.1.0")
    octets("RCPT TO:<b@c.test>\\r\\n", "250 2.1.5")
    octets("DATA\\r\\n", "354")
    stands(page, "text")
    said(page, "Subject: dots\\r\\n\\r\\n..one\\r\\nhe said\\n.\\nQUIT")  # ends nothing, whatever it looks like
    octets("\\r\\n.\\r\\n", "554 5.6.0")
    stands(page, "ready")
    assert server.running.inbox.messages == ()
    assert all(
        "smuggled" not in line.text or line.reply is None for line in server.running.sessions.sessions[-1].transcript
    )


def test_on_a_telephone_it_fits(page: Page, server: DevServer) -> None:
    page.size(390, 844)
    page.go(f"{server.url}/lab")
    stands(page, "greeted")
    said(page, "EHLO c.test")
    stands(page, "ready")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
