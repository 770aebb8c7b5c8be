"""Caught mail is released to whom it may, by a queue that tries again; what fails is reported into the inbox."""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

import heloise
from heloise.app.dev.api import serving_api
from heloise.app.dev.releasing import NotReleased, RelayOptions
from heloise.app.dev.server import Catching, CatchOptions, catching
from heloise.app.journal import Journal
from heloise.mail.route import Route
from heloise.net import real_world
from heloise.reception.door import nobody_watches
from heloise.world import Endpoint
from tests.app.test_mailpit import fetch

LETTER = b"From: shop@one.test\r\nTo: alice@two.test\r\nSubject: order\r\n\r\n.It works.\r\n"
Ask = Callable[..., Awaitable[tuple[int, dict[str, str], bytes]]]
WITHIN = 30.0


class Relay(heloise.Server):
    """Takes what is relayed."""

    def __init__(self, **options: Any) -> None:
        self.taken: list[heloise.ReceivedMessage] = []
        self.arrived = asyncio.Event()
        super().__init__(self._take, **options)

    async def _take(self, message: heloise.ReceivedMessage) -> None:
        self.taken.append(message)
        self.arrived.set()


def serve(
    act: Callable[[Catching, Relay, Ask], Awaitable[None]],
    *allowed: str,
    faults: tuple[str, ...] = (),
    store: str | None = None,
) -> None:
    async def scenario() -> None:
        world = real_world()
        async with Relay(faults=faults) as relay:
            route = Route.parse(f"smtp:127.0.0.1:{relay.endpoint.port}")
            options = CatchOptions(
                endpoint=Endpoint("127.0.0.1", 0),
                relay=RelayOptions(route=route, allowed=allowed or ("*@two.test",)),
                store=store,
                hostname="dev.test",
            )
            async with (
                catching(world, options, Journal(lambda *_: None), nobody_watches) as running,
                serving_api(world, running, Endpoint("127.0.0.1", 0), "1") as api,
            ):

                async def ask(method: str, path: str, body: object = None) -> tuple[int, dict[str, str], bytes]:
                    headers = {"Content-Type": "application/json"}
                    return await asyncio.to_thread(fetch, f"http://{api}{path}", method, body, headers)

                await act(running, relay, ask)
        await world.blocking.close()

    asyncio.run(scenario())


async def caught(running: Catching, sender: str = "shop@one.test") -> str:
    recipients = ["alice@two.test", "bob@three.test"]
    await heloise.send(LETTER, sender=sender, recipients=recipients, port=running.endpoint.port)
    return running.inbox.messages[-1].message_id


async def until(condition: Callable[[], bool]) -> None:
    """Wait for it, with a deadline."""
    async with asyncio.timeout(WITHIN):
        while not condition():  # noqa: ASYNC110 - nobody tells of it
            await asyncio.sleep(0.01)


def test_a_message_goes_to_chosen_recipients_as_it_was() -> None:
    async def act(running: Catching, relay: Relay, ask: Ask) -> None:
        message_id = await caught(running)
        status, _, told = await ask(
            "POST", f"/api/heloise/v1/messages/{message_id}/release", {"to": ["carol@two.test", "Carol@two.test"]}
        )
        assert status == 200, told
        async with asyncio.timeout(WITHIN):
            await relay.arrived.wait()
        (message,) = relay.taken
        assert str(message.envelope.reverse_path) == "<shop@one.test>"
        assert [str(each.forward_path) for each in message.envelope.recipients] == ["<carol@two.test>"]
        assert message.octets == running.inbox.messages[0].octets
        assert running.release is not None
        (released,) = running.release.releases
        await until(lambda: released.states == {"carol@two.test": "relayed"})
        assert released.replies["carol@two.test"].startswith("250")
        assert len(running.inbox) == 1

    serve(act)


@pytest.mark.parametrize(
    ("to", "why"),
    [
        (["bob@three.test"], b"--relay-to permits *@two.test"),
        (["alice@two.test", "bob@three.test"], b"may not leave to bob@three.test"),
        (["alice@two.test.evil.test"], b"may not leave"),
        ([], b"no recipients"),
        (["nobody"], b"is no address"),
        (["a\r\nb@two.test"], b"is no address"),
        (["postmaster"], b"may not leave"),
        ([f"a{number}@two.test" for number in range(101)], b"up to 100"),
        (None, b"may not leave to bob@three.test"),  # those of its envelope
    ],
)
def test_to_nobody_else(to: list[str] | None, why: bytes) -> None:
    async def act(running: Catching, relay: Relay, ask: Ask) -> None:
        message_id = await caught(running)
        body = {} if to is None else {"to": to}
        status, _, told = await ask("POST", f"/api/heloise/v1/messages/{message_id}/release", body)
        assert status == 403
        assert why in told
        assert running.release is not None
        assert running.release.releases == ()

    serve(act)


def test_a_relay_that_is_busy_is_tried_again_when_one_says_so() -> None:
    async def act(running: Catching, relay: Relay, ask: Ask) -> None:
        message_id = await caught(running)
        await ask("POST", f"/api/v1/message/{message_id}/release", {"To": ["alice@two.test"]})
        assert running.release is not None
        (released,) = running.release.releases
        await until(lambda: released.states == {"alice@two.test": "delayed"})
        assert released.replies["alice@two.test"].startswith("451")
        status, _, told = await ask("POST", "/api/heloise/v1/releases/retry", {})
        assert (status, told.strip()) == (200, b'{"recipients": 1}')
        async with asyncio.timeout(WITHIN):
            await relay.arrived.wait()
        await until(lambda: released.states == {"alice@two.test": "relayed"})
        assert released.attempts == 2

    serve(act, faults=("451 once at rcpt",))


def test_what_is_refused_is_reported_into_the_inbox() -> None:
    async def act(running: Catching, relay: Relay, ask: Ask) -> None:
        message_id = await caught(running)
        await ask("POST", f"/api/v1/messages/{message_id}/release", {"Email": "alice@two.test"})
        await until(lambda: len(running.inbox) == 2)
        report = running.inbox.messages[1]
        assert (report.sender, report.recipients) == ("", ("shop@one.test",))
        assert "550" in report.text
        assert running.release is not None
        assert running.release.releases[0].states == {"alice@two.test": "failed"}

    serve(act, faults=("550 at rcpt",))


def test_a_release_can_be_taken_back_while_it_waits() -> None:
    async def act(running: Catching, relay: Relay, ask: Ask) -> None:
        message_id = await caught(running)
        assert running.release is not None
        release_id = await running.release.release(running.inbox.messages[0], ["alice@two.test"])
        (released,) = running.release.releases
        await until(lambda: released.states == {"alice@two.test": "delayed"})
        assert (await ask("DELETE", f"/api/heloise/v1/releases/{release_id}"))[2].strip() == b'{"removed": 1}'
        assert released.states == {"alice@two.test": "removed"}
        assert await running.release.retry() == 0
        assert message_id == released.message_id

    serve(act, faults=("451 at rcpt",))


def test_with_a_store_a_release_that_waits_survives_a_restart(tmp_path: Path) -> None:
    store = str(tmp_path / "inbox")

    async def first(running: Catching, relay: Relay, ask: Ask) -> None:
        await caught(running)
        assert running.release is not None
        await running.release.release(running.inbox.messages[0], ["alice@two.test"])
        await until(lambda: running.release is not None and running.release.releases[0].attempts == 1)

    async def second(running: Catching, relay: Relay, ask: Ask) -> None:
        assert len(running.inbox) == 1
        assert running.release is not None
        assert await running.release.retry() == 1

    serve(first, faults=("451 at rcpt",), store=store)
    serve(second, store=store)


def test_without_a_relay_nothing_is_released() -> None:
    async def scenario() -> None:
        world = real_world()
        options = CatchOptions(endpoint=Endpoint("127.0.0.1", 0))
        async with (
            catching(world, options, Journal(lambda *_: None), nobody_watches) as running,
            serving_api(world, running, Endpoint("127.0.0.1", 0), "1") as api,
        ):
            message_id = await caught(running)
            headers = {"Content-Type": "application/json"}
            place = f"http://{api}/api/heloise/v1/messages/{message_id}/release"
            status, _, told = await asyncio.to_thread(fetch, place, "POST", {"to": ["alice@two.test"]}, headers)
            assert (status, b"--relay" in told) == (409, True)
            _, _, told = await asyncio.to_thread(fetch, f"http://{api}/api/heloise/v1/releases", "GET", None, {})
            assert b'"relay": null' in told
        await world.blocking.close()

    asyncio.run(scenario())


def test_a_queue_that_can_not_be_opened_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "inbox-queue").write_text("in the way")
    with pytest.raises(NotReleased, match="can not be opened"):
        serve(lambda *_: asyncio.sleep(0), store=str(tmp_path / "inbox"))
