"""The lab of a development server by its API: lines go in, replies with their causes come out, and nothing grows."""

from typing import Any

from heloise.app.dev.lab import MOST
from tests.app.test_dev_api import Ask, Send, serve


async def opened(ask: Ask) -> dict[str, Any]:
    status, told = await ask("POST", "/lab", {})
    assert status == 200
    return dict(told)


async def said(ask: Ask, lab: dict[str, Any], line: str) -> dict[str, Any]:
    after = lab["events"][-1]["number"]
    status, told = await ask("POST", f"/lab/{lab['id']}/say?after={after}", {"line": line})
    assert status == 200
    return dict(told)


def test_a_line_is_said_and_the_engine_tells_why_it_was_answered_so() -> None:
    async def act(ask: Ask, send: Send) -> None:
        lab = await opened(ask)
        assert (lab["state"], lab["kind"]) == ("greeted", "command")
        assert lab["events"][-1]["cause"] == "session.greeting"
        told = await said(ask, lab, "MAIL FROM:<a@b.test>")
        assert [event["by"] for event in told["events"]] == ["C", "S"]
        assert told["events"][-1]["cause"] == "sequence.hello-first"
        told = await said(ask, told, "EHLO c.test")
        assert told["state"] == "ready"
        assert told["next"][0]["line"] == "MAIL FROM:<me@example.test>"
        _, found = await ask("GET", f"/lab/{lab['id']}/complete?typed=mai")
        assert found["lines"] == ["MAIL FROM:<me@example.test>"]

    serve(act)


def test_a_challenge_of_auth_is_explained_by_its_code() -> None:
    async def act(ask: Ask, send: Send) -> None:
        lab = await said(ask, await opened(ask), "EHLO c.test")
        told = await said(ask, lab, "AUTH LOGIN")
        assert (told["state"], told["kind"]) == ("authenticating", "response")
        assert told["events"][-1]["code"] == 334
        assert told["events"][-1]["clause"].startswith("RFC 4954")

    serve(act, {"me": "secret"})


def test_octets_are_read_with_their_escapes() -> None:
    async def act(ask: Ask, send: Send) -> None:
        lab = await opened(ask)
        path = f"/lab/{lab['id']}/say?after={lab['events'][-1]['number']}"
        _, told = await ask("POST", path, {"octets": r"NOOP\r\nFOO\nBAR\r\n"})
        assert [event["cause"] for event in told["events"] if event["by"] == "S"] == ["noop.done", "line.ending"]

    serve(act)


def test_what_can_not_be_said_is_refused_and_the_session_lives_on() -> None:
    async def act(ask: Ask, send: Send) -> None:
        lab = await opened(ask)
        bodies: tuple[object, ...] = ({"line": "A\r\nB"}, {"line": "x" * 5000}, {"line": 5}, {}, [], {"octets": r"\x"})
        for body in bodies:
            assert (await ask("POST", f"/lab/{lab['id']}/say", body))[0] == 400, body
        assert (await said(ask, lab, "NOOP"))["events"][-1]["cause"] == "noop.done"
        assert (await ask("GET", "/lab/nonsense"))[0] == 404

    serve(act)


def test_a_session_that_is_over_is_told_so() -> None:
    async def act(ask: Ask, send: Send) -> None:
        lab = await opened(ask)
        told = await said(ask, lab, "QUIT")
        assert (told["state"], told["kind"], told["next"]) == ("closed", "nothing", [])
        assert (await ask("POST", f"/lab/{lab['id']}/say", {"line": "NOOP"}))[0] == 409
        assert (await ask("DELETE", f"/lab/{lab['id']}"))[0] == 200
        assert (await ask("DELETE", f"/lab/{lab['id']}"))[0] == 404

    serve(act)


def test_the_one_that_was_silent_for_longest_makes_room() -> None:
    async def act(ask: Ask, send: Send) -> None:
        first, second = await opened(ask), await opened(ask)
        await said(ask, first, "NOOP")
        for _ in range(MOST - 1):
            await opened(ask)
        assert (await ask("GET", f"/lab/{first['id']}"))[0] == 200
        assert (await ask("GET", f"/lab/{second['id']}"))[0] == 404

    serve(act)
