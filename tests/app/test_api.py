"""The API does what `heloise queue` and `heloise trace` do, and answers as its document says."""

import json
import re
import smtplib
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from heloise.app.operator.api import BASE, OPERATIONS
from heloise.app.operator.openapi import SCHEMAS, document
from tests.peers import free_port
from tests.serving import Served, served

SECONDS = 30.0  # a deadline, not a wait
CONFIGURATION = """\
hostname = "mx.test"
state = "state"
processes = {processes}
[[listener]]
address = "127.0.0.1:0"
[[route]]
domains = ["there.test"]
to = "smtp:127.0.0.1:9"
on_request = true
[admin]
address = "127.0.0.1:{admin}"
"""
TYPES: dict[str, type | tuple[type, ...]] = {
    "string": str,
    "number": (int, float),
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
}


def conforms(value: Any, schema: Any, place: str = "answer") -> None:
    """As much of JSON Schema as the document uses."""
    if "$ref" in schema:
        conforms(value, SCHEMAS[schema["$ref"].rpartition("/")[2]], place)
        return
    if "oneOf" in schema:
        if value is not None:
            conforms(value, schema["oneOf"][0], place)
        return
    kinds = schema["type"] if isinstance(schema["type"], list) else [schema["type"]]
    if value is None:
        assert "null" in kinds, place
        return
    assert any(isinstance(value, TYPES[kind]) for kind in kinds if kind != "null"), f"{place}: {value!r}"
    if isinstance(value, dict) and "properties" in schema:
        assert set(value) == set(schema["properties"]), place
        for name, inner in schema["properties"].items():
            conforms(value[name], inner, f"{place}.{name}")
    for number, item in enumerate(value if isinstance(value, list) else []):
        conforms(item, schema["items"], f"{place}[{number}]")


@dataclass(frozen=True, slots=True)
class Api:
    """The API of a running server."""

    port: int
    server: Served

    def ask(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and answer, which is what the document says it is."""
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{BASE}{path}", method=method)
        if method == "POST":
            request.data = json.dumps(body if body is not None else {}).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with urllib.request.urlopen(request, timeout=SECONDS) as answer:
                status, said = answer.status, answer.read()
        except urllib.error.HTTPError as error:
            status, said = error.code, error.read()
        operation = next(
            each
            for each in OPERATIONS
            if each.method == method and re.fullmatch(re.sub(r"{\w+}", "[^/]+", each.path), path.partition("?")[0])
        )
        if status != 200:
            conforms(json.loads(said), SCHEMAS["Problem"])
        elif not operation.answer:
            return status, said
        else:
            conforms(json.loads(said), SCHEMAS[operation.answer])
        return status, json.loads(said)

    def ids(self, query: str = "") -> list[str]:
        return [each["id"] for each in self.ask("GET", f"/queue{query}")[1]["messages"]]


@pytest.fixture(params=[1, 2], ids=["one process", "two processes"])
def api(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Api]:
    admin, path = free_port(), tmp_path / "heloise.toml"
    path.write_text(CONFIGURATION.format(processes=request.param, admin=admin))
    with served(path, tmp_path / "state", log=tmp_path / "log") as server:
        for number in range(6):
            with smtplib.SMTP("127.0.0.1", server.port, timeout=SECONDS) as client:
                client.sendmail("a@client.test", [f"b{number}@there.test"], f"Subject: {number}\r\n\r\nhello\r\n")
        yield Api(admin, server)


@pytest.mark.slow
def test_the_queue_is_listed_page_by_page_and_narrowed(api: Api) -> None:
    status, first = api.ask("GET", "/queue?limit=4")
    assert (status, len(first["messages"]), first["counts"]["messages"]) == (200, 4, 6)
    _, rest = api.ask("GET", f"/queue?limit=4&after={first['after']}")
    assert (len(rest["messages"]), rest["after"]) == (2, None)
    assert [*(each["id"] for each in first["messages"]), *(each["id"] for each in rest["messages"])] == api.ids()
    assert len(api.ids("?recipient=b3@there.test")) == 1
    assert api.ids("?state=held") == []
    assert api.ask("GET", "/queue?colour=red")[0] == 400
    assert api.ask("GET", "/queue?limit=0")[0] == 400
    assert api.ask("GET", "/queue?state=purple")[0] == 409


@pytest.mark.slow
def test_a_message_is_held_released_and_removed_and_its_passport_tells(api: Api) -> None:
    message = api.ids()[0]
    assert api.ask("POST", f"/messages/{message}/hold") == (200, {"recipients": 1, "under_way": 0})
    _, shown = api.ask("GET", f"/messages/{message}")
    assert shown["queued"]["recipients"][0]["state"] == "held"
    assert [each["event"] for each in shown["timeline"]["events"]][-1] == "commanded"
    assert b"Subject: " in api.ask("GET", f"/messages/{message}/content")[1]
    assert api.ask("POST", f"/messages/{message}/redirect", {"to": "discard:"})[1]["recipients"] == 1
    deadline = time.monotonic() + SECONDS
    while (shown := api.ask("GET", f"/messages/{message}")[1])["queued"] is not None:
        assert time.monotonic() < deadline, shown
        time.sleep(0.02)
    assert api.ask("GET", f"/messages/{message}")[1]["timeline"]["sender"] == "<a@client.test>"
    released, other = api.ids()[:2]
    assert api.ask("POST", f"/messages/{released}/hold")[1]["recipients"] == 1
    assert api.ask("POST", f"/messages/{released}/release")[1]["recipients"] == 1
    assert api.ask("POST", f"/messages/{other}/remove")[1]["recipients"] == 1
    assert api.ask("POST", f"/messages/{other}/hold")[0] == 404
    assert api.ask("GET", f"/messages/{other}/content")[0] == 404
    assert api.ask("GET", "/messages/NOSUCHMESSAGE")[0] == 404


@pytest.mark.slow
def test_many_are_changed_when_it_is_said_which_and_all_only_when_that_is_said(api: Api) -> None:
    assert api.ask("POST", "/queue/remove")[0] == 400
    assert api.ask("POST", "/queue/remove", {"selection": {"color": "red"}})[0] == 400
    assert api.ask("POST", "/queue/remove", {"all": True, "to": "discard:"})[0] == 400
    assert len(api.ids()) == 6
    assert api.ask("POST", "/queue/hold", {"selection": {"recipient": "b3@there.test"}})[1]["recipients"] == 1
    assert len(api.ids("?state=held")) == 1
    assert api.ask("POST", "/queue/redirect", {"all": True})[0] == 409
    assert api.ask("POST", "/queue/remove", {"all": True})[1]["recipients"] == 6
    assert api.ids() == []


@pytest.mark.slow
def test_a_reload_by_the_api(api: Api, tmp_path: Path) -> None:
    path = tmp_path / "heloise.toml"
    text = path.read_text()
    path.write_text(text.replace("mx.test", "new.test"))
    status, answer = api.ask("POST", "/reload")
    assert (status, "new.test" in answer["changed"][0], answer["kept"]) == (200, True, [])
    path.write_text("wrong")
    status, answer = api.ask("POST", "/reload")
    assert (status, "heloise.toml:1" in answer["detail"]) == (409, True)
    assert api.ask("GET", "/health") == (200, {"live": True, "ready": True, "why": None})
    assert api.ask("GET", "/destinations")[0] == 200


def test_every_operation_is_in_the_document_and_every_reference_leads_somewhere() -> None:
    made = document("1")
    assert sum(map(len, made["paths"].values())) == len(OPERATIONS)
    names = [operation["operationId"] for path in made["paths"].values() for operation in path.values()]
    assert len(names) == len(set(names))
    references = re.findall(r'"\$ref": "#/components/schemas/(\w+)"', json.dumps(made))
    assert set(references) <= set(SCHEMAS)
    assert set(SCHEMAS) <= set(references)
