"""The client engine and STARTTLS, and both engines through the upgrade wherever the octets are cut. RFC 3207."""

from itertools import pairwise

import pytest

from heloise.mail.encryption import Encryption
from heloise.mail.outcome import Stage
from heloise.smtp import replies
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import ClientEvent, ConversationReady, ConversationRefused, TlsWanted
from heloise.smtp.client_states import ClientState
from heloise.smtp.errors import LocalProtocolError
from heloise.smtp.events import ConnectionProposed, HelloProposed, SessionEnded, TlsProposed
from heloise.smtp.registry import discover
from heloise.smtp.server import ServerSession
from heloise.smtp.transaction import ClientOptions

REGISTRY = discover()
TLS = Encryption("TLSv1.3", "TEST")


def client(*, required: bool = False, wanted: bool = True, lmtp: bool = False) -> ClientSession:
    options = ClientOptions(hello_name="client.test", starttls=wanted, tls_required=required, lmtp=lmtp)
    session = ClientSession(options, REGISTRY)
    session.receive_data(b"220 mx.test ESMTP\r\n")
    assert said(session) == ("LHLO" if lmtp else "EHLO") + " client.test\r\n"
    return session


def said(session: ClientSession) -> str:
    return session.data_to_send().decode()


def events(session: ClientSession) -> list[ClientEvent]:
    found = []
    while (event := session.next_event()) is not None:
        found.append(event)
    return found


def refusal(session: ClientSession) -> ConversationRefused:
    (event,) = events(session)
    assert isinstance(event, ConversationRefused)
    return event


OFFER = b"250-mx.test\r\n250-SIZE 100\r\n250 STARTTLS\r\n"


@pytest.mark.parametrize("lmtp", [False, True])
def test_after_the_handshake_hello_is_said_again_and_old_offers_are_forgotten(lmtp: bool) -> None:
    session = client(lmtp=lmtp)
    session.receive_data(OFFER)
    assert said(session) == "STARTTLS\r\n"
    session.receive_data(b"220 go\r\n")
    assert events(session) == [TlsWanted()]
    assert said(session) == ""
    session.secured(TLS)
    assert said(session) == ("LHLO" if lmtp else "EHLO") + " client.test\r\n"
    assert not session.offers.has("SIZE")
    session.receive_data(b"250-mx.test\r\n250-STARTTLS\r\n250 DSN\r\n")  # an offer too many is not taken
    (event,) = events(session)
    assert isinstance(event, ConversationReady)
    assert (session.offers.has("DSN"), session.offers.has("SIZE")) == (True, False)
    assert session.encryption == TLS


@pytest.mark.parametrize("answer", [b"454 4.7.0 not now\r\n", b"502 what?\r\n"])
def test_a_refused_starttls_is_no_hindrance_unless_tls_is_required(answer: bytes) -> None:
    session = client()
    session.receive_data(OFFER)
    session.receive_data(answer)
    (event,) = events(session)
    assert isinstance(event, ConversationReady)
    assert session.offers.has("SIZE")
    strict = client(required=True)
    strict.receive_data(OFFER)
    strict.receive_data(answer)
    refused = refusal(strict)
    assert (refused.reply.cause.id, refused.said_by_peer) == ("tls.not-offered", False)
    assert refused.reply.code == 454


@pytest.mark.parametrize("answer", [b"250 mx.test\r\n", b"250-mx.test\r\n250 SIZE\r\n"])
def test_where_tls_is_required_and_not_offered_nothing_is_sent(answer: bytes) -> None:
    session = client(required=True)
    session.receive_data(answer)
    assert refusal(session).reply.cause.id == "tls.not-offered"
    assert not session.usable


def test_a_server_that_knows_helo_only_gets_no_mail_that_needs_tls() -> None:
    session = client(required=True)
    session.receive_data(b"500 what?\r\n")
    assert said(session) == "HELO client.test\r\n"
    session.receive_data(b"250 mx.test\r\n")
    assert refusal(session).reply.cause.id == "tls.not-offered"


@pytest.mark.parametrize("behind", [b"250 mx.test\r\n", b"\x16", b"\r\n"])
def test_what_comes_behind_the_220_ends_the_session(behind: bytes) -> None:
    """RFC 3207 §6: it could be an attacker's, and would be read as the server's under TLS."""
    session = client()
    session.receive_data(OFFER)
    session.receive_data(b"220 go\r\n" + behind)
    refused = refusal(session)
    assert (refused.stage, refused.reply.cause.id) == (Stage.HELLO, "peer.nonsense")
    assert session.state is ClientState.CLOSED


@pytest.mark.parametrize("required", [False, True])
def test_after_a_failed_handshake_plaintext_is_tried_only_where_it_may_be(required: bool) -> None:
    session = client(required=required)
    session.receive_data(OFFER + b"")
    session.receive_data(b"220 go\r\n")
    events(session)
    session.not_secured("certificate not verified: expired")
    refused = refusal(session)
    assert refused.start_over_in_plaintext is not required
    assert str(refused.reply).startswith("454 4.7.5")
    assert refused.reply.cause.id == "tls.failed"


def test_who_does_not_want_tls_does_not_ask_for_it() -> None:
    session = client(wanted=False)
    session.receive_data(OFFER)
    assert said(session) == ""
    with pytest.raises(LocalProtocolError):
        session.secured(TLS)


def serve(session: ServerSession) -> None:
    while (event := session.next_event()) is not None:
        match event:
            case ConnectionProposed():
                session.resolve(event, replies.greeting("mx.test", "ESMTP"))
            case HelloProposed(reply=reply):
                session.resolve(event, reply)
            case TlsProposed():
                session.resolve(event, replies.TLS_GO_AHEAD)
            case SessionEnded():
                pass
            case _:
                raise AssertionError(event)


@pytest.mark.parametrize("width", [1, 2, 3, 7, 1 << 20])
def test_wherever_the_octets_are_cut_both_go_on_under_tls(width: int) -> None:
    near = ClientSession(ClientOptions(hello_name="client.test", starttls=True, tls_required=True), REGISTRY)
    far = ServerSession(hostname="mx.test", registry=REGISTRY)
    ready = False
    serve(far)
    to_client, to_server = far.data_to_send(), b""
    while to_client or to_server:
        for piece in pieces(to_client, width):
            near.receive_data(piece)
            for event in events(near):
                ready |= isinstance(event, ConversationReady)
                if isinstance(event, TlsWanted):
                    assert far.is_securing
                    near.secured(TLS)
                    far.secured(TLS)
        to_server = near.data_to_send()
        for piece in pieces(to_server, width):
            far.receive_data(piece)
            serve(far)
        to_client, to_server = far.data_to_send(), b""
    assert ready
    assert (near.encryption, far.view.encryption) == (TLS, TLS)
    assert far.view.hello_name == "client.test"


@pytest.mark.parametrize("behind", [b"NOOP\r\n", b"\r\n", b"E", b"\x16\x03"])
def test_the_server_ends_a_session_in_which_something_follows_starttls(behind: bytes) -> None:
    far = ServerSession(hostname="mx.test", registry=REGISTRY)
    serve(far)
    far.receive_data(b"EHLO client.test\r\n")
    serve(far)
    far.data_to_send()
    far.receive_data(b"STARTTLS\r\n" + behind)
    serve(far)
    assert far.data_to_send().startswith(b"421 4.7.0 ")
    assert far.is_closed
    assert not far.is_securing


def test_a_failed_handshake_is_the_end_and_nothing_more_is_said() -> None:
    far = ServerSession(hostname="mx.test", registry=REGISTRY)
    serve(far)
    far.receive_data(b"EHLO client.test\r\nSTARTTLS\r\n")
    serve(far)
    far.data_to_send()
    far.not_secured("no shared cipher")
    assert far.next_event() == SessionEnded(lost=True)
    assert far.data_to_send() == b""
    with pytest.raises(LocalProtocolError):
        far.secured(TLS)


def pieces(octets: bytes, width: int) -> list[bytes]:
    edges = [*range(0, len(octets), width), len(octets)]
    return [octets[start:end] for start, end in pairwise(edges)]
