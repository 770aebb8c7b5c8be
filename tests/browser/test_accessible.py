"""Whoever can not see, not point or not bear motion uses each page as well: what axe-core finds, and the keyboard."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from heloise.faults.phrase import parse_phrase
from tests.browser.chromium import Chromium, Page
from tests.browser.dev_server import DevServer, dev_server
from tests.browser.test_operator import TOKEN, operated
from tests.peers import require

pytestmark = [pytest.mark.interop, pytest.mark.slow]

SEVERE = ("serious", "critical")
CAN_BE_USED = "a[href], button, input, select, summary, textarea, [tabindex='0']"


@pytest.fixture(scope="module")
def axe() -> str:
    return require("axe").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def full() -> Iterator[DevServer]:
    """A server with a refused session, its mail, and rules."""
    with dev_server() as running:
        running.running.faults.give(parse_phrase("450 at rcpt to nobody@*"), parse_phrase("drop at data to nobody@*"))
        running.sample()
        yield running


def found(page: Page, axe: str) -> list[str]:
    """What is wrong with a page, in light and in dark colours."""
    page.run(axe + "; true")
    wrong = []
    for dark, rules in ((False, None), (True, "color-contrast")):
        page.colours(dark=dark)
        page.wait("!document.getAnimations().some((each) => each instanceof CSSTransition)", "its colours are there")
        options = {"resultTypes": ["violations"], **({"runOnly": [rules]} if rules else {})}
        told = page.run(f"axe.run(document, {json.dumps(options)}).then(({{ violations }}) => violations)")
        for each in told:
            if each["impact"] in SEVERE:
                where = [" ".join(map(str, node["target"])) + ": " + node["html"][:120] for node in each["nodes"][:4]]
                wrong.append(f"{'dark' if dark else 'light'} {each['id']}: {each['help']} {where}")
    return wrong


def refused(server: DevServer) -> str:
    return next(each.session_id for each in server.running.sessions.sessions if each.refused)


def taken(server: DevServer) -> str:
    return server.running.inbox.messages[0].origin.session


@pytest.mark.parametrize("place", ["empty", "session", "mail", "faults", "lab", "reference", "topic"])
def test_a_page_of_the_development_server_has_nothing_severe(
    browser: Chromium, full: DevServer, axe: str, place: str
) -> None:
    page = browser.page()
    match place:
        case "empty":
            with dev_server() as empty:
                page.go(empty.url)
                assert found(page, axe) == []
                page.call("Page.navigate", url="about:blank")
        case "session":
            page.go(f"{full.url}/?session={refused(full)}")
            page.click(".reply", holding="451")
            page.wait("document.querySelector('.why') !== null")
            page.wait("document.querySelector('.timeline') !== null")
            assert found(page, axe) == []
        case "mail":
            page.go(f"{full.url}/?session={taken(full)}")
            page.wait("document.querySelector('.message iframe') !== null")
            for tab in page.run("[...document.querySelectorAll('[role=tab]')].map((each) => each.innerText)"):
                page.click("[role=tab]", holding=tab)
                assert found(page, axe) == [], tab
        case "lab":
            page.go(f"{full.url}/lab")
            page.wait("document.querySelector('.why') !== null")
            assert found(page, axe) == []
        case _:
            page.go(full.url + {"faults": "/faults#1", "reference": "/explain", "topic": "/explain/451"}[place])
            assert found(page, axe) == []
    page.close()


def test_a_page_of_an_operator_has_nothing_severe(browser: Chromium, tmp_path: Path, axe: str) -> None:
    with operated(tmp_path) as server:
        page = browser.page()
        page.go(f"{server.url}/login")
        assert found(page, axe) == []
        page.write(TOKEN)
        page.key("Enter")
        page.wait("location.pathname === '/' && document.querySelector('main[data-ready]') !== null")
        server.send("bob@down.test")
        server.tried(1, "bob@down.test")
        for path in ("/", "/queue", f"/queue/{server.ids()[0]}", "/destinations"):
            page.go(server.url + path)
            assert found(page, axe) == [], path
        page.close()


@pytest.mark.parametrize("path", ["/", "/faults", "/lab", "/explain/451"])
def test_all_of_a_page_is_reached_by_the_keyboard_and_seen_to_be(browser: Chromium, full: DevServer, path: str) -> None:
    page = browser.page(height=2000)
    page.go(full.url + (f"/?session={refused(full)}" if path == "/" else path))
    page.run("document.activeElement.blur()")
    unseen = []
    for _ in range(250):
        page.key("Tab")
        told = page.run(
            "(() => { const it = document.activeElement; if (it === document.body) return null;"
            "const again = it.dataset.reached; it.dataset.reached = 'yes'; const look = getComputedStyle(it);"
            "return [again, look.outlineStyle !== 'none' || look.boxShadow !== 'none', it.outerHTML.slice(0, 90)]; })()"
        )
        if told is None:
            continue
        if told[0]:
            break
        if not told[1]:
            unseen.append(told[2])
    missed = page.run(
        f'[...document.querySelectorAll("{CAN_BE_USED}")].filter((each) => each.checkVisibility() && !each.disabled'
        " && each.tabIndex >= 0 && !each.dataset.reached).map((each) => each.outerHTML.slice(0, 100))"
    )
    assert missed == []
    assert unseen == []
    page.close()


def test_nothing_moves_for_who_prefers_that(browser: Chromium, full: DevServer) -> None:
    page = browser.page()
    page.call("Emulation.setEmulatedMedia", features=[{"name": "prefers-reduced-motion", "value": "reduce"}])
    for path in (f"/?session={refused(full)}", "/faults", "/lab", "/explain"):
        page.go(full.url + path)
        moving = page.run("document.getAnimations().filter((each) => each.effect.getTiming().duration > 1).length")
        assert moving == 0, path
    page.close()
