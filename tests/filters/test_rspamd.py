"""rspamd's answers as its documentation has them, in a simulated world; and one real HTTP server that gives them."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from heloise.net import real_world
from heloise.queue.model import RecipientState
from heloise.testing.web import WebCall
from heloise.world import HttpAnswer, HttpRequest, LinkError, LinkFault
from tests.policy.house import HEADER, House, at_home

URL = "http://192.0.2.60:11333"
SECTION = f'[rspamd]\nurl = "{URL}"\npassword = "q1"\ntimeout = "5s"\n'
MARKED = f"X-Spam: forged\r\nX-Old: one\r\nX-Old: two\r\nX-Old: three\r\n{HEADER}\r\nA line.\r\n"


def said(action: str, **more: object) -> HttpAnswer:
    """An answer in the form of rspamd's documentation."""
    answer = {"is_skipped": False, "score": 5.2, "required_score": 15.0, "action": action, "symbols": {"TEST": {}}}
    return HttpAnswer(status=200, body=json.dumps({**answer, **more}).encode())


def judged(
    answer: HttpAnswer | Callable[[WebCall], HttpAnswer | Awaitable[HttpAnswer]],
    *,
    message: str = MARKED,
    section: str = SECTION,
    to: tuple[str, ...] = ("user@away.test", "alice@home.test"),
) -> tuple[str, list[tuple[list[str], list[bool], str]], list[WebCall], list[str]]:
    """The reply to the message, what is in the queue (recipients, held, content), the requests, and what was logged."""
    outcome: list[Any] = []

    async def scene(house: House) -> None:
        house.world.web.install(f"{URL}/checkv2", answer if callable(answer) else lambda call: answer)
        client = await house.greeted()
        reply = await client.send(message, to=to)
        kept = [
            (
                [str(each.recipient.forward_path) for each in queued.recipients],
                [each.state is RecipientState.HELD for each in queued.recipients],
                octets,
            )
            for queued, octets in await house.queued()
        ]
        causes = [str(fields.get("cause")) for fields in house.events("command.refused")]
        outcome.extend((reply, kept, house.world.web.calls, causes))

    at_home(scene, more=section)
    reply, kept, calls, causes = outcome
    return reply, kept, calls, causes


ONE = ("user@away.test",)


def test_it_is_told_of_the_session_and_gets_the_message_as_it_is() -> None:
    _, _, [call], _ = judged(said("no action"))
    assert call.body.decode() == MARKED
    headers = call.request.headers
    assert (headers["IP"], headers["From"], headers["Helo"]) == ("198.51.100.7", "carol@client.test", "client.test")
    assert headers["Password"] == "q1"
    assert headers["Queue-Id"]
    assert call.request.repeated == (("Rcpt", "user@away.test"), ("Rcpt", "alice@home.test"))


def test_fields_are_added_and_taken_away_as_it_wants() -> None:
    milter = {
        "remove_headers": {"X-Spam": 0, "X-Old": [1, -1]},
        "add_headers": {
            "X-Plain": "yes",
            "X-Low": {"value": "down", "order": -1},
            "X-Top": {"value": "up", "order": 0},
            "X-Many": ["one", {"value": "two"}],
        },
    }
    reply, [(_, _, octets)], _, _ = judged(said("no action", milter=milter), to=ONE)
    assert reply[:3] == "250"
    header = octets.partition("\r\n\r\n")[0]
    assert "X-Spam" not in header
    assert [line for line in header.split("\r\n") if line.startswith("X-Old")] == ["X-Old: two"]
    assert header.index("X-Top: up") < header.index("X-Old: two") < header.index("X-Plain: yes")
    assert "X-Many: one\r\nX-Many: two" in header
    assert "X-Low: down" in header


def test_the_envelope_is_changed_as_it_wants() -> None:
    milter = {"change_from": "new@client.test", "add_rcpt": ["more@away.test"], "del_rcpt": ["user@away.test"]}
    reply, [(recipients, _, _)], _, _ = judged(said("no action", milter=milter), to=ONE)
    assert reply[:3] == "250"
    assert recipients == ["<more@away.test>"]


@pytest.mark.parametrize("action", ["no action", "greylist"])
def test_it_passes(action: str) -> None:
    reply, [(_, held, octets)], _, _ = judged(said(action), to=ONE)
    assert (reply[:3], held) == ("250", [False])
    assert octets.endswith(MARKED)


def test_the_suspect_is_marked_and_may_get_another_subject() -> None:
    _, [(_, _, octets)], _, _ = judged(said("rewrite subject", subject="[SPAM] Hello"), to=ONE)
    assert "\r\nSubject: [SPAM] Hello\r\n" in octets
    assert "\r\nX-Spam: Yes\r\n" in octets


@pytest.mark.parametrize(
    ("answer", "reply", "cause"),
    [
        (said("reject"), "554 5.7.1 Spam message rejected", "rspamd.rejected"),
        (said("reject", messages={"smtp_message": "Gtube pattern"}), "554 5.7.1 Gtube pattern", "rspamd.rejected"),
        (said("soft reject"), "451 4.7.1 Service unavailable", "rspamd.later"),
        (said("soft reject", messages={"smtp_message": "Try again later"}), "451 4.7.1 Try again", "rspamd.later"),
        (said("reject", messages={"smtp_message": "550 5.7.0 Own words"}), "550 5.7.0 Own words", "rspamd.rejected"),
    ],
)
def test_it_is_refused(answer: HttpAnswer, reply: str, cause: str) -> None:
    heard, kept, _, causes = judged(answer)
    assert heard.startswith(reply)
    assert kept == []
    assert causes == [cause]


def test_it_vanishes_or_is_kept_back_instead() -> None:
    reply, kept, _, _ = judged(said("reject", milter={"reject": "discard"}))
    assert (reply[:3], kept) == ("250", [])
    reply, [(_, held, _)], _, _ = judged(said("reject", milter={"reject": "quarantine"}), to=ONE)
    assert (reply[:3], held) == ("250", [True])


def _silent(call: WebCall) -> HttpAnswer:
    raise LinkError(LinkFault.TIMED_OUT)


BROKEN: dict[str, Any] = {
    "silent": _silent,
    "forbidden": HttpAnswer(status=403, reason="Unauthorized"),
    "no JSON": HttpAnswer(status=200, body=b"<html>"),
    "no action": HttpAnswer(status=200, body=b'{"score": 1}'),
    "a list": HttpAnswer(status=200, body=b"[]"),
    "an action that there is not": said("burn"),
    "no address": said("no action", milter={"add_rcpt": ["<nobody"]}),
    "no value": said("no action", milter={"add_headers": {"X-A": {"order": 1}}}),
    "no name": said("no action", milter={"add_headers": {"X A": "b"}}),
}


@pytest.mark.parametrize("action", ["accept", "tempfail", "reject", "quarantine"])
@pytest.mark.parametrize("how", BROKEN)
def test_trouble_is_handled_as_configured(how: str, action: str) -> None:
    reply, kept, _, _ = judged(BROKEN[how], section=f'{SECTION}default_action = "{action}"\n', to=ONE)
    assert reply[:3] == {"accept": "250", "quarantine": "250", "tempfail": "451", "reject": "550"}[action]
    assert [held for _, held, _ in kept] == ([[action == "quarantine"]] if reply[:3] == "250" else [])


def test_what_is_too_large_passes_without_being_judged() -> None:
    reply, [_], calls, _ = judged(
        said("reject"), section=f'{SECTION}max_size = "1 KB"\n', message=MARKED + "x\r\n" * 999, to=ONE
    )
    assert (reply[:3], calls) == ("250", [])


def test_a_real_server_gets_each_recipient_in_a_header_of_its_own() -> None:
    heard: list[list[tuple[str, str]]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            heard.append(self.headers.items())
            answer = said("no action").body
            self.send_response(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """It is not interesting."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()

    async def ask() -> HttpAnswer:
        async def content() -> Any:
            yield b"hello"

        request = HttpRequest(
            url=f"http://127.0.0.1:{server.server_port}/checkv2",
            headers={"From": "a@b.test"},
            repeated=(("Rcpt", "one@x.test"), ("Rcpt", "two@x.test")),
            size=5,
        )
        return await real_world().http.post(request, content(), timeout=10, most_body=1 << 16)

    try:
        assert asyncio.run(ask()).status == 200
    finally:
        server.shutdown()
        server.server_close()
    assert [value for name, value in heard[0] if name == "Rcpt"] == ["one@x.test", "two@x.test"]
