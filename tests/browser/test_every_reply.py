"""Every reply on any page leads to its explanation: code, status, clause, the rule that decided, what it looked at.

The sessions are real ones: the dialogues of the tests had with a development server, each code it does not say by
itself said by a rule of a file, and what a server with a configuration said in the scenarios of all codes. They are
opened in a browser, and every reply in them is clicked.
"""

import asyncio
import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from heloise.app.dev.releasing import RelayOptions
from heloise.config.faulty import read_faults
from heloise.faults.phrase import parse_phrase
from heloise.inbox.sessions import LINES
from heloise.mail.reply import Reply
from heloise.mail.route import Route
from heloise.smtp.codes import REPLY_CODES
from heloise.smtp.transcript import CHALLENGE, TranscriptLine
from heloise.testing.dialogue import parse_dialogue
from tests.browser.chromium import Chromium, Page
from tests.browser.dev_server import DevServer, dev_server
from tests.codes.acts import ACTS
from tests.codes.test_codes import REACHABLE, SCENARIOS
from tests.extensions.scenarios import BY_KEYWORD
from tests.staging import perform

pytestmark = [pytest.mark.interop, pytest.mark.slow]

DIALOGUES = Path(__file__).parent.parent / "dialogues"
BY_RULES = sorted({code for code in REPLY_CODES if code >= 400} - {421})  # which ends a session
SECRET = "AHVzZXIAc2VzYW1l"


def have(port: int, octets: bytes) -> None:
    """Say it, and hear the server to its end."""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as client:
        client.sendall(octets)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DevServer]:
    file = tmp_path_factory.mktemp("faults") / "faults.toml"
    rules = [f'[[fault]]\nto = "{code}@rule.test"\nreply = "{code}"\n' for code in BY_RULES]
    file.write_text("".join(rules) + '[[fault]]\nstage = "message"\nto = "421@rule.test"\nreply = "421"\n')
    with dev_server(faults=read_faults(str(file)).rules) as running:
        port = running.running.endpoint.port
        for path in sorted(DIALOGUES.glob("*.txt")):
            lines = parse_dialogue(path.read_text(encoding="utf-8")).lines
            have(port, b"".join(line.octets for line in lines if line.kind != "S:") + b"QUIT\r\n")
        asked = "".join(f"RCPT TO:<{code}@rule.test>\r\n" for code in BY_RULES)
        have(port, f"EHLO c.test\r\nMAIL FROM:<a@b.test>\r\n{asked}QUIT\r\n".encode())
        taken = "MAIL FROM:<a@b.test>\r\nRCPT TO:<421@rule.test>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"
        have(port, f"EHLO c.test\r\n{taken}".encode())
        have(port, b"EHLO c.test\r\nAUTH PLAIN\r\n" + SECRET.encode() + b"\r\nQUIT\r\n")
        running.do(keep_scenarios(running))
        yield running


async def keep_scenarios(server: DevServer) -> None:
    """What a server with a configuration says, for each cause once, as sessions that are as long as one may be."""
    loop = asyncio.get_running_loop()
    every = [*SCENARIOS, *(each for uses in BY_KEYWORD.values() for each in uses)]
    wanted = {(each.code, each.cause, each.rule): each for each in reversed(every)}
    found: dict[tuple[int, str, str], Reply] = {}
    for scenario in wanted.values():
        played = await loop.run_in_executor(None, perform, scenario, ACTS)
        for reply in played.replies:
            found.setdefault((reply.code, reply.cause.id, str(reply.cause.rule)), reply)
    replies = list(found.values())
    for start in range(0, len(replies), LINES):
        session = server.running.sessions.begin(f"scenarios-{start}", "192.0.2.1", 1.7e9)
        session.is_over = True
        for reply in replies[start : start + LINES]:
            session.transcript.reply(reply)


@pytest.fixture
def page(browser: Chromium) -> Iterator[Page]:
    page = browser.page()
    yield page
    page.close()
    assert page.trouble == []


# Clicks each reply, reads what opens, and closes it again; then by the keyboard, where `by` is a key.
CLICK_ALL = """
[...document.querySelectorAll('.dialogue .reply')].map((reply) => {
  reply.click();
  const why = reply.parentElement.querySelector('.why');
  const told = {
    expanded: reply.getAttribute('aria-expanded'), text: why.innerText,
    links: [...why.querySelectorAll('a')].map((each) => each.getAttribute('href')),
  };
  reply.click();
  return { ...told, closed: reply.parentElement.querySelector('.why') === null };
})
"""


def lacks(line: TranscriptLine, told: dict[str, Any]) -> list[str]:
    """What the explanation of a reply does not tell."""
    text, links = told["text"], told["links"]
    if line.reply is None:
        assert line.text.startswith(str(CHALLENGE))
        wanted, pages = [REPLY_CODES[CHALLENGE].meaning, REPLY_CODES[CHALLENGE].clause], [str(CHALLENGE)]
    else:
        cause, status = line.reply.cause, line.reply.status
        wanted = [cause.clause, cause.kind.meaning, *(each for pair in cause.inputs for each in pair)]
        pages = [f"{line.reply.code:03d}", cause.id, *([] if status is None else [str(status)])]
        if cause.rule is not None:
            wanted.append(str(cause.rule))
    missing = [each for each in wanted if " ".join(each.split()) not in " ".join(text.split())]
    missing += [each for each in pages if f"/explain/{each}" not in links]
    if not told["closed"] or told["expanded"] != "true":
        missing.append("it opens and closes")
    return missing


def kind_of(line: TranscriptLine) -> tuple[int, str, str]:
    """Code, cause and rule."""
    if line.reply is None:
        return CHALLENGE, "", ""
    return line.reply.code, line.reply.cause.id, str(line.reply.cause.rule)


def test_every_reply_is_explained_by_a_click(page: Page, server: DevServer) -> None:
    said: set[tuple[int, str, str]] = set()
    links: set[str] = set()
    page.go(server.url)
    for session in server.running.sessions.sessions:
        answered = [line for line in session.transcript if line.text[:3].isdigit() and line.direction.value == "S"]
        kinds = {kind_of(line) for line in answered}
        if kinds <= said:  # a browser lets a page go to two hundred addresses in some seconds, not more
            continue
        said |= kinds
        page.run(f"history.pushState(null, '', '/?session={session.session_id}'); dispatchEvent(new Event('popstate'))")
        there = f"document.querySelector('.session-head h1 code')?.innerText === '{session.session_id}'"
        page.wait(f"{there} && document.querySelectorAll('.dialogue .reply').length === {len(answered)}")
        for line, told in zip(answered, page.run(CLICK_ALL), strict=True):
            assert lacks(line, told) == [], f"{session.session_id}: {line.text}: {told}"
            links |= {each for each in told["links"] if each.startswith("/explain/")}
    assert {code for code, _, _ in said} >= REACHABLE | {CHALLENGE, 235} | set(BY_RULES)
    ask = (
        "const answer = await fetch('/api/heloise/v1' + path); return answer.ok && (await answer.json()).parts.length;"
    )
    parts = page.run(f"Promise.all({sorted(links)!r}.map(async (path) => {{ {ask} }}))")
    assert [path for path, number in zip(sorted(links), parts, strict=True) if not number] == []


def test_a_reply_opens_by_the_keyboard_and_its_rule_is_shown_where_it_stands(page: Page, server: DevServer) -> None:
    server.running.faults.give(parse_phrase("450 at rcpt to given@rule.test"))
    (given,) = [rule for rule in server.running.faults.rules if rule.name]
    have(server.running.endpoint.port, b"HELO c.test\r\nMAIL FROM:<a@b.test>\r\nRCPT TO:<given@rule.test>\r\nQUIT\r\n")
    session = server.running.sessions.sessions[-1]
    page.go(f"{server.url}/?session={session.session_id}")
    page.wait("document.querySelectorAll('.dialogue .reply.later').length === 1")
    page.run("document.querySelector('.dialogue-pane').focus()")
    for _ in range(5):
        page.key("Tab")
        if page.run("document.activeElement.matches('.reply.later')"):
            break
    page.key("Enter")
    page.wait("document.querySelector('.why') !== null")
    assert page.run("document.activeElement.getAttribute('aria-expanded')") == "true"
    page.key("Tab")
    assert page.run("document.activeElement.getAttribute('href')") == "/explain/450"
    page.click(".why a", holding="/faults:")
    page.wait("location.pathname === '/faults' && document.querySelector('.rules .pointed') !== null")
    assert str(given.rule).rpartition(":")[2] in page.text(".rules .pointed .place")
    assert "450 at rcpt to given@rule.test" in page.text(".rules .pointed")
    page.click(".rules .pointed button")
    page.wait("document.querySelector('.rules .gone summary') !== null")
    page.go(f"{server.url}/faults")
    page.run(f"location.hash = '{str(given.rule).rpartition(':')[2]}'")
    page.wait("document.querySelector('.rules .gone[open] .pointed') !== null")  # what it was is still told
    page.click(".gone button", holding="Put back")
    page.wait("document.querySelector('.rules > ul') !== null")
    assert [rule.name for rule in server.running.faults.rules if rule.name] == ["450 at rcpt to given@rule.test"]
    saved = page.run("fetch(document.querySelector('.rules-head a').href).then((answer) => answer.text())")
    assert 'name = "450 at rcpt to given@rule.test"' in saved


def test_every_reply_of_the_lab_is_explained(page: Page, server: DevServer) -> None:
    page.go(f"{server.url}/lab")
    page.wait("document.querySelector('.state.here') !== null")
    said = [
        "EHLO c.test",
        "AUTH PLAIN",
        SECRET,
        "VRFY x",
        "EXPN x",
        "MAIL FROM:<>",
        "NONSENSE",
        "RCPT TO:<552@rule.test>",
    ]
    for line in [*said, "RCPT TO:<a@b.test>", "DATA", ".", "QUIT"]:
        page.run("document.getElementById('line').focus()")
        page.write(line)
        page.key("Enter")
    page.wait("document.querySelector('.state.here')?.dataset.state === 'closed'")
    page.run("document.querySelectorAll('.dialogue .reply[aria-expanded=true]').forEach((each) => each.click())")
    found = page.run(CLICK_ALL)
    assert len(found) == len(said) + 5
    for told in found:
        assert any(each.startswith("/explain/") for each in told["links"]), told
        assert "RFC" in told["text"], told


def test_every_reply_of_the_reference_leads_on(page: Page, server: DevServer) -> None:
    unlinked = (
        "[...document.querySelectorAll('.told .server')].filter((line) => /^\\d{3}[ -]/.test(line.lastChild.innerText)"
        " && !line.querySelector('a[href^=\"/explain/\"]')).length"
    )
    lines = 0
    for name in [*(f"{code:03d}" for code in sorted(REACHABLE)), *sorted(BY_KEYWORD)]:
        page.go(f"{server.url}/explain/{name}")
        assert page.count(".told .server a") > 0, name
        assert page.run(unlinked) == 0, name
        lines += page.count(".told .server")
    assert lines > 1000


def test_replies_beside_a_released_message_lead_on(browser: Chromium) -> None:
    with dev_server(faults=(parse_phrase("451 once at rcpt"),)) as relay:
        route = Route.parse(f"smtp:127.0.0.1:{relay.running.endpoint.port}")
        with dev_server(relay=RelayOptions(route=route, allowed=("*",))) as server:
            server.letter("order", to="alice@two.test")
            release, (message,) = server.running.release, server.running.inbox.messages
            assert release is not None
            server.do(release.release(message, ["alice@two.test"]))
            page = browser.page()
            page.go(f"{server.url}/?session={message.origin.session}")
            page.click("[role=tab]", holding="Passport")
            page.until(lambda: "451" in page.text(".timeline"), "what the relay said")
            assert "next try" in page.text(".timeline")
            page.until(lambda: "next try" in page.text(".message-head"), "when it is tried next")
            words = "[...document.querySelectorAll('.timeline .said-reply')]"
            unlinked = f"{words}.filter((each) => !each.querySelector('a[href^=\"/explain/\"]')).length"
            assert page.run(f"{words}.length") == 2
            assert page.run(unlinked) == 0
            page.call("Page.navigate", url="about:blank")
            page.close()
