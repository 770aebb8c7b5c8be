"""PLAIN and LOGIN: what a client says, and what the server reads out of it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.smtp.sasl.login import LoginClient, LoginServer
from heloise.smtp.sasl.mechanism import Challenge, Credentials, MalformedResponse, PasswordOffered
from heloise.smtp.sasl.plain import PlainClient, PlainServer

words = st.text(st.characters(exclude_characters="\0", codec="utf-8"), min_size=1)


@given(words, words)
def test_plain_says_user_and_password(user: str, password: str) -> None:
    assert PlainServer().respond(PlainClient(Credentials(user, password)).initial) == PasswordOffered(user, password)


@given(words, words)
def test_login_says_user_and_password_when_asked(user: str, password: str) -> None:
    server, client = LoginServer(), LoginClient(Credentials(user, password))
    step = server.respond(client.initial)
    while isinstance(step, Challenge):
        step = server.respond(client.answer(step.octets))
    assert step == PasswordOffered(user, password)


# RFC 4616 §4
def test_plain_reads_the_example_of_the_rfc() -> None:
    assert PlainServer().respond(b"\0tim\0tanstaaftanstaaf") == PasswordOffered("tim", "tanstaaftanstaaf")


@pytest.mark.parametrize(
    "response", [b"", b"tim", b"\0tim", b"\0\0x", b"\0tim\0", b"Ursel\0Kurt\0x", b"\0a\0b\0c", b"\0a\0\xff"]
)
def test_plain_refuses_what_is_not_plain(response: bytes) -> None:
    with pytest.raises(MalformedResponse):
        PlainServer().respond(response)


@pytest.mark.parametrize("response", [b"", b"a\0", b"\xff"])
def test_login_refuses_what_is_no_user(response: bytes) -> None:
    with pytest.raises(MalformedResponse):
        LoginServer().respond(response)


def test_a_password_is_in_no_repr() -> None:
    assert "secret" not in repr([PasswordOffered("tim", "secret"), Credentials("tim", "secret"), Challenge(b"secret")])
