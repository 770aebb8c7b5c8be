"""A server that stands in for the real one in tests fails on purpose; no other does, whatever its file says."""

import asyncio
import json
import urllib.request
from pathlib import Path
from typing import Any

import pytest

from heloise.app.journal import Journal
from heloise.app.operator.control_desk import ControlError
from heloise.app.server.mail_server import MailServer
from heloise.config import ConfigError, parse_configuration
from heloise.config.advice import advise
from heloise.net import real_world
from tests.failing.house import Client
from tests.peers import free_port
from tests.serving import served

BASE = """\
hostname = "mx.test"
state = "{state}"
processes = 4
[[listener]]
address = "127.0.0.1:0"
[local]
domains = ["mx.test"]
[[user]]
name = "alice"
[staging]
fail_on_purpose = true
seed = 3
"""
FAULT = '[[fault]]\nto = "alice@*"\nreply = "451 4.3.0 Not now"\ntimes = 2\n'


def test_faults_in_a_file_are_an_error_where_the_server_may_not_fail() -> None:
    text = BASE.format(state="state").replace("fail_on_purpose = true\n", "") + FAULT
    with pytest.raises(ConfigError, match=r"heloise\.toml:12: \[fault\] this server is not one that may fail"):
        parse_configuration(text, directory="/d")


def test_a_fault_that_can_not_happen_is_told_with_its_line() -> None:
    with pytest.raises(ConfigError, match=r"heloise\.toml:13: \[fault\] nothing happens by it"):
        parse_configuration(BASE.format(state="state") + '[[fault]]\nto = "a"\n', directory="/d")


def test_it_is_told_as_a_risk_and_has_one_process() -> None:
    configuration = parse_configuration(BASE.format(state="state") + FAULT, directory="/d")
    assert configuration.process_count == 1
    told = [str(each) for each in advise(configuration)]
    assert any(each.startswith("heloise.toml:11: [staging] this server fails on purpose") for each in told), told


class _Told:
    def __init__(self) -> None:
        self.events: list[tuple[str, dict[str, object]]] = []

    def __call__(self, level: str, event: str, fields: Any) -> None:
        self.events.append((event, dict(fields)))


async def _codes(server: MailServer, times: int) -> list[str]:
    world = real_world()
    codes = []
    for _ in range(times):
        client = Client(await world.network.connect(server.endpoints[0], timeout=30))
        await client.reply()
        codes.append(await client.code("EHLO c.test", "MAIL FROM:<>", "RCPT TO:<alice@mx.test>"))
        client.stream.close()
    await world.blocking.close()
    return codes


async def _with_server(text: str, act: Any, told: _Told) -> None:
    configuration = parse_configuration(text, directory="/")
    world = real_world()
    server = MailServer(configuration, world, Journal(told))
    await server.start()
    try:
        await act(server)
    finally:
        await server.stop()
        await world.blocking.close()


def test_rules_of_the_file_strike_and_a_reload_takes_them_away(tmp_path: Path) -> None:
    text = BASE.format(state=tmp_path / "state")
    told = _Told()

    async def act(server: MailServer) -> None:
        assert await _codes(server, 3) == ["451", "451", "250"]
        change = await server.prepare(parse_configuration(text + FAULT.replace("451", "452"), directory="/"))
        await change.commit()
        assert await _codes(server, 1) == ["452"]
        change = await server.prepare(parse_configuration(text, directory="/"))
        await change.commit()
        assert await _codes(server, 1) == ["250"]

    asyncio.run(_with_server(text + FAULT, act, told))
    refused = [fields for event, fields in told.events if "fault.rule" in map(str, fields.values())]
    assert [each["rule"] for each in refused[:2]] == ["heloise.toml:13", "heloise.toml:13"]
    assert ("server.fails-on-purpose", {"rules": 1}) in told.events


def test_faults_are_added_and_forgotten_by_who_operates_it(tmp_path: Path) -> None:
    async def act(server: MailServer) -> None:
        ask = server.desk.ask
        keys = {"stage": "rcpt", "to": "alice@*", "reply": "450 4.2.1 Busy", "times": 1}
        answer = await ask({"do": "add-faults", "faults": [keys, "453 once, then accept"]})
        assert [each["times"] for each in answer["faults"]] == [2, 1, 1]
        assert await _codes(server, 5) == ["451", "451", "450", "453", "250"]
        assert [each["struck"] for each in (await ask({"do": "faults"}))["faults"]] == [2, 1, 1]
        with pytest.raises(ControlError, match=r'unknown key "replay" .did you mean "reply"'):
            await ask({"do": "add-faults", "faults": [{"replay": "450"}]})
        assert await ask({"do": "forget-faults"}) == {"removed": 2}
        assert len((await ask({"do": "faults"}))["faults"]) == 1

    asyncio.run(_with_server(BASE.format(state=tmp_path / "state") + FAULT, act, _Told()))


def test_a_proxy_says_who_its_client_is_to_a_server_that_fails(tmp_path: Path) -> None:
    async def act(server: MailServer) -> None:
        world = real_world()
        client = Client(await world.network.connect(server.endpoints[0], timeout=30))
        await client.reply()
        assert await client.code("EHLO c.test", "XCLIENT ADDR=192.0.2.7") == "220"
        assert await client.code("EHLO c.test", "MAIL FROM:<>", "RCPT TO:<alice@mx.test>") == "451"
        client.stream.close()
        await world.blocking.close()

    text = BASE.format(state=tmp_path / "state") + '[xclient]\nnetworks = ["127.0.0.1"]\n' + FAULT
    asyncio.run(_with_server(text, act, _Told()))


def test_a_server_for_mail_takes_no_faults_from_anybody(tmp_path: Path) -> None:
    async def act(server: MailServer) -> None:
        with pytest.raises(ControlError, match="does not fail on purpose"):
            await server.desk.ask({"do": "add-faults", "faults": ["451"]})
        assert await _codes(server, 1) == ["250"]

    text = BASE.format(state=tmp_path / "state").replace("fail_on_purpose = true\n", "processes = 1\n")
    asyncio.run(_with_server(text.replace("processes = 1\n", ""), act, _Told()))


@pytest.mark.slow
def test_the_api_of_a_real_server_has_the_keys_of_the_file(tmp_path: Path) -> None:
    admin, path = free_port(), tmp_path / "heloise.toml"
    path.write_text(BASE.format(state="state") + f'[admin]\naddress = "127.0.0.1:{admin}"\n')
    with served(path, tmp_path / "state", log=tmp_path / "log"):
        url = f"http://127.0.0.1:{admin}/api/v1/faults"
        body = json.dumps({"faults": [{"stage": "mail", "cut": "drop", "probability": 0.5}]}).encode()
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, body, headers)
        with urllib.request.urlopen(request, timeout=30) as answer:
            added = json.load(answer)
        assert added["seed"] == 3
        assert added["faults"][0]["cut"] == "drop"
        with urllib.request.urlopen(
            urllib.request.Request(url, method="DELETE", headers=headers), timeout=30
        ) as answer:
            assert json.load(answer) == {"removed": 1}
