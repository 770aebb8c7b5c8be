"""What the adapter does beside the dialogues: controllers, their ends, and what heloise's engine brings along."""

import asyncio
import smtplib
import socket
import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from heloise.aiosmtpd.controller import (
    Controller,
    UnixSocketController,
    UnixSocketUnthreadedController,
    UnthreadedController,
    get_localhost,
)
from heloise.aiosmtpd.handlers import AsyncMessage, Message, Sink
from heloise.aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session, auth_mechanism
from tests.aiosmtpd.examples import MESSAGE, TIMEOUT, Wire

here = partial(Controller, hostname="127.0.0.1", port=0, server_hostname="mx.test")


def test_port_0_is_a_free_one_and_a_stopped_server_is_gone() -> None:
    controller = here(Sink())
    controller.start()
    with smtplib.SMTP(controller.hostname, controller.port, timeout=TIMEOUT) as client:
        assert client.noop()[0] == 250
    controller.stop()
    with pytest.raises(ConnectionRefusedError):
        smtplib.SMTP(controller.hostname, controller.port, timeout=TIMEOUT)
    with pytest.raises(AssertionError, match="not running"):
        controller.stop()
    controller.stop(no_assert=True)


def test_a_controller_starts_again() -> None:
    controller = here(Sink())
    for _ in range(2):
        controller.start()
        wire = Wire(controller.port)
        assert wire.hear()[0].startswith("220 mx.test ")
        controller.stop()
        wire.close()


def test_a_stop_ends_open_sessions_with_421() -> None:
    controller = here(Sink())
    controller.start()
    wire = Wire(controller.port)
    wire.hear()
    assert wire.codes("HELO me") == ["250"]
    controller.stop()
    assert wire.hear()[0][:3] == "421"
    assert wire.hear() == ["closed"]
    wire.close()


@pytest.mark.slow
def test_a_stop_does_not_wait_for_a_hook_that_never_ends() -> None:
    begun = threading.Event()

    class Endless:
        async def handle_NOOP(self, server: Any, session: Any, envelope: Any, arg: Any) -> str:
            begun.set()
            await asyncio.Event().wait()
            return "250 never"

    controller = here(Endless())
    controller.start()
    wire = Wire(controller.port)
    wire.hear()
    wire.socket.sendall(b"NOOP\r\n")
    assert begun.wait(TIMEOUT)
    controller.stop()
    wire.close()


def test_an_address_in_use_and_a_broken_factory_are_raised_by_start() -> None:
    controller = here(Sink())
    controller.start()
    with pytest.raises(OSError, match="address"):
        Controller(Sink(), hostname="127.0.0.1", port=controller.port).start()
    controller.stop()

    class Broken(Controller):
        def factory(self) -> Any:
            raise KeyError("broken")

    with pytest.raises(KeyError, match="broken"):
        Broken(Sink(), hostname="127.0.0.1", port=0).start()


def test_a_unix_socket(tmp_path: Path) -> None:
    path = tmp_path / "s"
    controller = UnixSocketController(Sink(), unix_socket=path)
    controller.start()
    with socket.socket(socket.AF_UNIX) as link, link.makefile("rb") as file:
        link.settimeout(TIMEOUT)
        link.connect(str(path))
        assert file.readline().startswith(b"220 ")
        link.sendall(b"HELO example.org\r\nQUIT\r\n")
        assert [file.readline()[:3], file.readline()[:3]] == [b"250", b"221"]
    controller.stop()


@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_a_loop_of_ones_own(kind: str, tmp_path: Path) -> None:
    loop = asyncio.new_event_loop()
    controller: Any
    if kind == "tcp":
        controller = UnthreadedController(Sink(), hostname="127.0.0.1", port=0, loop=loop)
    else:
        controller = UnixSocketUnthreadedController(Sink(), tmp_path / "s", loop=loop)
    controller.begin()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    with socket.socket(socket.AF_INET if kind == "tcp" else socket.AF_UNIX) as link, link.makefile("rb") as file:
        link.settimeout(TIMEOUT)
        link.connect(("127.0.0.1", controller.port) if kind == "tcp" else controller.unix_socket)
        file.readline()
        link.sendall(b"HELO example.com\r\nQUIT\r\n")
        assert file.readline().startswith(b"250 ")
        assert file.readline() == b"221 Bye\r\n"
    loop.call_soon_threadsafe(controller.end)
    assert controller.ended.wait(TIMEOUT)
    loop.call_soon_threadsafe(controller.cancel_tasks)
    thread.join(TIMEOUT)
    assert not loop.is_running()
    loop.close()


def test_the_server_is_a_protocol_of_any_loop() -> None:
    async def scene() -> list[bytes]:
        loop = asyncio.get_running_loop()
        server = await loop.create_server(partial(SMTP, Sink(), hostname="mx.test"), "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname()[:2])
        heard = [await reader.readline()]
        writer.write(b"NOOP\r\nQUIT\r\n")
        heard += [await reader.readline(), await reader.readline()]
        writer.close()
        server.close()
        return heard

    assert asyncio.run(scene())[1:] == [b"250 OK\r\n", b"221 Bye\r\n"]


def test_message_handlers_get_a_message_with_its_envelope() -> None:
    got: list[Any] = []

    class Now(Message):
        def handle_message(self, message: Any) -> None:
            got.append(message)

    class Soon(AsyncMessage):
        async def handle_message(self, message: Any) -> None:
            await asyncio.sleep(0)
            got.append(message)

    for handler, kwargs in ((Now(), {}), (Soon(), {"decode_data": True})):
        _with(handler, lambda client: client.sendmail("a@b.test", ["c@d.test", "e@f.test"], MESSAGE), **kwargs)
    assert [message["X-RcptTo"] for message in got] == ["c@d.test, e@f.test"] * 2
    assert {message["X-MailFrom"] for message in got} == {"a@b.test"}
    assert all(message["X-Peer"].startswith("('127.0.0.1', ") for message in got)


def test_hooks_may_keep_what_they_like_in_session_and_envelope() -> None:
    class Counting:
        async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
            session.count = getattr(session, "count", 0) + 1
            envelope.mail_from, envelope.number = address, session.count
            return "250 OK"

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            return f"250 message {envelope.number}"

    def act(client: smtplib.SMTP) -> list[bytes]:
        said = []
        for _ in range(2):
            client.ehlo_or_helo_if_needed()
            client.mail("a@b.test")
            client.rcpt("c@d.test")
            said.append(client.data(MESSAGE)[1])
        return said

    assert _with(Counting(), act) == [b"message 1", b"message 2"]


def test_what_the_engine_refuses_never_reaches_a_hook() -> None:
    asked: list[str] = []

    class Watching(Sink):
        async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
            asked.append(address)
            envelope.rcpt_tos.append(address)
            return "250 OK"

        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            asked.append("DATA")
            return "250 OK"

    controller = here(Watching(), data_size_limit=1000)
    controller.start()
    wire = Wire(controller.port)
    wire.hear()
    assert wire.codes("EHLO me", "MAIL FROM:<a@b.test> SIZE=2000", "MAIL FROM:<a@b.test>") == ["250", "552", "250"]
    assert wire.codes("RCPT TO:<c@d..test>", "RCPT TO:<c@d.test>", "DATA") == ["501", "250", "354"]
    assert wire.say("x" * 2000 + "\r\n.")[0][:3] == "552"
    assert wire.codes("MAIL FROM:<a@b.test>", "RCPT TO:<c@d.test>", "DATA") == ["250", "250", "354"]
    # A bare LF ends nothing, and a message with one is refused: what follows is not executed.
    wire.socket.sendall(b"x\n.\nMAIL FROM:<evil@b.test>\n\r\n.\r\n")
    assert wire.hear()[0][:3] == "554"
    wire.close()
    controller.stop()
    assert asked == ["c@d.test", "c@d.test"]


def test_pipelining_and_chunks_are_there_for_who_asks() -> None:
    seen: list[Any] = []

    class Keeping:
        async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
            seen.append(envelope.original_content)
            return "250 OK"

    controller = here(Keeping(), extensions=["PIPELINING", "CHUNKING"])
    controller.start()
    wire = Wire(controller.port)
    wire.hear()
    assert {"250-PIPELINING", "250-CHUNKING"} <= set(wire.say("EHLO me"))
    wire.socket.sendall(b"MAIL FROM:<a@b.test>\r\nRCPT TO:<c@d.test>\r\nBDAT 3\r\na\r\nBDAT 4 LAST\r\n.b\r\n")
    assert [wire.hear()[0][:3] for _ in range(4)] == ["250"] * 4
    wire.close()
    controller.stop()
    assert seen == [b"a\r\n.b\r\n"]


def test_a_reply_that_is_none_is_an_exception() -> None:
    class Silent:
        async def handle_NOOP(self, server: Any, session: Any, envelope: Any, arg: Any) -> Any:
            return None

        async def handle_VRFY(self, server: Any, session: Any, envelope: Any, address: str) -> str:
            return "fine"

    def act(client: smtplib.SMTP) -> list[int]:
        return [client.noop()[0], client.verify("a@b.test")[0], client.rset()[0]]

    assert _with(Silent(), act) == [500, 500, 250]


def test_a_client_that_leaves_in_the_middle_of_a_login_leaves_no_task_behind() -> None:
    ended = threading.Event()

    class Asking:
        async def auth_SLOW(self, server: Any, args: list[str]) -> AuthResult:
            try:
                await server.challenge_auth("")
            finally:
                ended.set()
            return AuthResult(success=False)

    controller = here(Asking(), auth_require_tls=False)
    controller.start()
    wire = Wire(controller.port)
    wire.hear()
    assert wire.codes("EHLO me", "AUTH SLOW") == ["250", "334"]
    wire.close()
    assert ended.wait(TIMEOUT)
    controller.stop()


def test_mechanisms_are_named_and_excluded() -> None:
    class Named:
        @auth_mechanism("x-other")
        async def auth_whatever(self, server: Any, args: list[str]) -> AuthResult:
            return AuthResult(success=True)

    def act(client: smtplib.SMTP) -> list[Any]:
        client.ehlo("me")
        return [client.esmtp_features["auth"].split(), client.docmd("AUTH", "X-OTHER")[0]]

    assert _with(Named(), act, auth_require_tls=False, auth_exclude_mechanism=["LOGIN"]) == [["PLAIN", "X-OTHER"], 235]
    with pytest.raises(ValueError, match="Invalid AUTH mechanism"):
        auth_mechanism("bad name")


def test_nobody_sees_a_password() -> None:
    given = LoginPassword(b"alice", b"secret")
    shown = f"{given} {given!r} {AuthResult(success=True, auth_data=given)!r}"
    assert "secret" not in shown
    assert "alice" in shown


def test_values_that_can_not_be_are_refused_at_once() -> None:
    with pytest.raises(TypeError, match="command_call_limit"):
        SMTP(Sink(), command_call_limit="10")  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="must be int"):
        SMTP(Sink(), command_call_limit={"NOOP": "10"})  # type: ignore[dict-item]
    with pytest.raises(ValueError, match="proxy_protocol_timeout"):
        SMTP(Sink(), proxy_protocol_timeout=0)
    assert get_localhost() in ("::1", "127.0.0.1")


def test_own_sessions_and_envelopes() -> None:
    class OwnSession(Session):
        pass

    class OwnEnvelope(Envelope):
        pass

    class Own(SMTP):
        def _create_session(self) -> Session:
            return OwnSession(self.loop)

        def _create_envelope(self) -> Envelope:
            return OwnEnvelope()

    class Telling:
        async def handle_NOOP(self, server: Any, session: Any, envelope: Any, arg: Any) -> str:
            return f"250 {type(session).__name__} {type(envelope).__name__}"

    class OwnController(Controller):
        def factory(self) -> Any:
            return Own(self.handler)

    controller = OwnController(Telling(), hostname="127.0.0.1", port=0)
    controller.start()
    with smtplib.SMTP("127.0.0.1", controller.port, timeout=TIMEOUT) as client:
        assert client.noop()[1] == b"OwnSession OwnEnvelope"
    controller.stop()


def _with(handler: Any, act: Callable[[smtplib.SMTP], Any], **parameters: Any) -> Any:
    controller = here(handler, **parameters)
    controller.start()
    try:
        with smtplib.SMTP("127.0.0.1", controller.port, timeout=TIMEOUT) as client:
            return act(client)
    finally:
        controller.stop()
