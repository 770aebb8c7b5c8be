"""Links are found without asking anybody; who is permitted to ask does so politely, and in no private network."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from heloise.app.dev.link_checking import MOST, LinkChecker, LinkStatus
from heloise.inbox.links import links
from heloise.net import real_world
from heloise.testing import SimulatedWorld, run_simulated
from heloise.web.exchange import Answer, HttpProblem, Request
from heloise.web.serving import WebServer
from heloise.world import Endpoint
from tests.app.test_mailpit import serve
from tests.inbox.letters import letter


def test_links_are_found_in_html_and_text_each_once() -> None:
    html = (
        "<a href='https://a.test/x?y=1&amp;z=2'>a</a><img src=http://b.test/p.png><a href='mailto:x@y.test'>"
        "<!-- <a href='http://hidden.test'> --><a href='https://a.test/x?y=1&amp;z=2'><a href='javascript:x'>"
    )
    assert links(letter(header="Content-Type: text/html", body=html)) == (
        "https://a.test/x?y=1&z=2",
        "http://b.test/p.png",
    )
    text = "See (https://c.test/a), HTTPS://D.test/b_(c). Or <http://e.test>; not ftp://f.test."
    assert links(letter(body=text)) == ("https://c.test/a", "HTTPS://D.test/b_(c)", "http://e.test")


Ask = Callable[[LinkChecker, str], Awaitable[None]]


def with_server(act: Ask, *, private: bool = True) -> None:
    """Run `act` beside a web server on this machine, with its address."""

    async def scenario() -> None:
        world = real_world()
        seen: list[Request] = []

        async def answer(request: Request) -> Answer:
            seen.append(request)
            match request.path:
                case "/ok":
                    return Answer(content_type="text/plain", body=b"content")
                case "/moved":
                    return Answer(status=302, headers={"Location": "/ok"})
                case "/circle":
                    return Answer(status=302, headers={"Location": "/circle"})
            raise HttpProblem(404, "nothing")

        listening = await world.network.listen(Endpoint("127.0.0.1", 0), WebServer(answer).serve)
        await act(LinkChecker(world, private=private, agent="test"), f"http://{listening.local}")
        await listening.close()
        await world.blocking.close()
        assert {request.method for request in seen} <= {"HEAD"}
        assert private or not seen

    asyncio.run(scenario())


def test_servers_are_asked_by_head_and_redirects_followed_only_on_request() -> None:
    async def act(checker: LinkChecker, place: str) -> None:
        urls = [f"{place}{path}" for path in ("/ok", "/none", "/moved", "/circle")]
        assert [each.status for each in await checker.check(urls)] == [200, 404, 302, 302]
        followed = await checker.check(urls, follow=True)
        assert [each.status for each in followed] == [200, 404, 200, 302]
        assert followed[3].text == "too many redirects"

    with_server(act)


def test_private_networks_are_left_alone() -> None:
    async def act(checker: LinkChecker, place: str) -> None:
        urls = [f"{place}/ok", "http://[::1]:9/", "http://10.0.0.1/", "http://169.254.169.254/", "http://[fe80::1]/"]
        asked = await checker.check(urls)
        assert [each.status for each in asked] == [0] * len(urls)
        assert all("private network" in each.text for each in asked)

    with_server(act, private=False)


def test_a_name_that_leads_into_a_private_network_is_left_alone() -> None:
    async def scenario(simulation: SimulatedWorld) -> None:
        host = simulation.host("mx.example.test", "192.0.2.1")
        checker = LinkChecker(host.world, private=False, agent="test")
        (asked,) = await checker.check(["http://mx.example.test/"])  # 192.0.2.0/24 is public nowhere
        assert "private network" in asked.text
        (asked,) = await checker.check(["http://nowhere.example.test/"])
        assert asked.status == 0

    run_simulated(scenario)


@pytest.mark.parametrize(
    "url", ["ftp://x.test/", "http://", "http://user@x.test/", "http://x.test:99999/", "http://x.test/ä", "http://[::1"]
)
def test_what_is_no_address_of_a_web_server_is_not_asked(url: str) -> None:
    async def act(checker: LinkChecker, place: str) -> None:
        (asked,) = await checker.check([url])
        assert (asked.status, asked.text.startswith("not asked")) == (0, True)

    with_server(act)


def test_only_so_many_are_asked() -> None:
    async def act(checker: LinkChecker, place: str) -> None:
        asked = await checker.check([f"ftp://x.test/{number}" for number in range(MOST + 1)])
        assert asked[-1] == LinkStatus(f"ftp://x.test/{MOST}", 0, f"not asked: only the first {MOST} are")

    with_server(act)


def test_without_permission_nobody_is_asked() -> None:
    async def act(running, ask) -> None:  # type: ignore[no-untyped-def]
        message = letter(body="http://127.0.0.1:9/x")
        running.inbox.add(message)
        place = f"/api/heloise/v1/messages/{message.message_id}/links"
        assert b"http://127.0.0.1:9/x" in (await ask("GET", place))[2]
        status, _, told = await ask("POST", place, {}, **{"Content-Type": "application/json"})
        assert (status, b"--check-links" in told) == (409, True)
        _, _, told = await ask("GET", f"/api/v1/message/{message.message_id}/link-check")
        assert b'"StatusCode": 0' in told

    serve(act)
