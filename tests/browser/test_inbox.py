"""The first page of heloise dev, as somebody uses it in a real browser."""

import json
import smtplib
from contextlib import suppress
from pathlib import Path

import pytest

from heloise.config.faulty import parse_faults
from tests.browser.chromium import Page
from tests.browser.dev_server import DevServer

pytestmark = [pytest.mark.interop, pytest.mark.slow]

ROWS = ".rows li"


def rows(page: Page) -> list[str]:
    return list(page.run("[...document.querySelectorAll('.rows li .first-line b')].map((each) => each.innerText)"))


def rows_are(page: Page, titles: list[str]) -> None:
    page.until(lambda: rows(page) == titles, f"the rows {titles}")


def reads(page: Page, selector: str, text: str) -> None:
    """Wait until it does."""
    page.until(lambda: text in page.text(selector), f"{text} in {selector}")


def counts(page: Page, selector: str, number: int) -> None:
    """Wait until there are so many."""
    page.until(lambda: page.count(selector) == number, f"{number} of {selector}")


def is_there(page: Page, selector: str) -> None:
    page.wait(f"document.querySelector({json.dumps(selector)}) !== null", selector)


def test_from_an_empty_page_to_an_explained_retry_in_under_five_clicks(page: Page, server: DevServer) -> None:
    page.go(server.url)
    assert page.text("h1") == "No mail yet"
    assert f"127.0.0.1:{server.running.endpoint.port}" in page.text(".welcome")
    clicks = 0

    def click(selector: str, holding: str = "") -> None:
        nonlocal clicks
        page.click(selector, holding=holding)
        clicks += 1

    click("#sample")
    click(".reply", "451")  # the refused session has opened by itself
    why = page.text(".why")
    assert "fails on purpose" in why
    for told in ("4.3.2", "fault.rule", "RFC 5321", "the sample"):
        assert told in why
    assert "tried 2 times" in page.text(".tries")
    click(".tries button", "Attempt 2")
    is_there(page, ".message iframe")
    assert page.text(".message h2") == "A sample: refused once, then accepted"
    assert clicks < 5


def test_every_reply_of_every_session_leads_to_its_explanation(page: Page, server: DevServer) -> None:
    server.letter("taken")
    with server.client() as client:
        client.putcmd("NONSENSE")
        client.getreply()
        client.ehlo("client.example")
        for command in ("VRFY you", "EXPN list", "HELP", "NOOP", "RCPT TO:<a@b.test>", "MAIL FROM:<>", "DATA"):
            client.docmd(command)
    with suppress(smtplib.SMTPRecipientsRefused):
        server.letter("refused", to="550.rcpt@example.test")
    page.go(server.url)
    explained = 0
    for place in range(len(server.running.sessions.sessions)):
        page.click(f"{ROWS}:nth-child({place + 1}) a")
        wanted = server.running.sessions.sessions[::-1][place]
        reads(page, ".session-head h1", wanted.session_id)
        replies = [line for line in wanted.transcript if line.reply is not None]
        counts(page, ".reply", len(replies))
        for number, line in enumerate(replies, 1):
            assert line.reply is not None
            page.run(f"document.querySelectorAll('.reply')[{number - 1}].click()")
            counts(page, ".why", number)
            told = page.run(f"document.querySelectorAll('.reply')[{number - 1}].parentElement.lastChild.innerText")
            assert f"{line.reply.code:03d}" in told
            assert line.reply.cause.id in told
            assert line.reply.cause.clause in told
            explained += 1
    assert explained > 20
    links = page.run("[...new Set([...document.querySelectorAll('.why a[href^=\"/\"]')].map((each) => each.href))]")
    assert len(links) > 5
    for link in links:
        assert page.run(f"fetch({json.dumps(link)}).then((answer) => answer.status)") == 200


def test_mail_and_refusals_appear_while_the_page_is_open(page: Page, server: DevServer) -> None:
    server.letter("first")
    page.go(server.url)
    rows_are(page, ["first"])
    page.wait("document.querySelector('.pulse.live') !== null", "live")
    server.letter("second")
    rows_are(page, ["second", "first"])
    with suppress(smtplib.SMTPRecipientsRefused):
        server.letter("third", to="550.rcpt@example.test")
    page.until(lambda: page.count(ROWS) == 3, "the refused session")
    assert "550 RCPT" in page.text(f"{ROWS}:first-child .third-line")


def test_where_events_do_not_get_through_it_asks(page: Page, server: DevServer) -> None:
    page.may_be_troubled = True  # that they are blocked is what the console tells
    page.call("Network.setBlockedURLs", urls=["*/events"])
    server.letter("first")
    page.go(server.url)
    page.wait("document.querySelector('.pulse.polling') !== null", "polling")
    server.letter("second")
    rows_are(page, ["second", "first"])


def test_a_session_that_goes_on_is_followed(page: Page, server: DevServer) -> None:
    server.letter("first")
    page.go(server.url)
    with server.client() as client:
        client.ehlo("slow.example")
        page.until(lambda: page.count(ROWS) == 2, "the open session")
        page.click(f"{ROWS}:first-child a")
        page.until(lambda: "open" in page.text(".session-head"), "an open session")
        page.click(".reply", holding="220")
        client.docmd("NOOP")
        page.until(lambda: "NOOP" in page.text(".dialogue"), "the next command")
        assert page.count(".why") == 1  # what was opened stays open
    page.until(lambda: "over" in page.text(".session-head"), "its end")


def test_the_keyboard_is_enough(page: Page, server: DevServer) -> None:
    for subject in ("one", "two", "three"):
        server.letter(subject)
    page.go(server.url)
    rows_are(page, ["three", "two", "one"])
    for subject in ("three", "two"):
        page.key("j")
        reads(page, ".message h2", subject)
    page.key("k")
    page.until(lambda: page.text(".message h2") == "three", "back")
    page.key("Enter")
    assert page.run("document.activeElement.className") == "pane dialogue-pane"
    page.key("Escape")
    page.until(lambda: page.count(".dialogue") == 0, "the list alone")
    page.key("/")
    page.write("subject:two")
    rows_are(page, ["two"])
    page.key("Escape")
    rows_are(page, ["three", "two", "one"])
    page.key("?")
    assert "Make it fail" in page.text("dialog")
    page.key("Escape")
    page.key("f")
    assert page.text("dialog h2") == "Make it fail"


def test_search_mailbox_and_filter_narrow_the_list_and_stand_in_the_address(page: Page, server: DevServer) -> None:
    server.letter("invoice", to="alice@example.test")
    server.letter("welcome", to="bob@example.test")
    with suppress(smtplib.SMTPRecipientsRefused):
        server.letter("x", to="550.rcpt@example.test")
    page.go(server.url)
    page.run("document.getElementById('mailbox').focus()")
    page.write("bob@example.test")
    rows_are(page, ["welcome"])
    page.go(page.run("location.href"))
    rows_are(page, ["welcome"])
    page.go(f"{server.url}/?only=refused")
    page.until(lambda: page.count(ROWS) == 1, "one row")
    page.go(f"{server.url}/?query=nowhere")
    page.until(lambda: "Nothing fits" in page.text(".side"), "a word about it")
    page.click(".segments button", holding="Messages")
    page.key("/")
    page.key("Escape")
    rows_are(page, ["welcome", "invoice"])


def test_rules_to_fail_by_are_made_seen_and_removed(page: Page, server: DevServer) -> None:
    server.letter("first")
    page.go(server.url)
    page.click("#fail")
    page.run("document.getElementById('fail-to').focus()")
    page.write("*@slow.example")
    page.run(
        "const it = document.getElementById('fail-often'); it.value = 'twice'; it.dispatchEvent(new Event('change'))"
    )
    assert page.run("document.getElementById('fail-phrase').value") == "451 twice to *@slow.example"
    page.click("dialog button.primary")
    page.until(lambda: "1 rule" in page.text(".rules"), "the rule")
    (rule,) = server.running.faults.rules
    assert (rule.times, rule.to) == (2, "*@slow.example")
    page.may_be_troubled = True  # the console tells that the server says 400
    page.run("document.getElementById('fail-phrase').value = 'nonsense'")
    page.click("dialog button.primary")
    page.until(lambda: "nonsense" in page.text(".trouble"), "what is wrong")
    page.click(".rules button")
    counts(page, ".rules > ul li", 0)
    assert server.running.faults.rules == ()


def test_the_phrases_that_are_shown_are_rules_and_are_saved_as_a_file(page: Page, server: DevServer) -> None:
    page.go(f"{server.url}/faults")
    assert "No rules" in page.text(".rules")
    number = page.count(".faults td button.link")
    assert number > 5
    for place in range(number):
        page.run(f"document.querySelectorAll('.faults td button.link')[{place}].click()")
        page.click("form.failing button.primary")
        counts(page, ".rules > ul li", place + 1)
    saved = page.run("fetch(document.querySelector('.rules-head a').href).then((answer) => answer.text())")
    kept = parse_faults(saved).rules
    assert [rule.name for rule in kept] == [rule.name for rule in server.running.faults.rules]


def test_a_message_is_seen_from_all_sides(page: Page, server: DevServer) -> None:
    server.sample()
    page.go(server.url)
    page.click(f"{ROWS}:first-child a")
    is_there(page, ".message iframe")

    def tab(name: str) -> str:
        page.click("[role=tab]", holding=name)
        page.wait(f"document.querySelector('[role=tab][aria-selected=true]').innerText.includes({json.dumps(name)})")
        return page.text(".panel")

    assert "this is a sample" in tab("Text")
    tab("Source")
    page.until(lambda: "Content-Type: multipart/mixed" in page.text(".panel"), "the source")
    assert "Message-ID" in tab("Header")
    parts = tab("Parts")
    assert "receipt.csv" in parts
    assert "image/svg+xml" in parts
    saved = page.run("fetch([...document.querySelectorAll('.panel a')].at(-1).href).then((answer) => answer.text())")
    assert saved.startswith("item,price")
    envelope = tab("Envelope")
    assert "Only in the header" in envelope
    assert "MAIL FROM:<bounces@shop.example>" in envelope
    assert "https://www.rfc-editor.org/rfc/rfc5321" in tab("Links")
    assert page.run("document.querySelector('.panel a').rel") == "noopener noreferrer"
    tab("Clients")
    page.until(lambda: "caniemail.com" in page.text(".panel"), "what clients show of it")


def test_a_message_is_forgotten_and_then_everything(page: Page, server: DevServer) -> None:
    page.may_be_troubled = True  # the open session may be asked for once more when it is gone
    server.letter("one")
    server.letter("two")
    page.go(server.url)
    page.click(f"{ROWS}:first-child a")
    page.click(".message .actions button:last-child")
    page.until(lambda: len(server.running.inbox.messages) == 1, "one message less")
    page.until(lambda: "brought no mail" in page.text(".mail-pane"), "a word about it")
    page.click(".list-head button.quiet:last-child")
    page.click("dialog button.danger")
    page.until(lambda: page.text("h1") == "No mail yet", "an empty page")
    assert server.running.sessions.sessions == ()


def test_what_fits_is_saved_to_a_file_and_read_from_one(page: Page, server: DevServer, tmp_path: Path) -> None:
    server.letter("one")
    server.letter("two")
    page.go(f"{server.url}/?query=subject:two")
    page.click("#files")
    saved = page.run("fetch(document.querySelector('dialog a').href).then((answer) => answer.text())")
    assert "Subject: two" in saved
    assert "Subject: one" not in saved
    (tmp_path / "old.mbox").write_text("From a@b.test Sat Jan  3 01:05:34 1996\nSubject: two, old\n\nHello\n")
    found = page.call("Runtime.evaluate", expression="document.getElementById('archive-file')")
    place = found["result"]["objectId"]
    page.call("DOM.setFileInputFiles", files=[str(tmp_path / "old.mbox")], objectId=place)
    page.until(lambda: "1 message read" in page.text("dialog"), "that it was read")
    rows_are(page, ["two", "two, old"])


def test_what_a_client_does_against_the_rules_is_shown_with_its_clause(page: Page, server: DevServer) -> None:
    with server.client() as client:
        client.ehlo("client.example")
        client.docmd("MAIL FROM a@b.test")
    page.go(server.url)
    page.click(f"{ROWS}:first-child a")
    page.click(".findings summary")
    assert "RFC 5321" in page.text(".findings")
    assert page.count(".dialogue .lint") >= 1


def test_words_of_a_client_are_never_markup(page: Page, server: DevServer) -> None:
    with server.client() as client:
        client.docmd("EHLO <img/src=x/onerror=document.title='no'>")
        client.docmd("<b>NOOP</b>")
    server.send(
        "From: <script>document.title='no'</script> <me@example.test>\n"
        "Subject: <img src=x onerror=\"document.title='no'\">\nX-<b>: <i>\n\n<script>document.title='no'</script>\n"
    )
    page.go(server.url)
    for place in (1, 2):
        page.click(f"{ROWS}:nth-child({place}) a")
        is_there(page, ".dialogue .reply")
    page.go(f"{server.url}/?query=%3Cscript%3E")
    assert "heloise" in page.run("document.title")
    assert page.count("main img, main script, main b b") == 0


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("dark", [False, True])
def test_nothing_is_cut_off_and_all_text_can_be_read(page: Page, server: DevServer, width: int, dark: bool) -> None:
    server.sample()
    page.size(width, 800)
    page.colours(dark=dark)
    page.go(server.url)
    page.click(f"{ROWS}:nth-child(2) a")
    page.click(".reply", holding="451")
    is_there(page, ".why")
    assert page.run("document.documentElement.scrollWidth <= innerWidth")
    assert page.run("document.scrollingElement.scrollTop") == 0
    outside = page.run(
        "[...document.querySelectorAll('.side, .bar, .pane, .session-head, .list-head, .message-head')]"
        ".filter((each) => each.scrollWidth > each.clientWidth).map((each) => each.className)"
    )
    assert outside == []
    pale = page.run(CONTRAST)
    assert pale == []


# Text whose colour is nearer to what is behind it than WCAG 2 AA allows (4.5), disabled and hidden text left out.
CONTRAST = """
(() => {
  const context = new OffscreenCanvas(1, 1).getContext("2d", {willReadFrequently: true});
  const rgba = (colour) => {
    context.clearRect(0, 0, 1, 1);
    context.fillStyle = colour;
    context.fillRect(0, 0, 1, 1);
    return [...context.getImageData(0, 0, 1, 1).data];
  };
  const light = (colour) => {
    const part = (value) => (value /= 255) <= 0.04045 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
    return 0.2126 * part(colour[0]) + 0.7152 * part(colour[1]) + 0.0722 * part(colour[2]);
  };
  const behind = (element) => {
    for (; element; element = element.parentElement) {
      const colour = rgba(getComputedStyle(element).backgroundColor);
      if (colour[3] === 255) return colour;
    }
    return rgba("canvas");
  };
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const element = walker.currentNode.parentElement;
    const text = walker.currentNode.textContent.trim();
    if (!text || !element.checkVisibility() || element.closest(".unseen, .skip, [aria-hidden]")) continue;
    const [front, back] = [light(rgba(getComputedStyle(element).color)), light(behind(element))];
    const contrast = (Math.max(front, back) + 0.05) / (Math.min(front, back) + 0.05);
    if (contrast < 4.5) found.push(`${contrast.toFixed(2)} ${element.className} ${text.slice(0, 40)}`);
  }
  return found;
})()
"""


def test_whoever_does_not_see_the_page_can_use_it(page: Page, server: DevServer) -> None:
    server.sample()
    page.go(server.url)
    page.click(f"{ROWS}:first-child a")
    is_there(page, ".message iframe")
    nodes = page.call("Accessibility.getFullAXTree")["nodes"]
    nameless = [
        node["role"]["value"]
        for node in nodes
        if not node.get("ignored")
        and node.get("role", {}).get("value") in ("button", "link", "textbox", "searchbox", "combobox", "tab", "Iframe")
        and not node.get("name", {}).get("value")
    ]
    assert nameless == []
    roles = [node.get("role", {}).get("value") for node in nodes if not node.get("ignored")]
    for landmark in ("banner", "main"):
        assert roles.count(landmark) == 1
    assert "heading" in roles
    assert "tablist" in roles


def test_the_choice_of_colours_is_kept(page: Page, server: DevServer) -> None:
    page.go(server.url)
    page.click("#corner button:last-child")
    assert page.run("document.documentElement.dataset.theme") == "dark"
    page.go(server.url)
    assert page.run("getComputedStyle(document.documentElement).colorScheme") == "dark"
