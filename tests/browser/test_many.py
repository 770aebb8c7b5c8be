"""The first page with nothing, with one message and with a hundred thousand; and while mail comes in quickly."""

import socket
import time
from collections.abc import Iterator

import pytest

from heloise.inbox.inbox import Retention
from heloise.inbox.message import CaughtMessage
from heloise.mail.content import facts_of
from heloise.mail.envelope import Envelope
from heloise.mail.ids import MessageId
from heloise.mail.trace import Origin
from tests.browser.chromium import Chromium, Page
from tests.browser.dev_server import DevServer, dev_server

pytestmark = [pytest.mark.interop, pytest.mark.slow]

MANY = 100_000
QUICK = 20.0  # seconds, on a machine that has much else to do; alone it is a fraction of one
DRAWN = 80  # rows at most, however many there are


@pytest.fixture
def page(browser: Chromium) -> Iterator[Page]:
    page = browser.page()
    yield page
    page.close()
    assert page.trouble == []


async def fill(server: DevServer, number: int) -> None:
    envelope = Envelope.parse(b"<me@example.test>\r\n<you@example.test>\r\n")
    for each in range(number):
        octets = f"From: me@example.test\r\nSubject: Number {each}\r\n\r\nIt works.\r\n".encode()
        origin = Origin(
            hello_name="x", peer_address="127.0.0.1", protocol="ESMTP", session=f"s{each}", received_at=1.7e9 + each
        )
        server.running.inbox.add(
            CaughtMessage(
                message_id=MessageId(f"m{each}"),
                envelope=envelope,
                origin=origin,
                octets=octets,
                facts=facts_of(octets),
            )
        )


def opened(page: Page, server: DevServer, path: str = "/") -> float:
    """How many seconds it took until the page was drawn."""
    begun = time.monotonic()
    page.go(server.url + path)
    return time.monotonic() - begun


def first_row(page: Page) -> str:
    return str(page.run("document.querySelector('.rows li b')?.innerText ?? ''"))


def test_a_page_with_nothing_and_with_one_message_is_quick(page: Page) -> None:
    with dev_server() as server:
        assert opened(page, server) < QUICK
        server.letter("one")
        assert opened(page, server) < QUICK
        page.until(lambda: first_row(page) == "one", "the message")
        page.call("Page.navigate", url="about:blank")


def test_a_page_with_a_hundred_thousand_messages_is_as_quick(page: Page) -> None:
    kept = Retention(messages=MANY + 1000, octets=2 << 30)
    with dev_server(retention=kept) as server:
        server.do(fill(server, MANY))
        assert opened(page, server) < QUICK
        page.until(lambda: first_row(page) == f"Number {MANY - 1}", "the newest")
        assert page.count(".rows li") < DRAWN
        assert page.run("document.querySelectorAll('*').length") < 3000
        middle = MANY // 2
        page.run(f"document.querySelector('.window').scrollTop = {middle} * 78")
        page.until(lambda: f"Number {MANY - 1 - middle}" in page.text(".rows"), "the middle")
        assert page.count(".rows li") < DRAWN
        seen = page.run("document.querySelector('.window').scrollTop")
        server.letter("while somebody reads")
        page.until(
            lambda: page.run("document.querySelector('.window').scrollTop") == seen + 78, "it stays in its place"
        )
        page.run("document.querySelector('.window').scrollTop = 1e9")
        page.until(lambda: "Number 0" in page.text(".rows").split("\n"), "the oldest")
        assert opened(page, server, "/?query=subject:%22number%2077777%22") < QUICK
        page.until(lambda: first_row(page) == "Number 77777", "the one that is looked for")
        page.call("Page.navigate", url="about:blank")


def send_quickly(port: int, seconds: float, rate: int) -> int:
    """So many a second, each in a session of its own, by a client that costs little; as many as it was."""
    begun, number = time.monotonic(), 0
    while (now := time.monotonic() - begun) < seconds:
        if number > now * rate:
            time.sleep(1 / rate)  # a pace, not a wait
            continue
        with socket.create_connection(("127.0.0.1", port), timeout=60) as connection:
            connection.sendall(b"EHLO quick.example\r\n")
            connection.sendall(b"MAIL FROM:<me@example.test>\r\nRCPT TO:<you@example.test>\r\nDATA\r\n")
            said = b""
            while b"\r\n354 " not in said:
                said += connection.recv(65536)
            connection.sendall(b"Subject: quick %d\r\n\r\nIt works.\r\n.\r\nQUIT\r\n" % number)
            while connection.recv(65536):
                pass
        number += 1
    return number


WORST = """
window.worst = 0;
window.last = performance.now();
(function tick() {
  const now = performance.now();
  window.worst = Math.max(window.worst, now - window.last);
  window.last = now;
  requestAnimationFrame(tick);
})();
"""


def test_the_live_view_keeps_up_with_two_hundred_messages_a_second(page: Page) -> None:
    with dev_server() as server:
        server.letter("before")
        page.go(server.url)
        page.wait("document.querySelector('.pulse.live') !== null")
        page.run(WORST)
        before = len(page.requested)
        sent = send_quickly(server.running.endpoint.port, 5.0, 200)
        done = time.monotonic()
        page.until(lambda: first_row(page) == f"quick {sent - 1}", "the last one")
        lag = time.monotonic() - done
        page.run("1")
        asked = len(page.requested) - before
        worst = page.run("window.worst")
        told = f"{sent} messages in 5 s, seen after {lag:.2f} s; asked {asked} times; still {worst:.0f} ms"
        print(told)
        assert lag < QUICK, told
        assert asked < 60, told  # it is told five times a second at most
        assert page.count(".rows li") < DRAWN
        assert str(page.text(".total")).startswith(f"{sent + 1:,} session"), told
        page.call("Page.navigate", url="about:blank")
