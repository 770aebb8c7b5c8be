"""The API of a development server, asked by a real HTTP client."""

import asyncio
import json
import threading
import urllib.error
import urllib.request
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from types import MappingProxyType
from typing import Any

import pytest

import heloise
from heloise.app.dev.api import DevApi, describe, serving_api
from heloise.app.dev.server import CatchOptions, catching
from heloise.app.journal import Journal
from heloise.net import real_world
from heloise.reception.door import nobody_watches
from heloise.world import Endpoint

Ask = Callable[..., Coroutine[Any, Any, tuple[int, Any]]]
Send = Callable[..., Awaitable[None]]
LETTER = b"From: a@b.test\r\nTo: c@d.test\r\nSubject: %s\r\n\r\nIt works.\r\n"


def serve(act: Callable[[Ask, Send], Awaitable[None]], users: Mapping[str, str] = MappingProxyType({})) -> None:
    """Run `act` beside a server; it asks by method, path and body, and sends mail."""

    async def scenario() -> None:
        world = real_world()
        options = CatchOptions(endpoint=Endpoint("127.0.0.1", 0), users=users)
        journal = Journal(lambda level, event, fields: None)
        async with (
            catching(world, options, journal, nobody_watches) as running,
            serving_api(world, running, Endpoint("127.0.0.1", 0), "1.0") as api,
        ):

            async def ask(method: str, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
                return await asyncio.to_thread(fetch, f"http://{api}/api/heloise/v1{path}", method, body, headers)

            async def send(subject: str, recipient: str = "c@d.test") -> None:
                content = LETTER % subject.encode()
                await heloise.send(content, sender="a@b.test", recipients=[recipient], port=running.endpoint.port)

            await act(ask, send)
        await world.blocking.close()

    asyncio.run(scenario())


def fetch(url: str, method: str, body: object, headers: dict[str, str]) -> tuple[int, Any]:
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            octets = answer.read()
            return answer.status, json.loads(octets) if "json" in answer.headers["Content-Type"] else octets
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_messages_are_listed_shown_searched_and_forgotten() -> None:
    async def act(ask: Ask, send: Send) -> None:
        await send("one")
        await send("two", "alice@d.test")
        status, listed = await ask("GET", "/messages")
        assert (status, [each["subject"] for each in listed["messages"]]) == (200, ["two", "one"])
        newest = listed["messages"][0]["id"]
        _, shown = await ask("GET", f"/messages/{newest}")
        assert shown["envelope"]["recipients"][0]["forward_path"] == "<alice@d.test>"
        assert shown["text"] == "It works.\r\n"
        _, source = await ask("GET", f"/messages/{newest}/source")
        assert source.endswith(LETTER % b"two")
        assert (await ask("GET", "/messages?query=subject:one"))[1]["total"] == 1
        assert (await ask("GET", "/messages?mailbox=alice@d.test"))[1]["messages"][0]["id"] == newest
        assert (await ask("GET", "/mailboxes?by=user"))[1] == {"mailboxes": {"alice": 1, "c": 1}}
        assert (await ask("DELETE", f"/messages/{newest}"))[1] == {"removed": 1}
        assert (await ask("GET", f"/messages/{newest}"))[0] == 404
        assert (await ask("DELETE", "/messages"))[1] == {"removed": 1}

    serve(act)


def test_waiting_is_answered_at_the_moment_the_message_comes_or_with_the_nearest_misses() -> None:
    async def act(ask: Ask, send: Send) -> None:
        waiting = asyncio.create_task(ask("GET", "/wait?to=c@d.test&subject=later&within=30"))
        await send("near")
        await send("later")
        status, found = await waiting
        assert (status, found["messages"][0]["subject"]) == (200, "later")
        status, missed = await ask("GET", "/wait?to=c@d.test&subject=never&within=0.05")
        assert status == 404
        assert missed["nearest"][0]["misses"] == ["subject is 'later', wanted 'never'"]
        assert "C: RCPT TO:<c@d.test>" in missed["detail"]

    serve(act)


def test_faults_are_set_and_sessions_tell_of_them() -> None:
    async def act(ask: Ask, send: Send) -> None:
        assert (await ask("POST", "/faults", {"faults": ["550 once"]}))[0] == 200
        with pytest.raises(heloise.SmtpRefusal):
            await send("refused")
        assert (await ask("GET", "/faults"))[1]["faults"][0]["struck"] == 1
        _, listed = await ask("GET", "/sessions")
        (session,) = listed["sessions"]
        assert (session["taken"], session["refused"]) == (0, 2)  # and the echo of it at DATA
        _, shown = await ask("GET", f"/sessions/{session['id']}")
        causes = [line["cause"] for line in shown["transcript"] if line.get("code") == 550]
        assert causes == ["fault.rule"]
        assert (await ask("GET", "/violations"))[1] == {"violations": []}
        rule = (await ask("GET", "/faults"))[1]["faults"][0]
        assert (rule["rule"], rule["number"]) == ("/faults:1", 1)
        assert (await ask("DELETE", "/faults"))[1] == {"removed": 1}
        assert [each["fault"] for each in (await ask("GET", "/faults"))[1]["removed"]] == ["550 once"]
        assert (await ask("DELETE", "/sessions"))[1] == {"removed": 1}
        await send("taken")

    serve(act)


@pytest.mark.parametrize(
    ("method", "path", "body", "headers", "status"),
    [
        ("GET", "/nothing", None, {}, 404),
        ("POST", "/messages", None, {}, 405),
        ("GET", "/messages?limit=many", None, {}, 400),
        ("GET", "/messages?query=%22open", None, {}, 400),
        ("GET", "/mailboxes?by=colour", None, {}, 400),
        ("GET", "/wait?within=1000", None, {}, 400),
        ("GET", "/wait?within=nan", None, {}, 400),
        ("POST", "/faults", {"faults": ["nonsense"]}, {}, 400),
        ("POST", "/faults", ["451"], {}, 400),
        ("GET", "/sessions/none", None, {}, 404),
        ("GET", "/messages", None, {"Host": "evil.example"}, 403),
        ("DELETE", "/messages", None, {"Origin": "http://evil.example"}, 403),
    ],
)
def test_what_can_not_be_answered_is_told_so(
    method: str, path: str, body: object, headers: dict[str, str], status: int
) -> None:
    async def act(ask: Ask, send: Send) -> None:
        answered, problem = await ask(method, path, body, **headers)
        assert answered == status
        assert problem["detail"]

    serve(act)


def test_every_operation_is_described_and_can_be_asked() -> None:
    async def act(ask: Ask, send: Send) -> None:
        await send("one")
        _, described = await ask("GET", "/openapi.json")
        assert described["openapi"] == "3.1.0"
        taken = described["paths"]["/api/heloise/v1/import"]["post"]
        assert taken["requestBody"]["content"]["application/mbox"]["schema"]["format"] == "binary"
        assert [each["name"] for each in taken["parameters"]] == ["x-heloise"]
        message = (await ask("GET", "/messages"))[1]["messages"][0]
        places = [(path, method) for path, methods in described["paths"].items() for method in methods]
        assert len(places) >= 15
        for path, method in sorted(places, key=lambda place: (place[1] == "delete", -len(place[0]))):
            if path.endswith(("/events", "/html")) or "/lab/{" in path:  # test_dev_views.py, test_dev_lab.py
                continue
            if ("release" in path or "links" in path) and method != "get":  # tests of their own
                continue
            number = message["session"] if "sessions" in path else message["id"]
            short = path.removeprefix("/api/heloise/v1").replace("{id}", number)
            short = short.replace("{number}", "0").replace("{place}", "0").replace("{name}", "550")
            body: object = {"faults": ["451 once at mail"]} if method == "post" else None
            assert (await ask(method.upper(), short + ("?within=0" if "wait" in short else ""), body))[0] == 200
        assert threading.main_thread().is_alive()

    serve(act)


def test_each_operation_has_a_name_of_its_own() -> None:
    async def scenario() -> None:
        world = real_world()
        options = CatchOptions(endpoint=Endpoint("127.0.0.1", 0))
        async with catching(world, options, Journal(lambda *_: None), nobody_watches) as running:
            paths = describe(DevApi(running, "1", world).operations, "1")["paths"]
        await world.blocking.close()
        names = [operation["operationId"] for path in paths.values() for operation in path.values()]
        assert len(names) == len(set(names))

    asyncio.run(scenario())
