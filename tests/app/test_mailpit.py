"""The routes of Mailpit and MailHog: what published clients do not ask, what is refused, and what is safe to show."""

import asyncio
import json
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.app.dev.api import serving_api
from heloise.app.dev.composing import compose
from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.inbox.digest import make_digest
from heloise.net import real_world
from heloise.reception.door import nobody_watches
from heloise.world import Endpoint
from tests.inbox.letters import letter

Asked = Callable[..., Coroutine[Any, Any, tuple[int, dict[str, str], bytes]]]
HTML = (
    "Subject: shown\nContent-Type: multipart/related; boundary=b\n",
    "--b\nContent-Type: text/html\n\n<script>evil()</script><img src='cid:logo@x'><img src='cid:none'>\n"
    "--b\nContent-Type: image/png\nContent-ID: <logo@x>\nContent-Transfer-Encoding: base64\n\naGk=\n--b--",
)


def serve(act: Callable[[Catching, Asked], Awaitable[None]]) -> None:
    async def scenario() -> None:
        world = real_world()
        options = CatchOptions(endpoint=Endpoint("127.0.0.1", 0))
        async with (
            catching(world, options, Journal(lambda *_: None), nobody_watches) as running,
            serving_api(world, running, Endpoint("127.0.0.1", 0), "1.0") as api,
        ):

            async def ask(method: str, path: str, body: object = None, **headers: str) -> Any:
                return await asyncio.to_thread(fetch, f"http://{api}{path}", method, body, headers)

            await act(running, ask)
        await world.blocking.close()

    asyncio.run(scenario())


def fetch(url: str, method: str, body: object, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
    data = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, headers, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            return answer.status, dict(answer.headers), answer.read()
    except urllib.error.HTTPError as error:
        return error.code, dict(error.headers), error.read()


def test_html_that_is_shown_can_not_run_and_loads_only_what_came_with_it() -> None:
    async def act(running: Catching, ask: Asked) -> None:
        message = letter(header=HTML[0], body=HTML[1])
        running.inbox.add(message)
        status, headers, body = await ask("GET", "/view/latest.html")
        assert status == 200
        policy = headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy
        assert "sandbox" in policy
        assert "allow-scripts" not in policy
        assert "allow-same-origin" not in policy
        place = f"/api/v1/message/{message.message_id}/part/2"
        assert f"<img src='{place}'><img src='cid:none'>".encode() in body
        status, headers, body = await ask("GET", place)
        assert (status, headers["Content-Type"], body) == (200, "image/png", b"hi")
        _, headers, _ = await ask("GET", f"/api/v1/message/{message.message_id}/part/1")
        assert headers["Content-Type"] == "text/html"
        assert headers["Content-Security-Policy"].endswith("sandbox")
        assert headers["X-Content-Type-Options"] == "nosniff"

    serve(act)


@pytest.mark.parametrize(
    ("method", "path", "body", "status"),
    [
        ("GET", "/api/v1/message/none", None, 404),
        ("GET", "/api/v1/message/latest/part/9", None, 404),
        ("GET", "/api/v1/message/latest/part/0/thumb", None, 404),
        ("GET", "/view/latest.html", None, 404),
        ("GET", "/view/latest.pdf", None, 404),
        ("GET", "/view/none.txt", None, 404),
        ("GET", "/api/v1/search", None, 400),
        ("GET", "/api/v1/search?query=before:never", None, 400),
        ("GET", "/api/v1/search?query=a&tz=Nowhere/Land", None, 400),
        ("GET", "/api/v1/search?query=a&tz=/etc/passwd", None, 400),
        ("PUT", "/api/v1/messages", {"IDs": ["a"], "Search": "b"}, 400),
        ("PUT", "/api/v1/messages", b"{", 400),
        ("DELETE", "/api/v1/messages", b"[1]", 400),
        ("DELETE", "/api/v1/messages", {"IDs": "all"}, 400),
        ("PUT", "/api/v1/chaos", {"Sender": {"ErrorCode": 250, "Probability": 1}}, 400),
        ("PUT", "/api/v1/chaos", {"Sender": {"ErrorCode": 450, "Probability": 101}}, 400),
        ("PUT", "/api/v1/chaos", {"Sender": 7}, 400),
        ("PUT", "/api/v1/tags/none", {"Name": "other"}, 400),
        ("POST", "/api/v1/message/latest/release", {"To": ["a@b.test"]}, 400),
        ("POST", "/api/v1/send", {"To": "a@b.test"}, 400),
        ("GET", "/api/v1/messages/none", None, 404),
        ("DELETE", "/api/v1/messages/none", None, 404),
        ("GET", "/api/v2/search?kind=colour&query=a", None, 400),
        ("GET", "/api/v2/search?kind=to&query=", None, 400),
        ("POST", "/api/v1/messages/none/release", {}, 404),
        ("GET", "/api/v2/jim", None, 404),
        ("PUT", "/api/v2/jim", {}, 404),
        ("DELETE", "/api/v2/jim", None, 404),
        ("POST", "/api/v2/jim", {"AcceptChance": 2}, 400),
        ("POST", "/api/v2/jim", {"RejectAuthChance": "much"}, 400),
    ],
)
def test_what_can_not_be_done_is_told_in_plain_text_and_loses_nothing(
    method: str, path: str, body: object, status: int
) -> None:
    async def act(running: Catching, ask: Asked) -> None:
        running.inbox.add(letter())
        answered, headers, told = await ask(method, path, body)
        assert answered == status
        assert headers["Content-Type"].startswith("text/plain") or path.endswith("/send")
        assert told
        assert len(running.inbox) == 1
        assert running.faults.rules == ()

    serve(act)


def test_jim_comes_with_his_chances_and_goes() -> None:
    async def act(running: Catching, ask: Asked) -> None:
        assert (await ask("POST", "/api/v2/jim"))[0] == 201
        _, _, told = await ask("GET", "/api/v2/jim")
        assert json.loads(told)["RejectSenderChance"] == 0.05
        assert json.loads(told)["AcceptChance"] == pytest.approx(0.99)
        assert (await ask("POST", "/api/v2/jim"))[0] == 400
        assert (await ask("PUT", "/api/v2/jim", {"RejectRecipientChance": 1, "AcceptChance": 1}))[0] == 200
        rejecting = [rule for rule in running.faults.rules if rule.probability == 1]
        assert [str(rule.reply)[:9] for rule in rejecting] == ["550 5.1.1"]
        assert (await ask("DELETE", "/api/v2/jim"))[0] == 200
        assert running.faults.rules == ()

    serve(act)


def test_chaos_leaves_other_faults_alone() -> None:
    async def act(running: Catching, ask: Asked) -> None:
        await ask("POST", "/api/heloise/v1/faults", {"faults": ["451 once"]}, **{"Content-Type": "application/json"})
        wanted = {"Sender": {"ErrorCode": 452, "Probability": 5}}
        status, _, told = await ask("PUT", "/api/v1/chaos", wanted)
        assert (status, json.loads(told)["Sender"]) == (200, wanted["Sender"])
        assert len(running.faults.rules) == 2
        await ask("PUT", "/api/v1/chaos", {})
        assert [rule.name for rule in running.faults.rules] == ["451 once"]

    serve(act)


def test_mailhogs_shapes_have_octets_as_they_stand() -> None:
    async def act(running: Catching, ask: Asked) -> None:
        running.inbox.add(letter(header=HTML[0], body=HTML[1]))
        message_id = running.inbox.messages[0].message_id
        told = json.loads((await ask("GET", f"/api/v1/messages/{message_id}"))[2])
        assert told["From"] == {"Relays": None, "Mailbox": "a", "Domain": "b.test", "Params": ""}
        assert [part["Body"] for part in told["MIME"]["Parts"]][1] == "aGk="
        assert told["Content"]["Headers"]["Return-Path"] == ["<a@b.test>"]
        _, headers, body = await ask("GET", f"/api/v1/messages/{message_id}/mime/part/1/download")
        assert (headers["Content-Disposition"].partition(";")[0], body) == ("attachment", b"hi")
        assert (await ask("GET", f"/api/v1/messages/{message_id}/mime/part/2/download"))[0] == 404
        _, _, body = await ask("GET", f"/api/v1/messages/{message_id}/download")
        assert body == running.inbox.messages[0].octets

    serve(act)


def test_pages_of_strangers_reach_none_of_these_routes() -> None:
    async def act(running: Catching, ask: Asked) -> None:
        assert (await ask("GET", "/api/v1/messages", Host="evil.test"))[0] == 403
        assert (await ask("DELETE", "/api/v1/messages", Origin="http://evil.test"))[0] == 403
        assert (await ask("GET", "/readyz"))[2] == b"ok"

    serve(act)


words = st.text(st.characters(codec="utf-8", exclude_characters="\r\n\0", exclude_categories=("Cs", "Cc")), max_size=80)


@given(subject=words, name=words, text=words, octets=st.binary(max_size=200))
def test_a_message_that_is_composed_reads_as_it_was_meant(subject: str, name: str, text: str, octets: bytes) -> None:
    import base64

    wanted = {
        "From": {"Email": "me@example.test", "Name": "Me"},
        "To": [{"Email": "you@example.test", "Name": name}],
        "Cc": [{"Email": "cc@example.test"}],
        "Subject": subject,
        "Text": text,
        "HTML": f"<p>{text}</p>",
        "Attachments": [{"Filename": "a.bin", "Content": base64.b64encode(octets).decode()}],
    }
    composed = compose(wanted, now=0, message_id="M1")
    assert len(composed.envelope.recipients) == 2
    digest = make_digest(composed.octets)
    assert digest.subject.split() == subject.split()
    assert digest.to[0].address == "you@example.test"
    assert digest.attachments == 1
    assert digest.has_html


@pytest.mark.parametrize(
    ("wanted", "why"),
    [
        ({"Subject": "a\nb"}, "one line"),
        ({"Headers": {"Subject": "no"}}, "overwrite"),
        ({"Headers": {"X-A": "a\r\nBcc: x@y.test"}}, "one line"),
        ({"Headers": ["X-A"]}, "object"),
        ({"Headers": {"X A:": "b"}}, "message|name"),
        ({"To": [{"Email": "a b@c.test"}]}, "invalid To address"),
        ({"Bcc": ["nobody"]}, "invalid Bcc address"),
        ({"Attachments": [{"Filename": "a", "Content": "%"}]}, "base64"),
        ({"Attachments": [{"Filename": "a", "Content": "", "ContentType": "no type"}]}, "type of content"),
        ({"Attachments": ["a"]}, "object"),
        ({"To": {}}, None),
    ],
)
def test_a_message_that_can_not_be_composed_is_told_so(wanted: dict[str, Any], why: str | None) -> None:
    wanted = {"From": {"Email": "me@example.test"}, **wanted}
    if why is None:
        compose(wanted, now=0, message_id="M1")
        return
    with pytest.raises(ValueError, match=why):
        compose(wanted, now=0, message_id="M1")
