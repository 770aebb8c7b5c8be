"""SCRAM against the examples of its RFCs, and our two sides against each other."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.smtp.sasl.mechanism import Challenge, Credentials, KeysWanted, MalformedResponse, Proven, ServerNotProven
from heloise.smtp.sasl.saslprep import saslprep
from heloise.smtp.sasl.scram import ScramClient, ScramServer, make_keys

PENCIL = Credentials("user", "pencil")

# RFC 5802 §5 and RFC 7677 §3: name, hash, client nonce, server nonce, salt, and what each side says
EXAMPLES = [
    (
        "SCRAM-SHA-1",
        "sha1",
        "fyko+d2lbbFgONRv9qkxdawL",
        "3rfcNHYJY1ZVvWVs7j",
        "4125c247e43ab1e93c6dff76",
        b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL",
        b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096",
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts=",
        b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=",
    ),
    (
        "SCRAM-SHA-256",
        "sha256",
        "rOprNGfwEbeRWgbNEkqO",
        "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0",
        "5b6d99689d12358eeca04b141236fa81",
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO",
        b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096",
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=",
        b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=",
    ),
]


@pytest.mark.parametrize("example", EXAMPLES, ids=[example[0] for example in EXAMPLES])
def test_both_sides_say_what_the_rfc_shows(example: tuple[str, str, str, str, str, bytes, bytes, bytes, bytes]) -> None:
    name, hash_name, client_nonce, server_nonce, salt, *said = example
    client, server = ScramClient(name, PENCIL, client_nonce), ScramServer(name, server_nonce)
    assert client.initial == said[0]
    assert server.respond(said[0]) == KeysWanted("user", hash_name)
    keys = make_keys("pencil", salt=bytes.fromhex(salt), iterations=4096, hash_name=hash_name)
    assert server.supply(keys) == Challenge(said[1])
    assert client.answer(said[1]) == said[2]
    assert server.respond(said[2]) == Challenge(said[3])
    assert client.answer(said[3]) == b""
    assert server.respond(b"") == Proven("user", is_genuine=True)


def meet(credentials: Credentials, password: str) -> Proven:
    """The last word of an exchange with somebody whose password is `password`."""
    client, server = ScramClient("SCRAM-SHA-256", credentials, "abc"), ScramServer("SCRAM-SHA-256", "xyz")
    step = server.respond(client.initial)
    assert isinstance(step, KeysWanted)
    challenge = server.supply(make_keys(password, salt=b"salt", iterations=4096))
    while isinstance(challenge, Challenge):
        step = server.respond(client.answer(challenge.octets))
        if isinstance(step, Proven):
            return step
        assert isinstance(step, Challenge)
        challenge = step
    raise AssertionError


@given(st.text(st.characters(categories=("Ll", "Nd"), include_characters=",= @"), min_size=1))
def test_any_name_and_password_of_ordinary_letters_gets_in(text: str) -> None:
    try:
        prepared = saslprep(text)
    except ValueError:
        return
    assert meet(Credentials(text, text), text) == Proven(prepared, is_genuine=True)


def test_a_wrong_password_is_not_genuine() -> None:
    assert meet(Credentials("alice", "wrong"), "right") == Proven("alice", is_genuine=False)


def test_a_server_that_does_not_know_the_password_is_found_out() -> None:
    client = ScramClient("SCRAM-SHA-256", PENCIL, "abc")
    client.answer(b"r=abcxyz,s=c2FsdA==,i=4096")
    with pytest.raises(ServerNotProven):
        client.answer(b"v=AAAA")


@pytest.mark.parametrize(
    "challenge",
    [
        b"r=abc,s=c2FsdA==,i=4096",  # no nonce of its own
        b"r=xyzabc,s=c2FsdA==,i=4096",
        b"r=abcxyz,s=c2FsdA==,i=4095",
        b"r=abcxyz,s=c2FsdA==,i=999999999",
        b"r=abcxyz,s=c2F,i=4096",
        b"\xff",
    ],
)
def test_a_client_refuses_an_unsafe_first_message(challenge: bytes) -> None:
    with pytest.raises(MalformedResponse):
        ScramClient("SCRAM-SHA-256", PENCIL, "abc").answer(challenge)


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"n,,n=user",
        b"p=tls-unique,,n=user,r=abc",
        b"n,a=other,n=user,r=abc",
        b"n,,n=us=2Xer,r=abc",
        b"n,,m=x,n=user,r=abc",
        b"n,,n=u\xff,r=abc",
    ],
)
def test_a_server_refuses_another_first_message(response: bytes) -> None:
    with pytest.raises(MalformedResponse):
        ScramServer("SCRAM-SHA-256", "xyz").respond(response)


@pytest.mark.parametrize(
    "final", [b"c=eSws,r=abcxyz,p=AAAA", b"c=biws,r=abcother,p=AAAA", b"c=biws,r=abcxyz,p=AAAA", b"c=biws,r=abcxyz"]
)
def test_a_server_refuses_another_final_message(final: bytes) -> None:
    server = ScramServer("SCRAM-SHA-256", "xyz")
    server.respond(b"n,,n=user,r=abc")
    server.supply(make_keys("pencil", salt=b"salt", iterations=4096))
    with pytest.raises(MalformedResponse):
        server.respond(final)


# RFC 4013 §3
@pytest.mark.parametrize(
    ("text", "prepared"), [("I\u00adX", "IX"), ("user", "user"), ("USER", "USER"), ("\u00aa", "a"), ("\u2168", "IX")]
)
def test_names_are_prepared_as_the_rfc_shows(text: str, prepared: str) -> None:
    assert saslprep(text) == prepared


@pytest.mark.parametrize("text", ["\u0007", "\u0627\u0031"])
def test_what_the_rfc_prohibits_is_prohibited(text: str) -> None:
    with pytest.raises(ValueError, match="RFC 4013"):
        saslprep(text)
