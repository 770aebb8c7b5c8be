"""Pages, their assets, and who may ask: as a browser and as an attacker see them."""

import asyncio
from html.parser import HTMLParser

import pytest

from heloise.web.exchange import Answer, HttpProblem, Request
from heloise.web.guarding import LOOPBACK, check_caller
from heloise.web.pages import Page, Pages
from heloise.web.routes import Routes

PAGES = Pages(
    pages=(
        Page(path="/", title='Mail & "more" <b>', module="inbox.js", nav="Mail"),
        Page(path="/explain/{name}", title="Explained", module="inbox.js"),
    ),
    api="/api/v1",
    facts={"server": "dev", "words": '"><script>'},
)


def asked(path: str, **headers: str) -> Answer:
    request = Request(method="GET", path=path, headers={name.replace("_", "-"): text for name, text in headers.items()})
    return asyncio.run(Routes(PAGES.routes())(request))


def html(path: str) -> str:
    body = asked(path).body
    assert isinstance(body, bytes)
    return body.decode()


def test_a_page_is_one_frame_and_lets_nothing_run_but_its_own_files() -> None:
    answer = asked("/")
    assert answer.content_type == "text/html; charset=utf-8"
    policy = dict(each.strip().partition(" ")[::2] for each in answer.headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == "'none'"
    assert policy["script-src"] == "'self'"
    assert policy["frame-ancestors"] == "'none'"
    assert "unsafe" not in answer.headers["Content-Security-Policy"]


def test_words_of_a_page_never_become_markup() -> None:
    assert "Mail &amp; &quot;more&quot; &lt;b&gt; · heloise" in html("/")
    assert '"><script>' not in html("/")


def test_a_page_may_have_a_name_in_its_path() -> None:
    assert "Explained" in html("/explain/550")


def test_nothing_of_a_page_comes_from_elsewhere() -> None:
    addresses: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
            addresses.extend(value or "" for name, value in attributes if name in ("src", "href"))

    Reader().feed(html("/"))
    assets = [each for each in addresses if each.startswith("/assets/")]
    assert {each for each in addresses if not each.startswith(("/assets/", "/api/v1/"))} == {"#main", "/"}
    assert len(assets) >= 4
    for each in assets:
        assert asked(each).status == 200


def test_a_browser_that_has_a_file_is_not_sent_it_again() -> None:
    tag = asked("/assets/frame.js").headers["ETag"]
    again = asked("/assets/frame.js", if_none_match=tag)
    assert (again.status, again.body) == (304, b"")
    with pytest.raises(HttpProblem, match="there is no"):
        asked("/assets/..%2fpages.py")


def refused(method: str = "GET", **headers: str) -> int | None:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        check_caller(Request(method=method, path="/", headers=named), LOOPBACK)
    except HttpProblem as problem:
        return problem.status
    return None


def test_another_name_for_this_address_is_refused() -> None:
    assert refused(host="localhost:8025") is None
    assert refused(host="[::1]:8025") is None
    assert refused(host="rebound.example:8025") == 403
    assert refused(host="[::1") == 403
    assert refused() == 403


def test_a_page_of_a_stranger_can_change_nothing() -> None:
    here = {"host": "localhost:8025", "content_type": "application/json"}
    assert refused("POST", **here, origin="http://localhost:8025", sec_fetch_site="same-origin") is None
    assert refused("POST", **here, origin="http://localhost:9999") == 403  # another port is another program
    assert refused("POST", **here, origin="null") == 403
    assert refused("DELETE", **here, sec_fetch_site="cross-site") == 403
    assert refused("POST", host="localhost:8025", origin="http://localhost:8025", content_type="text/plain") == 415
    file = {"host": "localhost:8025", "origin": "http://localhost:8025", "content_type": "application/zip"}
    assert refused("POST", **file) == 415
    assert refused("POST", **file, x_heloise="page") is None
    assert refused("POST", **{**file, "origin": "http://localhost:1"}, x_heloise="page") == 403
    assert refused("POST", host="localhost:8025") is None  # curl -d
