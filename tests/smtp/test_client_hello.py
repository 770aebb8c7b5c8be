"""Greeting and hello from the client's side. RFC 5321 §3.1, §3.2, §4.1.1.1, RFC 2033 §4.1."""

import pytest

from heloise.mail.address import AddressError
from heloise.mail.outcome import Stage
from heloise.smtp.client_events import ConversationEnded, Progress
from heloise.smtp.transaction import ClientOptions, Offers
from tests.smtp.clients import client, ready


def test_a_greeted_client_says_ehlo_with_its_name() -> None:
    assert client().hear("220 x.test ESMTP").said() == ["EHLO client.test"]


def test_nothing_is_said_before_the_greeting() -> None:
    assert client().session.data_to_send() == b""


def test_the_offers_of_the_peer_are_read() -> None:
    offers = ready("SIZE 1000", "size 5", "AUTH=LOGIN PLAIN", "LIMITS RCPTMAX=5 MAILMAX=2", "?!").session.offers
    assert (offers.size_limit, offers.argument("AUTH")) == (1000, "LOGIN PLAIN")
    assert (offers.recipient_limit, offers.transaction_limit) == (5, 2)
    assert not offers.has("DSN")


@pytest.mark.parametrize(("offer", "limit"), [("SIZE", None), ("SIZE 0", None), ("SIZE x", None), ("SIZE 12", 12)])
def test_a_size_without_a_number_is_no_limit(offer: str, limit: int | None) -> None:
    assert ready(offer).session.offers.size_limit == limit


@pytest.mark.parametrize("code", [500, 501, 502, 504, 530, 550, 554])
def test_a_refused_ehlo_is_followed_by_helo_on_the_same_connection(code: int) -> None:
    peer = client().hear("220 x.test")
    peer.said()
    assert peer.hear(f"{code} what?").said() == ["HELO client.test"]
    peer.hear("250 x.test")
    assert peer.is_ready
    assert peer.session.offers == Offers()


def test_after_helo_no_parameter_is_sent() -> None:
    peer = client().hear("220 x.test", "502 no", "250 x.test")
    peer.said()
    assert peer.begin().said() == ["MAIL FROM:<a@client.test>"]


@pytest.mark.parametrize("code", [421, 450, 451])
def test_a_transient_answer_to_ehlo_ends_the_conversation(code: int) -> None:
    refused = client().hear("220 x.test").hear(f"{code} later").refused
    assert (refused.stage, refused.reply.code, refused.start_over_with_helo) == (Stage.HELLO, code, False)


@pytest.mark.parametrize("before", [(), ("500 no",)])
def test_a_connection_dropped_at_ehlo_is_made_again_with_helo(before: tuple[str, ...]) -> None:
    peer = client().hear("220 x.test", *before)
    peer.session.receive_data(b"")
    refused = peer.drain().refused
    assert (refused.stage, refused.start_over_with_helo, refused.said_by_peer) == (Stage.HELLO, True, False)
    assert refused.reply.cause.id == "link.lost"


def test_a_client_told_to_start_with_helo_does_so_and_starts_over_no_more() -> None:
    peer = client(start_with_helo=True).hear("220 x.test")
    assert peer.said() == ["HELO client.test"]
    peer.session.receive_data(b"")
    assert not peer.drain().refused.start_over_with_helo


@pytest.mark.parametrize("code", [421, 450, 521, 554])
def test_a_refusing_greeting_ends_the_conversation_with_the_peers_words(code: int) -> None:
    refused = client().hear(f"{code} no").refused
    assert (refused.stage, refused.reply.code, refused.said_by_peer) == (Stage.GREETING, code, True)


def test_a_refused_client_still_says_quit() -> None:
    peer = client().hear("554 no")
    peer.session.quit()
    assert peer.said() == ["QUIT"]
    assert isinstance(peer.hear("221 bye").events[-1], ConversationEnded)


def test_silence_at_the_greeting_is_a_timeout_of_that_stage() -> None:
    peer = client()
    assert peer.session.patience == 300
    peer.session.timed_out()
    refused = peer.drain().refused
    assert (refused.stage, refused.reply.cause.id, str(refused.reply.status)) == (
        Stage.GREETING,
        "link.timed-out",
        "4.4.2",
    )


def test_lmtp_says_lhlo_and_has_nothing_to_fall_back_to() -> None:
    peer = client(lmtp=True).hear("220 x.test")
    assert peer.said() == ["LHLO client.test"]
    assert peer.hear("500 no").refused.reply.code == 500


@pytest.mark.parametrize("words", ["hi there", "150 odd", "354 go ahead"])
def test_a_greeting_that_can_not_stand_there_is_nonsense_and_transient(words: str) -> None:
    refused = client().hear(words).refused
    assert (refused.reply.code, refused.reply.cause.id) == (451, "peer.nonsense")


def test_progress_lines_in_the_greeting_and_in_hello_are_passed_over() -> None:
    peer = client().hear("050 starting", "220 x.test", "250-x.test", "050 thinking", "250 SIZE 5")
    assert peer.session.offers.size_limit == 5
    assert sum(isinstance(event, Progress) for event in peer.events) == 2


def test_a_hello_name_that_is_none_is_refused_at_once() -> None:
    with pytest.raises(AddressError):
        ClientOptions(hello_name="x\r\nMAIL FROM:<a@b>")
