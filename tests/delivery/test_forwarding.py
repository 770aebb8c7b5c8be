"""XFORWARD to next hops: who is told, in which words, and that nothing depends on the answer."""

from dataclasses import replace

import pytest

from heloise.config import ConfigError, parse_configuration
from heloise.delivery.forwarding import told_of
from heloise.mail.attributes import Attributes
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import ConversationReady
from heloise.smtp.registry import discover
from heloise.smtp.server import content_facts
from heloise.smtp.transaction import ClientOptions
from tests.delivery.test_settle import message as queued_message
from tests.smtp.clients import envelope

TOLD = Attributes.parse("NAME=[UNAVAILABLE] ADDR=192.0.2.7 PROTO=ESMTP HELO=c.test SOURCE=REMOTE")
REGISTRY = discover()


def said(offer: str, *, told: Attributes = TOLD, answer: bytes = b"250 2.0.0 ok\r\n") -> list[str]:
    """The commands of a transaction with a peer that offers this."""
    session = ClientSession(ClientOptions(hello_name="mx.test"), REGISTRY)
    session.receive_data(b"220 x.test\r\n")
    session.data_to_send()
    session.receive_data(f"250-x.test\r\n{offer}250 8BITMIME\r\n".encode())
    assert isinstance(session.next_event(), ConversationReady)
    session.begin(envelope("<u@x.test>"), content_facts(b"hi\r\n"), told)
    heard = session.data_to_send()
    while heard.startswith(b"XFORWARD") and b"MAIL" not in heard:
        session.receive_data(answer)
        heard += session.data_to_send()
    return heard.decode().split("\r\n")[:-1]


def test_a_peer_that_offers_it_is_told_what_it_wants_to_know() -> None:
    lines = said("250-XFORWARD NAME ADDR HELO\r\n250-PIPELINING\r\n")
    assert lines[0] == "XFORWARD NAME=[UNAVAILABLE] ADDR=192.0.2.7 HELO=c.test"
    assert lines[1].startswith("MAIL FROM:")


def test_a_peer_that_does_not_is_told_nothing() -> None:
    assert said("250-PIPELINING\r\n")[0].startswith("MAIL FROM:")


def test_its_answer_changes_nothing() -> None:
    assert said("250-XFORWARD ADDR\r\n", answer=b"550 5.7.0 no\r\n")[1].startswith("MAIL FROM:")


def test_we_tell_what_we_saw_and_what_others_told_goes_on() -> None:
    message = queued_message()
    ours = told_of(message)
    assert ours.get("ADDR") == message.origin.peer_address
    assert ours.get("IDENT") == message.message_id
    assert ours.get("PORT") is None
    assert told_of(replace(message, origin=replace(message.origin, forwarded=TOLD))) == TOLD
    here = replace(message, origin=replace(message.origin, peer_address="unix"))
    assert (told_of(here).get("SOURCE"), told_of(here).get("ADDR")) == ("LOCAL", None)
    there = replace(message, origin=replace(message.origin, peer_address="2001:db8::7"))
    assert told_of(there).get("ADDR") == "IPV6:2001:db8::7"


def test_xclient_is_for_named_networks_and_for_nobody_by_its_audience() -> None:
    text = 'hostname = "mx.test"\nstate = "s"\n[[listener]]\naddress = "127.0.0.1:25"\n[extensions]\nXCLIENT = "any"\n'
    with pytest.raises(ConfigError, match="networks names"):
        parse_configuration(text, directory="/srv")
    assert parse_configuration(text.replace("any", "off"), directory="/srv")
