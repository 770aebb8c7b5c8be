"""HTTP over a stream, as programs and as attackers speak it."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

import pytest

from heloise.app.operator.admin import Guard
from heloise.app.operator.admin_login import Logins
from heloise.config import ConfigError, parse_configuration
from heloise.config.admin import Admin
from heloise.net import SocketNetwork, SystemClock, SystemEntropy
from heloise.web.exchange import Answer, HttpProblem, Request, as_json, as_text
from heloise.web.routes import Route, Routes
from heloise.web.serving import MOST_BODY, WebServer
from heloise.world import Endpoint

WAIT = 20.0
Talk = Callable[[bytes], Awaitable[bytes]]


async def _echo(request: Request, found: Mapping[str, str]) -> Answer:
    return as_json({"path": found, "query": dict(request.query), "body": len(request.body)})


async def _pieces(request: Request, found: Mapping[str, str]) -> Answer:
    async def made() -> AsyncIterator[bytes]:
        yield b"one"
        yield b"two"

    return Answer(content_type="text/plain", body=made())


async def _breaks(request: Request, found: Mapping[str, str]) -> Answer:
    raise ZeroDivisionError


ROUTES = Routes(
    [
        Route("GET", "/things/{id}", _echo),
        Route("POST", "/things/{id}", _echo),
        Route("GET", "/pieces", _pieces),
        Route("GET", "/broken", _breaks),
    ]
)


def said(octets: bytes, faults: list[Exception] | None = None) -> str:
    """All that comes back until the server closes, or the request is answered and we close our side."""

    async def run() -> bytes:
        async with asyncio.timeout(WAIT):
            server = WebServer(ROUTES, fault=(faults if faults is not None else []).append)
            listening = await SocketNetwork().listen(Endpoint("127.0.0.1", 0), server.serve)
            assert isinstance(listening.local, Endpoint)
            reader, writer = await asyncio.open_connection(listening.local.host, listening.local.port)
            writer.write(octets)
            writer.write_eof()
            answer = await reader.read()
            writer.close()
            await listening.close()
            return answer

    return asyncio.run(run()).decode()


def test_a_path_with_a_name_in_it_is_found_and_decoded() -> None:
    answer = said(b"GET /things/a%2Fb?x=1&y= HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith("HTTP/1.1 200")
    assert '{"path": {"id": "a/b"}, "query": {"x": "1", "y": ""}, "body": 0}' in answer


def test_requests_may_follow_each_other_on_one_connection() -> None:
    answer = said(b"GET /things/1 HTTP/1.1\r\nHost: x\r\n\r\n" * 3)
    assert answer.count("HTTP/1.1 200") == 3


def test_what_is_made_while_it_is_sent_goes_in_chunks() -> None:
    answer = said(b"GET /pieces HTTP/1.1\r\nHost: x\r\n\r\n")
    assert "Transfer-Encoding: chunked" in answer
    assert "3\r\none\r\n3\r\ntwo\r\n0\r\n" in answer


def test_head_has_no_body() -> None:
    answer = said(b"HEAD /things/1 HTTP/1.1\r\nHost: x\r\n\r\n")
    assert answer.startswith("HTTP/1.1 200")
    assert answer.endswith("\r\n\r\n")


@pytest.mark.parametrize(
    ("octets", "status"),
    [
        (b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n", 404),
        (b"DELETE /things/1 HTTP/1.1\r\nHost: x\r\n\r\n", 405),
        (b"GET /things/1 HTTP/1.1\r\n\r\n", 400),
        (b"EHLO mx.test\r\n\r\n", 400),
        (b"GET /" + b"x" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /" + b"x" * 20_000, 431),
        (
            b"POST /things/1 HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % (MOST_BODY + 1)
            + b"x" * (MOST_BODY + 1),
            413,
        ),
    ],
)
def test_what_is_wrong_is_answered_and_ends_nothing_else(octets: bytes, status: int) -> None:
    answer = said(octets)
    assert answer.startswith(f"HTTP/1.1 {status}"), answer[:200]
    assert "application/problem+json" in answer


def test_a_fault_is_told_to_the_log_and_not_to_the_client() -> None:
    faults: list[Exception] = []
    answer = said(b"GET /broken HTTP/1.1\r\nHost: x\r\n\r\n", faults)
    assert answer.startswith("HTTP/1.1 500")
    assert "ZeroDivision" not in answer
    assert [type(each) for each in faults] == [ZeroDivisionError]


# Who may ask


async def _yes(request: Request) -> Answer:
    return as_text("yes")


def asked(admin: Admin, **more: object) -> int:
    values: dict[str, object] = {"method": "GET", "path": "/metrics", "peer": "127.0.0.1:5", **more}
    logins = None if admin.token is None else Logins(admin.token, SystemClock(), SystemEntropy())
    try:
        return asyncio.run(Guard(admin, _yes, logins)(Request(**values))).status  # type: ignore[arg-type]
    except HttpProblem as problem:
        return problem.status


HERE = Admin(address=Endpoint("127.0.0.1", 8025))
WITH_TOKEN = Admin(address=Endpoint("0.0.0.0", 8025), token="0123456789abcdef")


def test_without_a_token_it_is_for_programs_on_this_machine() -> None:
    assert asked(HERE, headers={"host": "127.0.0.1:8025"}) == 200
    assert asked(HERE, headers={"host": "localhost:8025"}) == 200
    assert asked(HERE, headers={"host": "rebound.example:8025"}) == 403
    assert asked(HERE, path="/ready", headers={"host": "rebound.example:8025"}) == 200


def test_a_form_of_a_stranger_can_change_nothing() -> None:
    host = {"host": "localhost:8025"}
    form = {**host, "content-type": "text/plain"}
    assert asked(HERE, method="POST", path="/api/v1/queue/hold", headers=form) == 415
    assert asked(HERE, method="POST", path="/x", headers={**host, "content-type": "application/json"}) == 200


def test_with_a_token_only_who_shows_it_may_ask() -> None:
    assert asked(WITH_TOKEN) == 401
    assert asked(WITH_TOKEN, headers={"authorization": "Bearer 0123456789abcdeX"}) == 401
    assert asked(WITH_TOKEN, headers={"authorization": "Bearer 0123456789abcdef"}) == 200
    assert asked(WITH_TOKEN, path="/live") == 200


def test_an_open_admin_listener_without_a_token_is_refused() -> None:
    text = 'hostname = "mx.test"\nstate = "s"\n[[listener]]\naddress = "127.0.0.1:25"\n[admin]\n'
    with pytest.raises(ConfigError, match=r"heloise.toml:6: \[admin\] 0.0.0.0:8025 can be reached"):
        parse_configuration(text + 'address = "0.0.0.0:8025"\n', directory="/d")
    with pytest.raises(ConfigError, match="could be guessed"):
        parse_configuration(text + 'address = "0.0.0.0:8025"\ntoken = "short"\n', directory="/d")
    assert parse_configuration(text + 'address = "127.0.0.1:8025"\n', directory="/d").admin.token is None
