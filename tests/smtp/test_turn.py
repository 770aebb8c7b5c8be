"""ETRN and ATRN between the engines: asked, answered, and the connection turned around. RFC 1985, RFC 2645."""

from collections.abc import Iterator
from itertools import cycle

import pytest

from heloise.mail import causes
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import Answered, ContentWanted, ConversationEnded, ConversationReady, TransactionDone
from heloise.smtp.client_states import ClientState
from heloise.smtp.command import Plain
from heloise.smtp.errors import LocalProtocolError
from heloise.smtp.events import (
    ConnectionProposed,
    ContentProposed,
    ContentReceived,
    Event,
    HelloProposed,
    MailProposed,
    MessageProposed,
    RecipientProposed,
    SessionEnded,
    TransactionReset,
    TurnProposed,
)
from heloise.smtp.server import ServerSession, content_facts
from heloise.smtp.transaction import ClientOptions
from tests.smtp.clients import REGISTRY, Client, envelope

ATRN = Plain("ATRN", "site.test,annex.test")
ETRN = Plain("ETRN", "site.test")
TEXT = b"Subject: hello\r\n\r\n.dots\r\n"
MAIL = envelope("<alice@site.test>", "<bob@annex.test>", sender="<x@y.test>")


def asking(*offers: str) -> Client:
    """A client past hello."""
    session = ClientSession(ClientOptions(hello_name="client.test"), REGISTRY)
    client = Client(session).hear("220 mx.test", *[f"250-{line}" for line in ("mx.test", *offers)], "250 HELP")
    session.data_to_send()
    return client


class Provider:
    """The provider's engines: a server until it is turned around, then a client that has one message."""

    def __init__(self) -> None:
        self.server = ServerSession(hostname="provider.test", registry=REGISTRY)
        self.client: ClientSession | None = None
        self.domains: tuple[str, ...] = ()
        self.done: TransactionDone | None = None
        self.ended = False
        self._run_server()

    def hear(self, octets: bytes) -> None:
        if self.client is None:
            self.server.receive_data(octets)
            self._run_server()
        else:
            self.client.receive_data(octets)
            self._run_client(self.client)

    def said(self) -> bytes:
        before = self.server.data_to_send()
        return before + (self.client.data_to_send() if self.client is not None else b"")

    def _run_server(self) -> None:
        while (event := self.server.next_event()) is not None:
            match event:
                case ConnectionProposed():
                    self.server.resolve(event, replies.greeting("provider.test", "ESMTP"))
                case HelloProposed(reply=reply):
                    self.server.resolve(event, reply)
                case TurnProposed(domains=domains):
                    self.domains = domains
                    self.server.resolve(event, replies.turned_around(domains))
                case SessionEnded():
                    pass
                case _:
                    raise AssertionError(event)
        if self.server.is_turned:
            self.client = ClientSession(ClientOptions(hello_name="provider.test"), REGISTRY)

    def _run_client(self, client: ClientSession) -> None:
        while (event := client.next_event()) is not None:
            match event:
                case ConversationReady():
                    client.begin(MAIL, content_facts(TEXT))
                case ContentWanted():
                    client.send_content(TEXT)
                    client.finish_content()
                case TransactionDone():
                    self.done = event
                    client.quit()
                case ConversationEnded():
                    self.ended = True
                case _:
                    raise AssertionError(event)


class Customer:
    """The customer's engines: a client that says ATRN, then a server."""

    def __init__(self) -> None:
        self.client = ClientSession(ClientOptions(hello_name="mail.site.test"), REGISTRY)
        self.server: ServerSession | None = None
        self.answer: Reply | None = None
        self.content = b""
        self.recipients: list[str] = []
        self.ended = False

    def hear(self, octets: bytes) -> None:
        if self.server is None:
            self.client.receive_data(octets)
            self._run_client()
        else:
            self.server.receive_data(octets)
            self._run_server(self.server)

    def said(self) -> bytes:
        before = self.client.data_to_send()
        return before + (self.server.data_to_send() if self.server is not None else b"")

    def _run_client(self) -> None:
        while (event := self.client.next_event()) is not None:
            match event:
                case ConversationReady():
                    self.client.ask(ATRN)
                case Answered(reply=reply):
                    self.answer = reply
                case _:
                    raise AssertionError(event)
        if self.client.state is ClientState.TURNED:
            self.server = ServerSession(hostname="mail.site.test", registry=REGISTRY)
            self._run_server(self.server)

    def _run_server(self, server: ServerSession) -> None:
        while (event := server.next_event()) is not None:
            self._take(server, event)

    def _take(self, server: ServerSession, event: Event) -> None:
        match event:
            case ConnectionProposed():
                server.resolve(event, replies.greeting("mail.site.test", "ESMTP"))
            case HelloProposed(reply=reply):
                server.resolve(event, reply)
            case MailProposed():
                server.resolve(event, replies.SENDER_OK)
            case RecipientProposed(command=command):
                self.recipients.append(str(command.forward_path))
                server.resolve(event, replies.RECIPIENT_OK)
            case ContentProposed():
                server.resolve(event, replies.GO_AHEAD)
            case ContentReceived(octets=octets):
                self.content += octets
            case MessageProposed():
                server.resolve(event, replies.message_taken("1"))
            case SessionEnded(lost=lost):
                self.ended = not lost
            case TransactionReset():
                raise AssertionError(event)
            case _:
                raise AssertionError(event)


def meet(to_provider: Iterator[int], to_customer: Iterator[int]) -> tuple[Provider, Customer]:
    """Let them talk until nobody says anything more, in pieces of these widths."""
    provider, customer = Provider(), Customer()
    for_customer, for_provider = provider.said(), b""
    while for_customer or for_provider:
        width = next(to_customer)
        piece, for_customer = for_customer[:width], for_customer[width:]
        if piece:
            customer.hear(piece)
        for_provider += customer.said()
        width = next(to_provider)
        piece, for_provider = for_provider[:width], for_provider[width:]
        if piece:
            provider.hear(piece)
        for_customer += provider.said()
    return provider, customer


@pytest.mark.parametrize("to_provider", [1, 2, 3, 7, 1 << 20])
@pytest.mark.parametrize("to_customer", [1, 2, 3, 7, 1 << 20])
def test_wherever_the_octets_are_cut_roles_are_reversed_and_the_mail_arrives(
    to_provider: int, to_customer: int
) -> None:
    provider, customer = meet(cycle((to_provider,)), cycle((to_customer,)))
    assert provider.domains == ("site.test", "annex.test")
    assert customer.answer is not None
    assert customer.answer.code == 250
    assert customer.recipients == ["<alice@site.test>", "<bob@annex.test>"]
    assert customer.content == TEXT
    assert provider.done is not None
    assert all(answer.is_taken for answer in provider.done.answers)
    assert provider.ended
    assert customer.ended


def test_a_server_that_was_turned_around_is_done_with_what_it_hears() -> None:
    provider = Provider()
    provider.hear(b"EHLO client.test\r\n")
    provider.hear(b"ATRN\r\n")
    provider.said()
    provider.server.receive_data(b"MAIL FROM:<a@b.test>\r\n")
    assert provider.server.next_event() is None
    assert provider.server.data_to_send() == b""


@pytest.mark.parametrize("behind", [b"\r\n", b"2", b"220 site\r\n", b"QUIT\r\n", b"\x00"])
def test_what_comes_with_atrn_turns_nothing_around(behind: bytes) -> None:
    """It could be read as a command before the turn, or as a reply after it."""
    provider = Provider()
    provider.hear(b"EHLO client.test\r\n")
    provider.said()
    provider.hear(b"ATRN\r\n" + behind)
    assert provider.client is None
    assert provider.said().startswith(b"503 5.5.1 Nothing may follow ATRN before its reply\r\n")


def test_each_etrn_has_its_answer_and_the_session_goes_on() -> None:
    client = asking("ETRN")
    client.session.ask(ETRN)
    assert client.said() == ["ETRN site.test"]
    client.hear("253 2.0.0 7 pending messages")
    answered = client.events[-1]
    assert isinstance(answered, Answered)
    assert (answered.said_by_peer, answered.reply.code) == (True, 253)
    assert client.session.usable
    client.session.ask(ETRN)
    client.hear("459 4.7.0 Node not allowed")
    assert client.session.usable


def test_a_refused_atrn_turns_nothing_around() -> None:
    client = asking("ATRN")
    client.session.ask(ATRN)
    assert client.said() == ["ATRN site.test,annex.test"]
    client.hear("453 You have no mail")
    assert client.session.state is ClientState.READY
    client.begin()
    assert client.said() == ["MAIL FROM:<a@client.test>"]


def test_what_comes_behind_the_reply_to_atrn_ends_the_session() -> None:
    """Whatever it is, the provider said it before we greeted: RFC 2645 §5.3."""
    client = asking("ATRN")
    client.session.ask(ATRN)
    client.hear("250 OK now reversing", "EHLO provider.test")
    (answered,) = (event for event in client.events if isinstance(event, Answered))
    assert not answered.said_by_peer
    assert answered.reply.cause.kind is causes.PEER_NONSENSE
    assert client.session.state is ClientState.CLOSED


def test_nothing_is_asked_in_a_transaction() -> None:
    client = asking("ETRN").begin()
    with pytest.raises(LocalProtocolError, match="nothing can be asked now"):
        client.session.ask(ETRN)


def test_a_question_that_is_not_answered_gets_our_words() -> None:
    for end, cause in ((ClientSession.timed_out, "link.timed-out"), (_lost, "link.lost")):
        client = asking("ATRN")
        client.session.ask(ATRN)
        end(client.session)
        client.drain()
        answered = next(event for event in client.events if isinstance(event, Answered))
        assert (answered.said_by_peer, answered.reply.cause.id) == (False, cause)
        assert isinstance(client.events[-1], ConversationEnded)


def _lost(session: ClientSession) -> None:
    session.receive_data(b"")


def test_421_answers_a_question_and_ends_the_session() -> None:
    client = asking("ETRN")
    client.session.ask(ETRN)
    client.hear("421 4.3.2 closing")
    answered = next(event for event in client.events if isinstance(event, Answered))
    assert (answered.said_by_peer, answered.reply.code) == (True, 421)
    assert client.session.state is ClientState.CLOSED


def test_the_provider_has_ten_minutes_to_look_into_its_queue() -> None:
    """RFC 2645 §5.2.1."""
    client = asking("ATRN")
    client.session.ask(ATRN)
    assert client.session.patience >= 600


def test_an_intermediate_reply_answers_no_question() -> None:
    client = asking("ETRN")
    client.session.ask(ETRN)
    client.hear("354 go on")
    answered = next(event for event in client.events if isinstance(event, Answered))
    assert answered.reply.cause.kind is causes.PEER_NONSENSE
