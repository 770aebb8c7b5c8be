"""heloise in a Python program: what is promised, and that it works in the program's own event loop."""

import asyncio
import smtplib
import threading

import pytest

import heloise
from heloise.mail import causes
from heloise.smtp import replies

MESSAGE = b"Subject: hi\r\n\r\n.dot\r\n"


def test_the_promised_names_are_these() -> None:
    promised = ["Envelope", "FaultRule", "LinkError", "ReceivedMessage", "Reply", "Server", "SmtpRefusal", "send"]
    assert heloise.__all__ == promised
    assert all(getattr(heloise, name) is not None for name in promised)


def test_a_message_sent_is_a_message_received_octet_by_octet() -> None:
    threads = threading.active_count()
    received: list[heloise.ReceivedMessage] = []

    async def receive(message: heloise.ReceivedMessage) -> None:
        received.append(message)

    async def program() -> None:
        async with heloise.Server(receive) as server:
            (answer,) = await heloise.send(
                MESSAGE, sender="a@b.test", recipients=["c@d.test"], port=server.endpoint.port
            )
            assert answer.reply.code == 250

    asyncio.run(program())
    assert received[0].octets == MESSAGE
    assert str(received[0].envelope.reverse_path) == "<a@b.test>"
    assert threading.active_count() <= threads


def test_the_function_may_refuse_with_a_cause() -> None:
    refusal = replies.reply(550, "5.7.1", "Not today", causes.POLICY_REFUSED)

    async def receive(message: heloise.ReceivedMessage) -> heloise.Reply:
        return refusal

    async def program() -> None:
        async with heloise.Server(receive) as server:
            await heloise.send(MESSAGE, sender="", recipients=["c@d.test"], port=server.endpoint.port)

    with pytest.raises(heloise.SmtpRefusal, match="Not today"):
        asyncio.run(program())


def test_an_exception_of_the_function_is_451_and_the_session_lives_on() -> None:
    async def receive(message: heloise.ReceivedMessage) -> None:
        raise RuntimeError("a bug of the user")

    def client(port: int) -> tuple[int, int]:
        with smtplib.SMTP("127.0.0.1", port) as connection:
            with pytest.raises(smtplib.SMTPDataError) as refused:
                connection.sendmail("a@b.test", ["c@d.test"], MESSAGE)
            return refused.value.smtp_code, connection.noop()[0]

    async def program() -> tuple[int, int]:
        async with heloise.Server(receive) as server:
            return await asyncio.to_thread(client, server.endpoint.port)

    assert asyncio.run(program()) == (451, 250)


def test_a_server_of_a_program_fails_as_it_is_told() -> None:
    async def receive(message: heloise.ReceivedMessage) -> None: ...

    def client(port: int) -> list[int]:
        with smtplib.SMTP("127.0.0.1", port) as connection:
            connection.ehlo()
            return [connection.docmd(f"MAIL FROM:<{number}@b.test>")[0] for number in (1, 1, 1)]

    async def program() -> list[int]:
        async with heloise.Server(receive, faults=["451 twice at mail, then accept"]) as server:
            return await asyncio.to_thread(client, server.endpoint.port)

    assert asyncio.run(program()) == [451, 451, 250]


def test_nobody_listening_is_a_link_error() -> None:
    async def program() -> None:
        async def receive(message: heloise.ReceivedMessage) -> None: ...

        async with heloise.Server(receive) as server:
            port = server.endpoint.port
        await heloise.send(MESSAGE, sender="a@b.test", recipients=["c@d.test"], port=port)

    with pytest.raises(heloise.LinkError, match="refused"):
        asyncio.run(program())
