"""Stored HTML mail can not run script, load remote content or leave its frame: seen in a real browser."""

import json
from collections.abc import Iterator
from email.message import EmailMessage
from urllib.parse import quote

import pytest

from tests.browser.chromium import Chromium, Page
from tests.browser.dev_server import DevServer
from tests.browser.hostile import TRICKS, Trick
from tests.browser.reading import BrowserError
from tests.browser.remote import Listener

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SETTLED = "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => setTimeout(done, 50))))"


@pytest.fixture
def remote() -> Iterator[Listener]:
    with Listener() as listener:
        yield listener


def letter(html: str) -> bytes:
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@b.test", "you@example.test", "hostile"
    made.set_content("text")
    made.add_alternative(html, subtype="html", cte="base64")
    return made.as_bytes()


def click_into(page: Page, selector: str) -> None:
    place = page.run(
        f"(() => {{ const box = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
        "return [box.x + box.width / 2, box.y + box.height / 2]; })()"
    )
    for kind in ("mousePressed", "mouseReleased"):
        page.call("Input.dispatchMouseEvent", type=kind, x=place[0], y=place[1], button="left", clickCount=1)


def shown(page: Page, server: DevServer, html: str) -> None:
    """Send a message and look at it, until its frame has loaded."""
    server.send(letter(html))
    message = server.running.inbox.messages[-1]
    page.go(f"{server.url}/?session={message.origin.session}&message={message.message_id}")
    page.wait("document.querySelector('.message iframe') !== null", "the frame")
    page.wait(
        "new Promise((done) => { const it = document.querySelector('.message iframe'); it.onload = () => done(true);"
        "it.src = it.src; })",
        "the frame is loaded",
    )


@pytest.mark.parametrize("trick", [each for each in TRICKS if each.alone], ids=lambda trick: trick.name)
def test_each_of_these_works_on_a_page_without_protection(browser: Chromium, remote: Listener, trick: Trick) -> None:
    with Listener() as raw:
        raw.page = trick.html.format(remote=remote.url).encode()
        page = browser.page()
        page.call("Page.navigate", url=raw.url)
        page.wait("document.readyState === 'complete'")
        if trick.clicked:
            page.run(SETTLED)
            click_into(page, "a, button, p, img, svg")
        page.until(lambda: remote.heard, "the other server hears of it")
        page.close()


def test_none_of_them_works_from_a_message(page: Page, server: DevServer, remote: Listener) -> None:
    page.may_be_troubled = True  # the console is full of what the browser refuses
    before = len(pages(page))
    for trick in TRICKS:
        shown(page, server, trick.html.format(remote=remote.url))
        page.run(SETTLED)
        if trick.clicked:
            click_into(page, ".message iframe")
            page.run(SETTLED)
        assert page.run("window.pwned") is None, trick.name
        assert page.run("document.title").endswith("heloise"), trick.name
        assert page.run("location.origin") == server.url, trick.name
        assert all(each.startswith(f"{server.url}/api/") for each in frames(page)), f"{trick.name}: {frames(page)}"
        assert len(pages(page)) == before, trick.name
        assert remote.heard == [], trick.name


def frames(page: Page) -> list[str]:
    """Where the frames in the page are, also those that have a process of their own."""
    tree = page.call("Page.getFrameTree")["frameTree"]
    targets = page.call("Target.getTargets")["targetInfos"]
    inside = [each["frame"]["url"] for each in tree.get("childFrames", ())]
    return [*inside, *(each["url"] for each in targets if each["type"] == "iframe")]


def pages(page: Page) -> list[str]:
    targets = page.call("Target.getTargets")["targetInfos"]
    return [each["targetId"] for each in targets if each["type"] == "page"]


def test_pictures_of_the_message_are_drawn_and_do_nothing_else(page: Page, server: DevServer, remote: Listener) -> None:
    page.may_be_troubled = True  # the console is full of what the browser refuses
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" width="40" height="40" onload="top.pwned=1"><rect/>'
        f'<script>top.pwned=1</script><image href="{remote.url}/in-svg.png" width="9" height="9"/></svg>'
    )
    made = EmailMessage()
    made["From"], made["To"], made["Subject"] = "a@b.test", "you@example.test", "pictures"
    made.set_content("text")
    made.add_alternative(
        "<img src='cid:one@x'><img src='cid:page@x'><img src='cid:../../../rows'><img src=cid:two%40x>",
        subtype="html",
    )
    html = made.get_payload()[1]  # type: ignore[index]
    html.add_related(svg.encode(), "image", "svg+xml", cid="<one@x>")  # type: ignore[union-attr]
    html.add_related(b"<script>top.pwned=1</script>", "text", "html", cid="<page@x>")  # type: ignore[union-attr]
    html.add_related(svg.encode(), "image", "svg+xml", cid="<two@x>")  # type: ignore[union-attr]
    server.send(made.as_bytes())
    message = server.running.inbox.messages[-1]
    page.call("Page.navigate", url=f"{server.url}/api/heloise/v1/messages/{message.message_id}/html")
    page.wait("document.readyState === 'complete' && document.images.length === 4")
    widths = page.run("[...document.images].map((each) => each.naturalWidth)")
    assert widths == [40, 0, 0, 40]
    assert remote.heard == []
    assert page.run("window.pwned") is None


@pytest.mark.parametrize(
    ("declared", "content"),
    [
        ("text/html", b"<script>document.title = 'pwned'</script>"),
        ("image/svg+xml", b'<svg xmlns="http://www.w3.org/2000/svg"><script>document.title = "pwned"</script></svg>'),
        ("image/png", b"<html><script>document.title = 'pwned'</script>"),  # what it is called is not what it is
        ("text/plain", b"<script>document.title = 'pwned'</script>"),
        (
            "application/xhtml+xml",
            b"<html xmlns='http://www.w3.org/1999/xhtml'><script>document.title='pwned'</script></html>",
        ),
        ("application/pdf", b"%PDF-1.4 <script>document.title = 'pwned'</script>"),
        ("text/xml", b"<?xml-stylesheet href='data:,'?><x/>"),
        ("multipart/x-mixed-replace", b"--x\r\nContent-Type: text/html\r\n\r\n<script>document.title='pwned'</script>"),
    ],
)
def test_an_attachment_is_never_opened_as_a_page(page: Page, server: DevServer, declared: str, content: bytes) -> None:
    page.may_be_troubled = True  # the console is full of what the browser refuses
    head = "From: a@b.test\nSubject: x\nMIME-Version: 1.0\nContent-Type: multipart/mixed; boundary=b\n\n--b\n"
    server.send(
        f"{head}Content-Type: {declared}\nContent-Disposition: inline; filename=x.html\n\n".encode()
        + content
        + b"\n--b--\n"
    )
    page.go(server.url)
    message = server.running.inbox.messages[-1]
    for place in ("1", "0"):
        path = f"/api/heloise/v1/messages/{message.message_id}/parts/{place}"
        told = page.run(f"fetch({json.dumps(path)}).then((answer) => [...answer.headers])")
        if dict(told).get("content-type") == "application/problem+json":
            continue
        assert dict(told)["content-disposition"].startswith("attachment")
        assert dict(told)["x-content-type-options"] == "nosniff"
        assert "sandbox" in dict(told)["content-security-policy"]
        page.call("Page.navigate", url=server.url + path)  # is saved, or refused: the page stays
        assert page.run("document.title") == "Sessions · heloise"


def test_the_document_of_a_message_alone_is_as_harmless(page: Page, server: DevServer, remote: Listener) -> None:
    page.may_be_troubled = True  # the console is full of what the browser refuses
    server.send(letter(f"<title>t</title><script>document.title = 'pwned'</script><img src='{remote.url}/x'>"))
    message = server.running.inbox.messages[-1]
    page.call("Page.navigate", url=f"{server.url}/api/heloise/v1/messages/{message.message_id}/html")
    page.wait("document.readyState === 'complete' && document.images.length === 1")
    page.call("Page.captureScreenshot", format="png")  # it is drawn; no promise is kept where scripts may not run
    assert page.run("document.title") == "t"
    assert page.run("origin") == "null"
    assert remote.heard == []


def test_a_page_of_a_stranger_can_not_read_or_change_anything(page: Page, server: DevServer) -> None:
    page.may_be_troubled = True  # the console is full of what the browser refuses
    server.letter("secret")
    base = json.dumps(f"{server.url}/api/heloise/v1")
    with Listener() as stranger:
        stranger.page = b"<!doctype html><title>stranger</title>"
        page.call("Page.navigate", url=stranger.url)
        page.wait("document.title === 'stranger'")
        for request in (
            f"fetch({base} + '/messages')",
            f"fetch({base} + '/messages', {{method: 'DELETE'}})",
            f"fetch({base} + '/sample', {{method: 'POST', body: '{{}}'}})",
            f"fetch({base} + '/faults', {{method: 'POST', mode: 'no-cors', body: '{{\"faults\": [\"451\"]}}'}})",
        ):
            with pytest.raises(BrowserError, match="Failed to fetch"):
                page.run(f"{request}.then((answer) => answer.text())")
        page.run(f"document.body.innerHTML = '<iframe src={quote(server.url, safe=':/')}></iframe>'")
        page.run(SETTLED)
    assert server.running.faults.rules == ()
    assert len(server.running.inbox.messages) == 1
    assert len(server.running.sessions.sessions) == 1
