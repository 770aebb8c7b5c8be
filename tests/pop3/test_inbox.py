"""Caught mail read by POP3, by the client of the standard library, over a real connection."""

import asyncio
import poplib
import ssl
from collections.abc import Callable
from pathlib import Path

import pytest

from heloise.app.dev.pop3_inbox import serving_pop3
from heloise.app.dev.server import CatchOptions
from heloise.inbox.inbox import Inbox
from heloise.net import real_world
from heloise.testing.certificate import TestCertificate, make_certificate
from heloise.world import CertificateFiles, Endpoint
from tests.inbox.letters import letter

Act = Callable[[Endpoint], None]


def serve(inbox: Inbox, act: Act, options: CatchOptions | None = None) -> None:
    async def scenario() -> None:
        world = real_world()
        wanted = options if options is not None else CatchOptions()
        async with serving_pop3(world, inbox, wanted, Endpoint("127.0.0.1", 0)) as pop3:
            await asyncio.to_thread(act, pop3)
        await world.blocking.close()

    asyncio.run(scenario())


def client(pop3: Endpoint, user: str, password: str = "any") -> poplib.POP3:
    found = poplib.POP3(pop3.host, pop3.port, timeout=30)
    found.user(user)
    found.pass_(password)
    return found


def reopened(pop3: Endpoint, user: str) -> poplib.POP3:
    """As soon as the server has seen that another session is over."""
    for _ in range(10_000):
        try:
            return client(pop3, user)
        except poplib.error_proto as error:
            if "IN-USE" not in str(error):
                raise
    raise AssertionError("the mailbox is never free")


def filled() -> Inbox:
    inbox = Inbox()
    inbox.add(letter("alice@one.test", header="Subject: first", body=".dot\nend"))
    inbox.add(letter("Alice+tag@two.test", "bob@two.test", header="Subject: second"))
    inbox.add(letter("bob@two.test", header="Subject: third"))
    return inbox


def test_the_name_of_a_user_says_which_mailbox() -> None:
    inbox = filled()

    def act(pop3: Endpoint) -> None:
        for user, count in (("alice", 2), ("bob", 2), ("alice@one.test", 1), ("BOB@two.test", 2), ("*", 3), ("eve", 0)):
            session = client(pop3, user)
            assert session.stat()[0] == count
            session.quit()

    serve(inbox, act)


def test_mail_is_listed_and_read_octet_for_octet() -> None:
    inbox = filled()

    def act(pop3: Endpoint) -> None:
        session = client(pop3, "alice@one.test")
        message = inbox.messages[0]
        assert session.list()[1] == [f"1 {len(message.octets)}".encode()]
        assert session.uidl()[1] == [f"1 {message.message_id}".encode()]
        assert b"\r\n".join(session.retr(1)[1]) + b"\r\n" == message.octets
        assert session.top(1, 1)[1] == [b"Subject: first", b"", b".dot"]
        assert {"UIDL", "TOP", "SASL"} <= session.capa().keys()
        session.quit()
        assert message.marks.is_read

    serve(inbox, act)


def test_what_is_deleted_is_gone_for_pop3_and_stays_in_the_inbox() -> None:
    inbox = filled()

    def act(pop3: Endpoint) -> None:
        session = client(pop3, "bob")
        session.dele(1)
        session.quit()
        assert client(pop3, "bob").stat()[0] == 1
        assert len(inbox) == 3
        second = client(pop3, "alice")  # the same message, for another
        assert second.stat()[0] == 2

    serve(inbox, act)


def test_a_connection_that_is_lost_removes_nothing_and_a_mailbox_is_open_once() -> None:
    inbox = filled()

    def act(pop3: Endpoint) -> None:
        first = client(pop3, "bob")
        first.dele(1)
        with pytest.raises(poplib.error_proto, match="IN-USE"):
            client(pop3, "bob")
        first.close()
        assert reopened(pop3, "bob").stat()[0] == 2

    serve(inbox, act)


def test_users_that_are_known_have_to_say_their_password() -> None:
    def act(pop3: Endpoint) -> None:
        assert client(pop3, "alice@one.test", "secret").stat()[0] == 1
        with pytest.raises(poplib.error_proto, match="AUTH"):
            client(pop3, "alice@one.test", "wrong")
        with pytest.raises(poplib.error_proto, match="AUTH"):
            client(pop3, "bob", "secret")
        session = poplib.POP3(pop3.host, pop3.port, timeout=30)
        session.apop("Alice@two.test", "other")
        session.quit()

    users = {"alice@one.test": "secret", "Alice@two.test": "other"}
    serve(filled(), act, CatchOptions(users=users))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> TestCertificate:
    return make_certificate(Path(tmp_path_factory.mktemp("certificate")))


def test_mail_is_read_under_tls(certificate: TestCertificate) -> None:
    def act(pop3: Endpoint) -> None:
        session = poplib.POP3(pop3.host, pop3.port, timeout=30)
        assert "STLS" in session.capa()
        session.stls(ssl.create_default_context(cafile=str(certificate.ca)))
        assert "STLS" not in session.capa()
        session.user("bob")
        session.pass_("x")
        assert session.stat()[0] == 2
        session.quit()

    files = CertificateFiles(chain=str(certificate.chain), key=str(certificate.key))
    serve(filled(), act, CatchOptions(certificate=files))
