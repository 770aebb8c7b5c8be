"""CRAM-MD5, OAUTHBEARER, XOAUTH2, EXTERNAL and SCRAM with channel binding: the RFCs' examples, and both our sides."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.mail.encryption import ChannelBinding
from heloise.smtp.sasl.cram_md5 import CramMd5Client, CramMd5Server, digest, fits
from heloise.smtp.sasl.external import ExternalClient, ExternalServer
from heloise.smtp.sasl.mechanism import (
    Challenge,
    Credentials,
    DigestOffered,
    KeysWanted,
    MalformedResponse,
    Proven,
    Refused,
    TokenOffered,
)
from heloise.smtp.sasl.oauth import NAMES, OAUTHBEARER, XOAUTH2, OAuthClient, OAuthServer
from heloise.smtp.sasl.scram import ScramClient, ScramServer, make_keys

NAMES_OF_USERS = st.text(
    st.characters(codec="utf-8", exclude_characters="\0\1", categories=("L", "N", "P", "S")), min_size=1
)
TOKENS = st.from_regex(r"[A-Za-z0-9._~+/-]+=*", fullmatch=True)
BINDING = ChannelBinding("tls-server-end-point", b"the hash of a certificate")


def test_cram_md5_says_what_the_rfc_shows() -> None:
    """RFC 2195 §2."""
    said = b"<1896.697170952@postoffice.reston.mci.net>"
    assert digest("tanstaaftanstaaf", said) == "b913a602c7eda7a495b4e6e7334d3890"
    client = CramMd5Client(Credentials("tim", "tanstaaftanstaaf"))
    assert client.initial is None
    assert client.answer(said) == b"tim b913a602c7eda7a495b4e6e7334d3890"


@given(NAMES_OF_USERS, st.text(min_size=1), st.text(min_size=1))
def test_cram_md5_knows_a_password_from_another(user: str, password: str, other: str) -> None:
    server, client = CramMd5Server("nonce", "mx.test"), CramMd5Client(Credentials(user, password))
    challenge = server.respond(None)
    assert challenge == Challenge(b"<nonce@mx.test>")
    offered = server.respond(client.answer(challenge.octets))
    assert isinstance(offered, DigestOffered)
    assert offered.user == user
    assert fits(password, offered)
    assert fits(other, offered) == (other == password)


@pytest.mark.parametrize(
    "response", [b"", b"tim", b"tim b913", b"tim " + b"g" * 32, b"\xff " + b"a" * 32, b" " + b"a" * 32]
)
def test_cram_md5_refuses_what_is_no_response(response: bytes) -> None:
    with pytest.raises(MalformedResponse):
        CramMd5Server("nonce", "mx.test").respond(response)


@pytest.mark.parametrize("name", NAMES)
@given(user=NAMES_OF_USERS, token=TOKENS)
def test_a_token_comes_as_it_was_sent(name: str, user: str, token: str) -> None:
    assert OAuthServer(name).respond(OAuthClient(name, Credentials(user, token=token)).initial) == TokenOffered(
        user, token
    )


def test_oauthbearer_reads_what_the_rfc_shows() -> None:
    """RFC 7628 §4.1: with host and port, which tell us nothing new."""
    shown = (
        b"n,a=user@example.com,\x01host=server.example.com\x01port=143\x01"
        b"auth=Bearer vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg==\x01\x01"
    )
    token = "vF9dft4qmTc2Nvb3RlckBhbHRhdmlzdGEuY29tCg=="
    assert OAuthServer(OAUTHBEARER).respond(shown) == TokenOffered("user@example.com", token)


def test_a_refused_token_is_told_before_it_is_refused() -> None:
    server, client = OAuthServer(OAUTHBEARER), OAuthClient(OAUTHBEARER, Credentials("alice", token="t"))
    server.respond(client.initial)
    told = server.refuse()
    assert told is not None
    assert b'"invalid_token"' in told.octets
    assert server.respond(client.answer(told.octets)) == Refused("alice")
    assert not client.is_complete
    with pytest.raises(MalformedResponse):
        client.answer(b"")


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"n,,\x01auth=Bearer t\x01\x01",  # nobody says who it is
        b"n,a=alice,\x01\x01",
        b"n,a=alice,\x01auth=Basic t\x01\x01",
        b"n,a=alice,\x01auth=Bearer t t\x01\x01",
        b"p=tls-unique,a=alice,\x01auth=Bearer t\x01\x01",
        b"n,a=al=2Xice,\x01auth=Bearer t\x01\x01",
        b"n,a=alice,\x01auth=Bearer t\x01",
        b"\xff",
    ],
)
def test_oauthbearer_refuses_another_response(response: bytes) -> None:
    with pytest.raises(MalformedResponse):
        OAuthServer(OAUTHBEARER).respond(response)
    with pytest.raises(MalformedResponse):
        OAuthServer(XOAUTH2).respond(response)


@pytest.mark.parametrize(
    ("certified", "acting", "is_genuine"),
    [("alice", "", True), ("alice", "alice", True), ("alice", "bob", False), ("", "", False), ("", "alice", False)],
)
def test_external_is_whom_the_certificate_stands_for(certified: str, acting: str, is_genuine: bool) -> None:
    server, client = ExternalServer(certified), ExternalClient(Credentials(acting))
    assert server.respond(None) == Challenge(b"")
    assert server.respond(client.initial) == Proven(certified, is_genuine)


def meet(client: ScramClient, server: ScramServer, hash_name: str) -> Proven:
    step = server.respond(client.initial)
    assert step == KeysWanted("user", hash_name)
    step = server.supply(make_keys("pencil", salt=b"salt", iterations=4096, hash_name=hash_name))
    while isinstance(step, Challenge):
        step = server.respond(client.answer(step.octets))
    assert isinstance(step, Proven)
    return step


@pytest.mark.parametrize(("name", "hash_name"), [("SCRAM-SHA-256-PLUS", "sha256"), ("SCRAM-SHA-1-PLUS", "sha1")])
def test_a_bound_exchange_holds_only_on_its_connection(name: str, hash_name: str) -> None:
    me = Credentials("user", "pencil")
    client = ScramClient(name, me, "abc", BINDING, plus_offered=True)
    assert meet(client, ScramServer(name, "xyz", BINDING), hash_name) == Proven("user", is_genuine=True)
    assert client.is_complete
    client = ScramClient(
        name, me, "abc", ChannelBinding("tls-server-end-point", b"somebody between"), plus_offered=True
    )
    with pytest.raises(MalformedResponse):
        meet(client, ScramServer(name, "xyz", BINDING), hash_name)


@pytest.mark.parametrize("flag", [b"n", b"y", b"p=tls-unique", b"p=tls-exporter"])
def test_a_bound_mechanism_wants_the_binding_that_there_is(flag: bytes) -> None:
    with pytest.raises(MalformedResponse):
        ScramServer("SCRAM-SHA-256-PLUS", "xyz", BINDING).respond(flag + b",,n=user,r=abc")
    with pytest.raises(MalformedResponse):
        ScramServer("SCRAM-SHA-256-PLUS", "xyz").respond(b"p=tls-server-end-point,,n=user,r=abc")


def test_an_offer_that_was_taken_away_is_noticed() -> None:
    """RFC 5802 §6."""
    client = ScramClient("SCRAM-SHA-256", Credentials("user", "pencil"), "abc", BINDING)
    assert client.initial.startswith(b"y,,")
    with pytest.raises(MalformedResponse):
        ScramServer("SCRAM-SHA-256", "xyz", BINDING).respond(client.initial)
    assert meet(client, ScramServer("SCRAM-SHA-256", "xyz"), "sha256").is_genuine
