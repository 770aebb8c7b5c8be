"""The pages of an operator in a real browser, on a real server: with nothing, with one message and with 100,000."""

import asyncio
import json
import os
import smtplib
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope
from heloise.mail.ids import new_message_id
from heloise.mail.route import Route
from heloise.mail.sink import Submission
from heloise.mail.trace import Origin
from heloise.net import real_world
from heloise.queue.model import NewMessage
from heloise.queue.sqlite import SqliteStore
from tests.browser.chromium import Chromium, Page
from tests.peers import free_port
from tests.serving import Served, served

pytestmark = [pytest.mark.interop, pytest.mark.slow]

TOKEN = "0123456789abcdef0123"
MANY = 100_000
SECONDS = 30.0  # a deadline, not a wait
CONFIGURATION = """\
hostname = "mx.example.test"
state = "state"
processes = {processes}
[[listener]]
address = "127.0.0.1:0"
[local]
domains = ["example.test"]
[[user]]
name = "alice"
[[route]]
domains = ["down.test"]
to = "smtp:127.0.0.1:{dead}"
[admin]
address = "127.0.0.1:{admin}"
token = "{token}"
"""


@dataclass(frozen=True, slots=True)
class Operated:
    """A running server and its pages."""

    url: str
    server: Served

    def send(self, *recipients: str, sender: str = "a@client.test", text: str = "hello") -> None:
        with smtplib.SMTP("127.0.0.1", self.server.port, timeout=SECONDS) as client:
            client.sendmail(sender, recipients, f"Subject: x\r\n\r\n{text}\r\n")

    def ids(self) -> list[str]:
        told = self.server.control({"do": "list", "selection": {}, "limit": 50, "after": None})
        return [each["id"] for each in told["ok"]["messages"]]

    def tried(self, times: int, *recipients: str) -> None:
        """Wait until each of them has been tried so often, and waits."""
        deadline = time.monotonic() + SECONDS
        wanted = {f"<{each}>" for each in recipients}
        while wanted:
            assert time.monotonic() < deadline, f"not tried {times} times: {wanted}"
            told = self.server.control({"do": "list", "selection": {}, "limit": 50, "after": None})
            every = [each for message in told["ok"]["messages"] for each in message["recipients"]]
            done = {each["recipient"] for each in every if each["attempts"] >= times and each["state"] == "waiting"}
            wanted -= done
            time.sleep(0.02)


def written(directory: Path, *, processes: int = 1) -> tuple[Path, int, ExitStack]:
    """The configuration, the port of the pages, and what keeps a port at which connections are refused."""
    stack = ExitStack()
    dead = stack.enter_context(socket.socket())
    dead.bind(("127.0.0.1", 0))  # bound, and nobody listens: refused
    admin, path = free_port(), directory / "heloise.toml"
    path.write_text(
        CONFIGURATION.format(processes=processes, dead=dead.getsockname()[1], admin=admin, token=TOKEN),
        encoding="utf-8",
    )
    return path, admin, stack


@contextmanager
def operated(directory: Path, *, processes: int = 1) -> Iterator[Operated]:
    path, admin, stack = written(directory, processes=processes)
    with stack, served(path, directory / "state", log=directory / "log") as server:
        yield Operated(f"http://127.0.0.1:{admin}", server)


@pytest.fixture(scope="module")
def browser() -> Iterator[Chromium]:
    with Chromium() as running:
        yield running


def entered(browser: Chromium, operated: Operated, *, width: int = 1280) -> Page:
    """A page of somebody who has logged in."""
    page = browser.page(width=width)
    page.go(f"{operated.url}/login")
    page.write(TOKEN)  # the field has the focus
    page.key("Enter")
    page.wait("location.pathname === '/' && document.querySelector('main[data-ready]') !== null")
    return page


def press(page: Page, selector: str) -> None:
    """Press a button that asks first: the page is live, and may be drawn anew at the moment of a click."""

    def asks() -> bool:
        page.click(selector)
        return bool(page.count("dialog[open]"))

    page.until(asks, f"{selector} asks")


def test_nobody_gets_in_without_the_token_and_everybody_out_again(browser: Chromium, tmp_path: Path) -> None:
    with operated(tmp_path, processes=2) as server:
        page = browser.page()
        page.go(f"{server.url}/queue")
        assert page.run("location.pathname + location.search") == "/login?next=%2Fqueue"
        page.write("a wrong one")
        page.key("Enter")
        assert "not the token" in page.wait("document.querySelector('.no-words').textContent")
        page.trouble.clear()  # the browser tells of the 403 on its console
        page.run("document.getElementById('token').value = ''")
        page.write(TOKEN)
        page.key("Enter")
        page.wait("location.pathname === '/queue' && document.querySelector('main[data-ready]') !== null")
        assert "heloise_admin" not in page.run("document.cookie")
        assert "The queue is empty" in page.text("main")
        assert page.trouble == []
        page.click("#corner button", holding="Log out")
        page.wait("location.pathname === '/login'")
        page.go(f"{server.url}/destinations")
        assert page.run("location.pathname") == "/login"
        page.close()


def test_pages_with_nothing_say_so(browser: Chromium, tmp_path: Path) -> None:
    with operated(tmp_path) as server:
        page = entered(browser, server, width=390)
        for path, words in (
            ("/", "Nobody has been refused"),
            ("/queue", "The queue is empty"),
            ("/destinations", "Nothing goes"),
        ):
            page.go(server.url + path)
            assert words in page.text("main")
            assert page.run("document.documentElement.scrollWidth <= innerWidth")
        page.go(f"{server.url}/queue/1JQ4W8ZD0GKX5T7")
        assert "Nothing is known of it" in page.text("main")
        assert [each for each in page.trouble if "404" not in each] == []
        page.close()


def test_one_message_is_held_released_redirected_and_removed_after_being_asked(
    browser: Chromium, tmp_path: Path
) -> None:
    with operated(tmp_path) as server:
        server.send("bob@down.test", "carol@down.test")
        server.tried(1, "bob@down.test", "carol@down.test")
        (message_id,) = server.ids()
        page = entered(browser, server)
        page.go(f"{server.url}/queue")
        assert page.text(".who a") == "<a@client.test>"
        page.click(".who a")
        page.wait("document.querySelector('.timeline') !== null")
        assert page.run("location.pathname") == f"/queue/{message_id}"
        assert "attempt" in page.text(".timeline")
        assert "next try in" in page.text("[data-recipient='<bob@down.test>']")
        press(page, "[data-recipient='<bob@down.test>'] [data-deed=hold]")
        page.click(".dialog button", holding="Cancel")
        page.wait("document.querySelector('dialog') === null")
        assert server.server.control({"do": "counts"})["ok"]["held"] == 0
        press(page, "[data-recipient='<bob@down.test>'] [data-deed=hold]")
        page.click(".dialog button[type=submit]")
        page.wait("document.querySelector(\"[data-recipient='<bob@down.test>']\").innerText.includes('held')")
        assert server.server.control({"do": "counts"})["ok"]["held"] == 1
        press(page, ".headline [data-deed=release]")
        page.click(".dialog button[type=submit]")
        page.wait("!document.querySelector(\"[data-recipient='<bob@down.test>']\").innerText.includes('held')")
        server.tried(2, "bob@down.test")
        press(page, ".headline [data-deed=redirect]")
        page.wait("document.querySelector('#route') !== null")
        page.write("nonsense")
        page.key("Enter")
        assert page.wait("document.querySelector('.dialog .no-words').textContent")
        page.trouble.clear()
        page.run("document.querySelector('#route').value = 'maildir:alice'")
        page.click(".dialog button[type=submit]")
        page.wait("document.querySelector('.headline .badge')?.innerText === 'has left the queue'")
        assert page.trouble == []
        page.close()


def test_every_reply_leads_to_its_explanation(browser: Chromium, tmp_path: Path) -> None:
    with operated(tmp_path) as server:
        server.send("bob@down.test")
        with smtplib.SMTP("127.0.0.1", server.server.port, timeout=SECONDS) as client:
            client.ehlo()
            client.docmd("MAIL", "FROM:<>")
            client.docmd("RCPT", "TO:<nobody@example.test>")
        server.tried(1, "bob@down.test")
        (message_id,) = server.ids()
        page = entered(browser, server)
        links: set[str] = set()
        for path in ("/", "/queue", f"/queue/{message_id}", "/destinations"):
            page.go(server.url + path)
            page.wait("document.querySelector('.said-reply a') !== null", f"a reply on {path}")
            links |= set(page.run("[...document.querySelectorAll('.said-reply a, .cause')].map((each) => each.href)"))
        assert len(links) > 4
        for link in sorted(links):
            page.go(link)
            assert page.text("h1") != "Unknown", link
        assert page.trouble == []
        page.close()


def test_plots_and_lists_are_live(browser: Chromium, tmp_path: Path) -> None:
    with operated(tmp_path) as server:
        page = entered(browser, server)
        page.wait("document.querySelectorAll('.plot path.series').length > 0", "the first points")
        assert page.count(".plot") == 6
        page.go(f"{server.url}/queue")
        server.send("bob@down.test")
        page.wait("document.querySelectorAll('.queue tbody tr').length === 1", "the message that came meanwhile")
        assert page.trouble == []
        page.close()


def test_a_page_without_events_asks_from_time_to_time(browser: Chromium, tmp_path: Path) -> None:
    with operated(tmp_path) as server:
        page = entered(browser, server)
        page.call(
            "Page.addScriptToEvaluateOnNewDocument",
            source="window.EventSource = class { static CLOSED = 2; readyState = 2;"
            "constructor() { setTimeout(() => this.onerror(), 0); } close() {} };",
        )
        page.go(f"{server.url}/queue")
        server.send("bob@down.test")
        page.wait("document.querySelectorAll('.queue tbody tr').length === 1", "the message that came meanwhile")
        page.close()


async def fill(directory: Path, count: int) -> None:
    """Messages that wait until their site asks for them, through the store itself."""
    world = real_world()
    store = SqliteStore(str(directory), world)
    await store.open()
    try:
        now = time.time()
        for first in range(0, count, 2000):
            await store.insert_many([waiting(number, now) for number in range(first, min(first + 2000, count))])
    finally:
        await store.close()
        await world.blocking.close()


def waiting(number: int, now: float) -> NewMessage:
    octets = b"Subject: waits\r\n\r\nhello\r\n"
    submission = Submission(
        message_id=new_message_id(now - 7200 + number / 100, os.urandom(4)),
        envelope=Envelope.parse(
            f"<sender{number % 10}@client.test>\r\n<user{number}@site{number % 500}.test>".encode()
        ),
        routes=(Route.parse("smtp:127.0.0.1:9?on-request"),),
        origin=Origin(
            hello_name="client.test", peer_address="127.0.0.1", protocol="ESMTP", session="w", received_at=now
        ),
    )
    return NewMessage(submission=submission, facts=ContentFacts(size=len(octets)), octets=octets)


def test_a_queue_of_a_hundred_thousand_is_shown_page_by_page_without_waiting(browser: Chromium, tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(mode=0o700)
    asyncio.run(fill(tmp_path / "state" / "queue", MANY))
    with operated(tmp_path) as server:
        page = entered(browser, server)
        for path in ("/queue", "/queue?domain=site77.test", "/queue?sender=sender3@client.test", "/", "/destinations"):
            begun = time.monotonic()
            page.go(server.url + path)
            took = time.monotonic() - begun
            assert took < SECONDS, f"{path} took {took:.1f} s"  # a fifth of a second on a quiet machine
        page.go(f"{server.url}/queue")
        assert "100,000 messages in the queue" in page.text(".told-counts")
        assert page.count(".queue tbody tr") == 50
        seen: set[str] = set()
        for _ in range(3):
            ids = page.run("[...document.querySelectorAll('.queue tbody tr')].map((each) => each.dataset.id)")
            assert seen.isdisjoint(ids)
            seen |= set(ids)
            page.key("n")
            page.wait(f"document.querySelector('.queue tbody tr')?.dataset.id > {json.dumps(ids[-1])}")
            page.wait("document.querySelector('main[data-ready]') !== null")
        page.go(f"{server.url}/queue?domain=site77.test")
        page.wait("document.querySelectorAll('.queue tbody tr').length === 50")
        page.click("[data-deed=hold]")  # it counts before it asks
        assert "All that fit, on all pages: 200 messages" in page.text(".dialog")
        page.click(".dialog button[type=submit]")
        page.wait("document.querySelector('.told-counts').innerText.includes('200 held')")
        assert page.trouble == []
        page.close()
