"""Who gets into the pages of the admin listener, and who does not."""

import asyncio
import json
from collections.abc import Mapping

import pytest

from heloise.app.operator.admin import Guard
from heloise.app.operator.admin_login import COOKIE, LASTING, MOST, Logins
from heloise.config.admin import Admin
from heloise.net import SystemEntropy
from heloise.web.exchange import Answer, HttpProblem, Request, as_text
from heloise.world import Endpoint

TOKEN = "0123456789abcdef"
ADMIN = Admin(address=Endpoint("0.0.0.0", 8025), token=TOKEN)
HOST = {"host": "mx.example.test"}
OURS = {**HOST, "origin": "http://mx.example.test", "content-type": "application/json", "sec-fetch-site": "same-origin"}


class Hands:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = 1000.0

    def now(self) -> float:
        return self.time

    def monotonic(self) -> float:
        return self.time


class Door:
    """The guard of a listener with a token."""

    def __init__(self) -> None:
        self.clock = Hands()
        self.guard = Guard(ADMIN, self._yes, Logins(TOKEN, self.clock, SystemEntropy()))

    async def _yes(self, request: Request) -> Answer:
        return as_text("yes")

    def ask(
        self,
        path: str,
        headers: Mapping[str, str] = HOST,
        *,
        method: str = "GET",
        body: object = None,
        peer: str = "a:1",
    ) -> Answer:
        octets = b"" if body is None else json.dumps(body).encode()
        return asyncio.run(self.guard(Request(method=method, path=path, headers=headers, body=octets, peer=peer)))

    def status(self, *arguments: object, **more: object) -> int:
        try:
            return self.ask(*arguments, **more).status  # type: ignore[arg-type]
        except HttpProblem as problem:
            return problem.status

    def log_in(self, **more: str) -> str:
        answer = self.ask("/login", {**OURS, **more}, method="POST", body={"token": TOKEN})
        return answer.headers["Set-Cookie"]


@pytest.fixture
def door() -> Door:
    return Door()


def cookie(field: str) -> dict[str, str]:
    return {**HOST, "cookie": f"theme=dark; {field.partition(';')[0]}"}


def test_nobody_sees_anything_before_he_has_logged_in(door: Door) -> None:
    assert door.status("/api/v1/queue") == 401
    assert door.status("/metrics") == 401
    assert door.status("/") == 401
    to = door.ask("/queue", {**HOST, "accept": "text/html,*/*"})
    assert (to.status, to.headers["Location"]) == (303, "/login?next=%2Fqueue")
    assert door.status("/login") == 200
    assert door.status("/assets/login.js") == 200
    assert door.status("/assets/login.js", method="POST") == 401


def test_who_shows_the_token_gets_a_cookie_that_no_script_reads_and_no_stranger_sends(door: Door) -> None:
    field = door.log_in()
    assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= {each.strip() for each in field.split(";")}
    assert "Secure" not in field
    assert "Secure" in door.log_in(**{"x-forwarded-proto": "https"})
    assert TOKEN not in field
    assert door.status("/api/v1/queue", cookie(field)) == 200
    assert door.status("/api/v1/queue", {**HOST, "cookie": f"{COOKIE}=0000"}) == 401


def test_a_cookie_ends(door: Door) -> None:
    first, second = door.log_in(), door.log_in()
    gone = door.ask("/logout", {**cookie(first), **OURS}, method="POST", body={})
    assert "Max-Age=0" in gone.headers["Set-Cookie"]
    assert door.status("/", cookie(first)) == 401
    assert door.status("/", cookie(second)) == 200
    door.clock.time += LASTING
    assert door.status("/", cookie(second)) == 401


def test_only_so_many_are_logged_in_at_once(door: Door) -> None:
    first = door.log_in()
    for _ in range(MOST):
        door.log_in()
    assert door.status("/", cookie(first)) == 401


def test_a_cookie_changes_nothing_for_the_page_of_a_stranger(door: Door) -> None:
    known = cookie(door.log_in())
    hold = "/api/v1/queue/hold"
    assert door.status(hold, {**known, **OURS}, method="POST") == 200
    assert door.status(hold, {**known, **OURS, "origin": "http://evil.test"}, method="POST") == 403
    assert door.status(hold, {**known, **OURS, "sec-fetch-site": "cross-site"}, method="POST") == 403
    assert door.status(hold, {**known, **OURS, "content-type": "text/plain"}, method="POST") == 415
    assert door.status("/logout", {**known, **OURS, "origin": "null"}, method="POST") == 403


def test_a_wrong_token_is_refused_and_guessing_has_an_end(door: Door) -> None:
    def guess(peer: str = "192.0.2.1:5") -> int:
        return door.status("/login", OURS, method="POST", body={"token": "guess"}, peer=peer)

    assert [guess() for _ in range(10)] == [403] * 10
    assert guess() == 429
    assert guess("192.0.2.2:5") == 403
    assert door.status("/login", OURS, method="POST", body={"token": TOKEN}, peer="192.0.2.1:9") == 429
    door.clock.time += 301
    assert door.status("/login", OURS, method="POST", body={"token": TOKEN}, peer="192.0.2.1:9") == 200


@pytest.mark.parametrize("body", [None, {}, [], {"token": 5}, {"token": None}])
def test_nonsense_is_no_token(door: Door, body: object) -> None:
    assert door.status("/login", OURS, method="POST", body=body) == 400


def test_a_stranger_can_not_log_somebody_in(door: Door) -> None:
    assert door.status("/login", {**OURS, "origin": "http://evil.test"}, method="POST", body={"token": TOKEN}) == 403


def test_programs_show_the_token_with_each_request(door: Door) -> None:
    assert door.status("/metrics", {**HOST, "authorization": f"Bearer {TOKEN}"}) == 200
    assert door.status("/metrics", {**HOST, "authorization": "Bearer wrong"}) == 401
    assert door.status("/metrics", {**cookie(door.log_in()), "authorization": "Basic abc"}) == 401
