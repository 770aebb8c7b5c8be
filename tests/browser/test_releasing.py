"""Caught mail is released in the browser: to chosen recipients, with its queue, until it has arrived."""

import pytest

from heloise.app.dev.releasing import RelayOptions
from heloise.faults.phrase import parse_phrase
from heloise.mail.route import Route
from tests.browser.chromium import Chromium
from tests.browser.dev_server import dev_server

pytestmark = [pytest.mark.interop, pytest.mark.slow]


def test_a_message_is_released_waits_in_the_queue_and_arrives(browser: Chromium) -> None:
    with dev_server() as relay:
        relay.running.faults.add(parse_phrase("451 once at rcpt to alice@two.test"))
        route = Route.parse(f"smtp:127.0.0.1:{relay.running.endpoint.port}")
        with dev_server(relay=RelayOptions(route=route, allowed=("*@two.test",))) as server:
            server.letter("order", to="alice@two.test")
            page = browser.page()
            page.go(server.url)
            page.click(".rows li a")
            page.click(".message .actions button")
            assert "*@two.test" in page.text("dialog form")
            page.run("document.getElementById('release-to').value = 'bob@three.test'")
            page.click("dialog button.primary")
            page.until(lambda: "mail may not leave to bob@three.test" in page.text(".trouble"), "why not")
            page.run("document.getElementById('release-to').value = 'alice@two.test'")
            page.click("dialog button.primary")
            page.until(lambda: "delayed" in page.text(".releases"), "that it waits")
            assert "451" in page.text(".releases")
            assert page.run("document.querySelector('.releases .said-reply a').pathname") == "/explain/451"
            page.key("Escape")
            page.until(lambda: page.text(".depth") == "1 queued", "the depth of the queue")
            page.click(".depth button")
            page.click("dialog button", holding="Try all")
            page.until(lambda: "relayed" in page.text(".releases"), "that it has arrived")
            page.call("Page.navigate", url="about:blank")
            page.close()
        assert [message.subject for message in relay.running.inbox.messages] == ["order"]


def test_without_a_relay_it_is_said_how_to_have_one(browser: Chromium) -> None:
    with dev_server() as server:
        server.letter("order")
        page = browser.page()
        page.go(server.url)
        page.click(".rows li a")
        page.click(".message .actions button")
        page.until(lambda: "--relay-to" in page.text("dialog pre"), "the command")
        assert page.count(".depth b") == 0
        page.call("Page.navigate", url="about:blank")
        page.close()
