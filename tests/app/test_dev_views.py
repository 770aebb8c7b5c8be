"""What the pages of a development server ask: rows, news, views of a message, a sample."""

import asyncio
import json
from email.message import EmailMessage
from typing import Any

import pytest

import heloise
from heloise.app.dev.api import DevApi
from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.inbox.inbox import Retention
from heloise.net import real_world
from heloise.reception.door import nobody_watches
from heloise.web.exchange import Answer, HttpProblem, Request
from heloise.world import Endpoint

BASE = "/api/heloise/v1"


class Server:
    """A development server and its API, asked without HTTP."""

    def __init__(self, running: Catching, api: DevApi) -> None:
        self.running = running
        self._api = api

    async def answer(self, path: str, method: str = "GET", **query: str) -> Answer:
        headers = {"host": "127.0.0.1:8025"}
        return await self._api.answer(Request(method=method, path=BASE + path, query=query, headers=headers))

    async def ask(self, path: str, method: str = "GET", **query: str) -> Any:
        body = (await self.answer(path, method, **query)).body
        assert isinstance(body, bytes)
        return json.loads(body)

    async def send(self, content: bytes, *, sender: str = "a@b.test", to: str = "c@d.test") -> None:
        await heloise.send(content, sender=sender, recipients=[to], port=self.running.endpoint.port)

    async def send_refused(self, to: str) -> None:
        with pytest.raises(heloise.SmtpRefusal):
            await self.send(b"Subject: no\r\n\r\n", to=to)


def serve(act: Any, **options: Any) -> None:
    async def scenario() -> None:
        world = real_world()
        wanted = CatchOptions(endpoint=Endpoint("127.0.0.1", 0), **options)
        async with catching(world, wanted, Journal(lambda *_: None), nobody_watches) as running:
            await act(Server(running, DevApi(running, "1", world)))
        await world.blocking.close()

    asyncio.run(asyncio.wait_for(scenario(), 60))


def letter(subject: str = "Hello", **fields: str) -> bytes:
    lines = [f"Subject: {subject}", *(f"{name}: {value}" for name, value in fields.items()), "", "Text", ""]
    return "\r\n".join(lines).encode()


# Rows


def test_a_refused_session_is_listed_with_its_first_no_beside_those_with_mail() -> None:
    async def act(server: Server) -> None:
        await server.send(letter("one"))
        await server.send_refused("550.rcpt@d.test")
        listed = await server.ask("/rows")
        assert (listed["total"], listed["messages"], listed["sessions"]) == (2, 1, 2)
        refused, taken = listed["rows"]
        assert refused["refusal"]["code"] == 550
        assert refused["refusal"]["to"] == "RCPT TO:<550.rcpt@d.test>"
        assert (refused["sender"], refused["recipient"]) == ("<a@b.test>", "<550.rcpt@d.test>")
        assert (taken["refusal"], taken["messages"][0]["subject"], taken["message_count"]) == (None, "one", 1)

    serve(act)


def test_rows_are_found_by_what_was_said_by_mailbox_and_by_state() -> None:
    async def act(server: Server) -> None:
        await server.send(letter("invoice"), to="alice@d.test")
        await server.send_refused("550.rcpt@d.test")

        async def found(**query: str) -> list[str]:
            return [each["recipient"] for each in (await server.ask("/rows", **query))["rows"]]

        assert await found(query="invoice") == ["<alice@d.test>"]
        assert await found(query="550.rcpt") == ["<550.rcpt@d.test>"]
        assert await found(query="to:alice") == ["<alice@d.test>"]
        assert await found(mailbox="alice@d.test") == ["<alice@d.test>"]
        assert await found(mailbox="550.rcpt@d.test") == ["<550.rcpt@d.test>"]
        assert await found(only="refused") == ["<550.rcpt@d.test>"]
        assert await found(only="mail") == ["<alice@d.test>"]
        assert await found(query="nowhere") == []
        with pytest.raises(HttpProblem, match="only is one of"):
            await found(only="x")
        with pytest.raises(HttpProblem, match="query"):
            await found(query='"x')

    serve(act)


def test_mail_whose_session_is_forgotten_is_still_listed() -> None:
    async def act(server: Server) -> None:
        await server.send(letter("old"))
        await server.ask("/sessions", "DELETE")
        await server.send(letter("new"))
        listed = (await server.ask("/rows"))["rows"]
        assert [each["messages"][0]["subject"] for each in listed] == ["new", "old"]
        assert [each["is_known"] for each in listed] == [True, False]

    serve(act)


def test_a_part_of_the_rows_is_given_as_asked_for() -> None:
    async def act(server: Server) -> None:
        for number in range(5):
            await server.send(letter(f"n{number}"))
        some = await server.ask("/rows", view="messages", start="1", limit="2")
        assert [each["messages"][0]["subject"] for each in some["rows"]] == ["n3", "n2"]
        assert (some["total"], some["begun"], some["caught"]) == (5, 5, 5)
        assert (await server.ask("/rows", start="7"))["rows"] == []

    serve(act)


def test_what_retention_took_away_is_in_no_row() -> None:
    async def act(server: Server) -> None:
        for number in range(4):
            await server.send(letter(f"n{number}"))
        rows = (await server.ask("/rows"))["rows"]
        assert [len(each["messages"]) for each in rows] == [1, 1, 0, 0]

    serve(act, retention=Retention(messages=2))


# News


def test_whoever_listens_is_told_of_each_change_and_of_many_at_once() -> None:
    async def act(server: Server) -> None:
        answer = await server.answer("/events")
        assert answer.content_type == "text/event-stream"
        assert not isinstance(answer.body, bytes)
        told = aiter(answer.body)
        assert b"retry" in await anext(told)
        first = json.loads((await anext(told)).removeprefix(b"data: "))
        assert first["messages"] == 0
        for number in range(20):
            await server.send(letter(str(number)))
        words = 0
        while (now := json.loads((await anext(told)).removeprefix(b"data: ")))["messages"] < 20:
            words += 1
        assert now["revision"] > first["revision"]
        assert words < 20

    serve(act)


def test_forgetting_is_news_as_well() -> None:
    async def act(server: Server) -> None:
        await server.send(letter())
        before = (await server.ask("/state"))["revision"]
        await server.ask("/messages", "DELETE")
        after = await server.ask("/state")
        assert (after["revision"] > before, after["messages"]) == (True, 0)

    serve(act)


# Views


def rich() -> bytes:
    made = EmailMessage()
    made["From"] = "Other <other@b.test>"
    made["To"] = "c@d.test"
    made["Cc"] = "left-out@d.test"
    made["Subject"] = "Rich"
    made.set_content("plain words\n")
    made.add_alternative('<p>html <img src="cid:a%40b"><img src=cid:unknown></p>', subtype="html")
    html = made.get_payload()[1]  # type: ignore[index]
    html.add_related(b"\x89PNG", "image", "png", cid="<a@b>")  # type: ignore[union-attr]
    made.add_attachment(b"<script>alert(1)</script>", maintype="text", subtype="html", filename='x"\u00e9.html')
    return made.as_bytes().replace(b"\n", b"\r\n")


def test_a_message_is_told_with_its_parts_and_both_of_its_texts() -> None:
    async def act(server: Server) -> None:
        await server.send(rich())
        (row,) = (await server.ask("/rows"))["rows"]
        path = f"/messages/{row['messages'][0]['id']}"
        view = await server.ask(f"{path}/view")
        assert (view["plain"], view["has_html"], view["body_type"]) == ("plain words\r\n", True, "7BIT")
        kinds = [(part["content_type"], part["filename"], part["disposition"]) for part in view["parts"]]
        assert kinds[2:] == [("image/png", None, "inline"), ("text/html", 'x"\u00e9.html', "attachment")]
        compared = [(each["envelope"], each["header"], each["is_same"]) for each in view["compared"]]
        assert compared == [
            ("a@b.test", "other@b.test", False),
            ("c@d.test", "c@d.test", True),
            ("", "left-out@d.test", False),
        ]
        source = (await server.answer(f"{path}/source", first="20")).body
        assert isinstance(source, bytes)
        assert len(source) == 20

    serve(act)


def test_html_comes_with_a_policy_and_its_own_pictures_only() -> None:
    async def act(server: Server) -> None:
        await server.send(rich())
        (row,) = (await server.ask("/rows"))["rows"]
        path = f"/messages/{row['messages'][0]['id']}"
        answer = await server.answer(f"{path}/html")
        assert isinstance(answer.body, bytes)
        assert f'src="{BASE}{path}/parts/1.2.2"'.encode() in answer.body
        assert b"cid:unknown" in answer.body
        rules = answer.headers["Content-Security-Policy"]
        assert rules.startswith("sandbox; default-src 'none'; ")
        assert f"img-src data: http://127.0.0.1:8025{BASE}{path}/parts/;" in rules

    serve(act)


def test_a_part_is_never_a_page() -> None:
    async def act(server: Server) -> None:
        await server.send(rich())
        (row,) = (await server.ask("/rows"))["rows"]
        path = f"/messages/{row['messages'][0]['id']}/parts"
        page, picture = await server.answer(f"{path}/2"), await server.answer(f"{path}/1.2.2")
        assert (page.content_type, page.body) == ("application/octet-stream", b"<script>alert(1)</script>")
        assert page.headers["Content-Disposition"] == "attachment; filename*=UTF-8''x%22%C3%A9.html"
        assert "sandbox" in page.headers["Content-Security-Policy"]
        assert (picture.content_type, picture.body) == ("image/png", b"\x89PNG")
        for number in ("3", "-1", "x", "99999999999", "1"):
            with pytest.raises(HttpProblem, match="has no part"):
                await server.answer(f"{path}/{number}")

    serve(act)


# The sample


def test_the_sample_is_refused_once_by_a_rule_and_then_taken() -> None:
    async def act(server: Server) -> None:
        for round_ in (1, 2):
            told = await server.ask("/sample", "POST")
            assert [each["code"] for each in told["replies"]] == [451, 250]
            taken, refused = (await server.ask("/rows"))["rows"][:2]
            assert (refused["refusal"]["code"], refused["refusal"]["cause"]) == (451, "fault.rule")
            assert taken["messages"][0]["subject"].startswith("A sample")
            faults = (await server.ask("/faults"))["faults"]
            assert [(each["fault"], each["struck"]) for each in faults] == [("the sample: 451 once, then accept", 1)]
            assert (await server.ask("/state"))["messages"] == round_

    serve(act)


def test_the_sample_of_a_server_that_speaks_lmtp_speaks_it_as_well() -> None:
    async def act(server: Server) -> None:
        told = await server.ask("/sample", "POST")
        assert [each["code"] for each in told["replies"]] == [451, 250]

    serve(act, lmtp=True)


def test_one_rule_of_several_is_forgotten() -> None:
    async def act(server: Server) -> None:
        from heloise.faults.phrase import parse_phrase

        server.running.faults.add(*(parse_phrase(f"{code} once") for code in (450, 451, 452)))
        left = await server.ask("/faults/1", "DELETE")
        assert [each["fault"] for each in left["faults"]] == ["450 once", "452 once"]
        with pytest.raises(HttpProblem, match="no rule 2"):
            await server.ask("/faults/2", "DELETE")

    serve(act)


def test_any_octets_in_any_place_can_be_shown() -> None:
    async def act(server: Server) -> None:
        octets = b"From: \xff <a@b.test>\r\nSubject: \xfe\x00\r\nX-\xff: \xfd\r\n\r\n\xfc\x00\r\n"
        reader, writer = await asyncio.open_connection("127.0.0.1", server.running.endpoint.port)
        writer.write(b"EHLO c.test\r\nMAIL FROM:<a@b.test> BODY=8BITMIME\r\nRCPT TO:<c@d.test>\r\nNOOP \xff\r\n")
        writer.write(b"BDAT %d LAST\r\n" % len(octets) + octets + b"QUIT\r\n")
        await reader.read()
        writer.close()
        (message,) = server.running.inbox.messages
        for path in ("/view", "", "/source", "/links"):
            assert (await server.answer(f"/messages/{message.message_id}{path}")).status == 200
        assert (await server.ask(f"/messages/{message.message_id}/view"))["body_type"] == "8BITMIME"
        (session,) = server.running.sessions.sessions
        assert (await server.answer(f"/sessions/{session.session_id}/view")).status == 200
        assert (await server.ask("/rows"))["total"] == 1

    serve(act)


def test_the_way_of_a_message_is_told_with_the_sessions_in_which_it_was_refused() -> None:
    async def act(server: Server) -> None:
        from heloise.faults.phrase import parse_phrase

        server.running.faults.give(parse_phrase("451 twice"))
        ways = []
        for _ in range(2):
            await server.send_refused("c@d.test")
            (*_, session) = server.running.sessions.sessions
            ways.append((await server.ask(f"/sessions/{session.session_id}/told"))["next"])
        await server.send(letter(), to="c@d.test")
        assert [way[0]["words"] for way in ways] == [
            "may come again, and is refused 1 more time by /faults:1",
            "may come again, and passes /faults:1 then",
        ]
        first, second, _ = server.running.sessions.sessions
        (came,) = (await server.ask(f"/sessions/{first.session_id}/told"))["next"]
        assert (came["words"], came["id"]) == ("came again", second.session_id)
        (came,) = (await server.ask(f"/sessions/{second.session_id}/told"))["next"]
        assert came["words"] == "came again, and was taken"
        (message,) = server.running.inbox.messages
        told = await server.ask(f"/messages/{message.message_id}/told")
        topics = [line["topic"] for event in told["events"] for line in event["lines"]]
        assert topics.count("reply") == 3  # two refusals, and the yes
        assert topics.index("accepted") > topics.index("RCPT")
        assert told["recipients"] == {"<c@d.test>": "waiting"}
        assert told["next"] == []
        await server.ask(f"/messages/{message.message_id}", "DELETE")
        await server.ask("/sessions", "DELETE")
        assert server.running.passports.entries(message.message_id) == []
        assert server.running.passports.entries(first.session_id) == []

    serve(act)
