"""Mail for web services: what they are sent, and what becomes of the mail when they answer in one way or another."""

import email
import hashlib
import hmac
import json
from collections.abc import Awaitable, Callable

import pytest

from heloise.delivery.hook import Hook
from heloise.testing import SimulatedWorld, WebCall, run_simulated
from heloise.world import HttpAnswer, LinkError, LinkFault
from tests.delivery.house import CONTENT, House, open_house

URL = "https://app.test/mail"
TICKETS = Hook(name="tickets", url=URL)


def in_a_house(scenario: Callable[[House], Awaitable[None]], hook: Hook = TICKETS) -> None:
    async def run(world: SimulatedWorld) -> None:
        house = await open_house(world, hooks=[hook])
        await scenario(house)
        await house.stop()

    run_simulated(run, seed=3)


def envelope(call: WebCall) -> dict[str, object]:
    found: dict[str, object] = json.loads(call.request.headers["Heloise-Envelope"])
    return found


def test_a_service_gets_the_message_as_it_is_and_the_envelope_as_json() -> None:
    async def scenario(house: House) -> None:
        web = house.simulation.web
        web.install(URL, lambda call: HttpAnswer(status=204))
        await house.submit(("<x@full.test>", "http:tickets"), ("<ünï@full.test>", "http:tickets"))
        await house.settled(2)
        (call,) = web.calls
        assert call.body == CONTENT
        assert email.message_from_bytes(call.body)["Subject"] == "lunch"
        assert envelope(call) == {
            "id": "M1",
            "sender": "a@client.test",
            "recipients": ["x@full.test", "ünï@full.test"],
            "at": int(house.host.world.clock.now()),
        }
        assert all(value.isascii() for value in call.request.headers.values())
        assert call.request.headers["Content-Type"] == "message/rfc822"
        assert "Heloise-Signature" not in call.request.headers
        assert await house.messages() == []

    in_a_house(scenario)


def test_a_request_is_signed_so_that_nobody_else_can_have_sent_it() -> None:
    async def scenario(house: House) -> None:
        web = house.simulation.web
        web.install(URL, lambda call: HttpAnswer(status=204))
        await house.submit(("<x@full.test>", "http:tickets"))
        await house.settled(1)
        (call,) = web.calls
        signed = call.request.headers["Heloise-Envelope"].encode() + b"\n" + call.body
        expected = hmac.new(b"sesame", signed, hashlib.sha256).hexdigest()
        assert call.request.headers["Heloise-Signature"] == f"sha256={expected}"
        assert call.request.headers["Authorization"] == "Bearer b"
        assert "sesame" not in repr(hook)

    hook = Hook(name="tickets", url=URL, secret="sesame", headers={"Authorization": "Bearer b"})
    in_a_house(scenario, hook)


def test_a_repeated_request_has_the_same_key_and_one_for_fewer_recipients_has_another() -> None:
    async def scenario(house: House) -> None:
        web = house.simulation.web
        answers = [
            HttpAnswer(status=500),
            HttpAnswer(
                status=200,
                headers={"content-type": "application/json"},
                body=b'{"recipients": {"y@full.test": "4.2.2 Full"}}',
            ),
            HttpAnswer(status=200),
        ]
        web.install(URL, lambda call: answers[len(web.calls) - 1])
        await house.submit(("<x@full.test>", "http:tickets"), ("<y@full.test>", "http:tickets"))
        await house.settled(5)
        keys = [call.request.headers["Idempotency-Key"] for call in web.calls]
        assert keys[0] == keys[1] != keys[2]
        assert [envelope(call)["recipients"] for call in web.calls] == [
            ["x@full.test", "y@full.test"],
            ["x@full.test", "y@full.test"],
            ["y@full.test"],
        ]
        assert await house.messages() == []

    in_a_house(scenario)


def test_an_answer_may_be_different_for_each_recipient() -> None:
    async def scenario(house: House) -> None:
        named = {"x@full.test": "5.1.1 No such user", "z@full.test": "2.1.5 Fine"}
        answer = HttpAnswer(
            status=200, headers={"content-type": "application/json"}, body=json.dumps({"recipients": named}).encode()
        )
        house.simulation.web.install(URL, lambda call: answer)
        await house.submit(*((f"<{name}@full.test>", "http:tickets") for name in "xyz"))
        await house.settled(3)
        assert house.journal.attempts[:3] == [
            ("<x@full.test>", "failed", "550 5.1.1 tickets: No such user"),
            ("<y@full.test>", "delivered", "250 2.0.0 Taken by tickets"),
            ("<z@full.test>", "delivered", "250 2.0.0 Taken by tickets"),
        ]

    in_a_house(scenario)


@pytest.mark.parametrize(
    ("fault", "reply"),
    [
        (LinkFault.REFUSED, "421 4.4.1 Connection refused by tickets"),
        (LinkFault.TIMED_OUT, "421 4.4.1 Connection timed out with tickets"),
        (LinkFault.TLS, "421 4.4.1 TLS failed with tickets"),
        (LinkFault.CLOSED, "421 4.4.1 Connection closed by tickets"),
    ],
)
def test_a_service_that_does_not_answer_is_asked_again(fault: LinkFault, reply: str) -> None:
    def fail(call: WebCall) -> HttpAnswer:
        raise LinkError(fault)

    async def scenario(house: House) -> None:
        house.simulation.web.install(URL, fail)
        await house.submit(("<x@full.test>", "http:tickets"))
        await house.settled(1)
        assert house.journal.attempts == [("<x@full.test>", "delayed", reply)]

    in_a_house(scenario)


def test_a_message_that_is_too_big_is_not_sent() -> None:
    async def scenario(house: House) -> None:
        house.simulation.web.install(URL, lambda call: HttpAnswer(status=204))
        await house.submit(("<x@full.test>", "http:tickets"))
        await house.settled(1)
        assert house.journal.attempts[0] == (
            "<x@full.test>",
            "failed",
            "552 5.3.4 The message is too big for tickets",
        )
        assert house.simulation.web.calls == []

    in_a_house(scenario, Hook(name="tickets", url=URL, max_size=10))


def test_many_recipients_are_named_in_several_requests() -> None:
    async def scenario(house: House) -> None:
        web = house.simulation.web
        web.install(URL, lambda call: HttpAnswer(status=204))
        long = "l" * 200
        await house.submit(*((f"<{long}{number}@full.test>", "http:tickets") for number in range(60)))
        await house.settled(60)
        assert sum(len(json.loads(call.request.headers["Heloise-Envelope"])["recipients"]) for call in web.calls) == 60
        assert all(len(call.request.headers["Heloise-Envelope"]) < 8000 for call in web.calls)

    in_a_house(scenario)


def test_a_service_that_asks_for_a_pause_is_left_alone_for_so_long() -> None:
    async def scenario(house: House) -> None:
        web = house.simulation.web
        times: list[float] = []

        def busy(call: WebCall) -> HttpAnswer:
            times.append(house.host.world.clock.monotonic())
            return HttpAnswer(status=429, headers={"retry-after": "600"}) if len(times) == 1 else HttpAnswer(status=204)

        web.install(URL, busy)
        await house.submit(("<x@full.test>", "http:tickets"))
        await house.settled(1)
        await house.submit(("<y@full.test>", "http:tickets"))
        await house.settled(2)
        assert len(times) == 1  # the second was not even asked about
        while await house.messages():
            await house.settled(len(house.journal.attempts) + 1)
        assert times[1] - times[0] >= 600

    in_a_house(scenario)
