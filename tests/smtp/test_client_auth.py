"""The client says AUTH: which mechanism, when, and what a refusal means; against words, and against our server."""

from base64 import b64encode

import pytest

from heloise.mail.encryption import ChannelBinding, Encryption
from heloise.mail.outcome import Stage
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import ConversationReady, ConversationRefused, ResponseWanted
from heloise.smtp.client_states import ClientState
from heloise.smtp.errors import LocalProtocolError
from heloise.smtp.registry import discover
from heloise.smtp.sasl.choosing import ClientLogin
from heloise.smtp.sasl.mechanism import Credentials
from heloise.smtp.transaction import ClientOptions
from heloise.smtp.transcript import Transcript, render
from tests.smtp.clients import Client

SESAME = Credentials("alice", "sesame")
TLS = Encryption("TLSv1.3", "TEST")


def login(
    offer: str | None,
    *,
    credentials: Credentials = SESAME,
    mechanisms: tuple[str, ...] = (),
    in_clear: bool = False,
    encryption: Encryption | None = TLS,
    transcript: Transcript | None = None,
) -> Client:
    """A client that has heard EHLO's answer with this AUTH line."""
    who = ClientLogin(credentials=credentials, mechanisms=mechanisms, in_clear=in_clear)
    options = ClientOptions(hello_name="client.test", login=who)
    made = Client(ClientSession(options, discover(), recorder=transcript, nonce="abc"))
    if encryption is not None:
        made.session.secured(encryption)
    made.hear("220 mx.test")
    made.said()
    made.hear("250-mx.test", f"250-{offer}" if offer is not None else "250-DSN", "250 PIPELINING")
    return made


def respond(client: Client) -> str:
    wanted = client.events.pop()
    assert isinstance(wanted, ResponseWanted)
    client.session.respond(wanted.compute())
    return client.said()[0]


def coded(text: str) -> str:
    return b64encode(text.encode()).decode()


def test_plain_is_said_under_tls_and_mail_follows_only_after_235() -> None:
    client = login("AUTH LOGIN PLAIN")
    assert client.said() == [f"AUTH PLAIN {coded(chr(0) + 'alice' + chr(0) + 'sesame')}"]
    assert client.session.state is ClientState.AUTHENTICATING
    assert client.hear("235 2.7.0 welcome").is_ready
    assert client.session.authenticated_as == "alice"
    client.begin()
    assert client.said()[0] == "MAIL FROM:<a@client.test> AUTH=<>"


def test_login_asks_for_one_after_the_other() -> None:
    client = login("AUTH LOGIN")
    assert client.said() == ["AUTH LOGIN"]
    client.hear(f"334 {coded('Username:')}")
    assert respond(client) == coded("alice")
    client.hear(f"334 {coded('Password:')}")
    assert respond(client) == coded("sesame")
    assert client.hear("235 ok").is_ready


@pytest.mark.parametrize("mechanism", ["PLAIN", "LOGIN"])
def test_what_shows_the_password_is_not_said_in_clear(mechanism: str) -> None:
    client = login(f"AUTH {mechanism}", encryption=None)
    assert client.refused.reply.cause.id == "login.needs-tls"
    assert client.said() == [""]
    assert client.session.state is ClientState.REFUSED


def test_an_operator_may_allow_it_in_clear() -> None:
    assert login("AUTH PLAIN", encryption=None, in_clear=True).said()[0].startswith("AUTH PLAIN ")


def test_a_token_is_not_said_in_clear() -> None:
    client = login("AUTH XOAUTH2", encryption=None, credentials=Credentials("alice", token="t0ken"))
    assert client.refused.reply.cause.id == "login.needs-tls"


@pytest.mark.parametrize(
    ("offer", "chosen"),
    [
        ("AUTH PLAIN SCRAM-SHA-1 SCRAM-SHA-256", "SCRAM-SHA-256"),
        ("AUTH plain login scram-sha-1 cram-md5", "SCRAM-SHA-1"),
        ("AUTH PLAIN CRAM-MD5 GSSAPI", "CRAM-MD5"),
        ("AUTH=LOGIN PLAIN", "PLAIN"),
        ("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256", "SCRAM-SHA-256"),  # there is nothing to bind to
    ],
)
def test_the_best_that_is_offered_is_taken(offer: str, chosen: str) -> None:
    assert login(offer).said()[0].split()[1] == chosen


def test_with_a_channel_binding_plus_is_taken_and_without_its_offer_we_say_that_we_could() -> None:
    bound = Encryption("TLSv1.3", "TEST", binding=ChannelBinding("tls-server-end-point", b"hash"))
    ours = ("SCRAM-SHA-256-PLUS", "SCRAM-SHA-256")
    said = login("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256", encryption=bound, mechanisms=ours).said()[0]
    assert said == f"AUTH SCRAM-SHA-256-PLUS {coded('p=tls-server-end-point,,n=alice,r=abc')}"
    said = login("AUTH SCRAM-SHA-256", encryption=bound, mechanisms=ours).said()[0]
    assert said == f"AUTH SCRAM-SHA-256 {coded('y,,n=alice,r=abc')}"
    unasked = login("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256", encryption=bound).said()[0]
    assert unasked == f"AUTH SCRAM-SHA-256 {coded('n,,n=alice,r=abc')}"
    chosen = login("AUTH SCRAM-SHA-256-PLUS SCRAM-SHA-256", encryption=bound, mechanisms=("SCRAM-SHA-256",))
    assert chosen.said()[0] == f"AUTH SCRAM-SHA-256 {coded('n,,n=alice,r=abc')}"


def test_a_token_goes_by_oauthbearer_or_by_xoauth2() -> None:
    token = Credentials("alice@x.test", token="t0ken")
    said = login("AUTH XOAUTH2 OAUTHBEARER PLAIN", credentials=token).said()[0]
    assert said == f"AUTH OAUTHBEARER {coded('n,a=alice@x.test,' + chr(1) + 'auth=Bearer t0ken' + chr(1) + chr(1))}"
    said = login("AUTH XOAUTH2 PLAIN", credentials=token).said()[0]
    assert said == f"AUTH XOAUTH2 {coded('user=alice@x.test' + chr(1) + 'auth=Bearer t0ken' + chr(1) + chr(1))}"


def test_a_refused_token_is_answered_before_the_refusal_comes() -> None:
    """RFC 7628 §3.2.3."""
    client = login("AUTH OAUTHBEARER", credentials=Credentials("alice", token="t0ken"))
    client.said()
    client.hear(f"334 {coded('{}')}")
    assert respond(client) == "AQ=="
    client.hear("535 5.7.8 no")
    assert client.refused.reply.cause.id == "login.refused"


def test_external_says_whom_we_act_as_or_nothing() -> None:
    assert login("AUTH EXTERNAL", credentials=Credentials("")).said() == ["AUTH EXTERNAL ="]
    assert login("AUTH EXTERNAL", credentials=Credentials("me")).said() == [f"AUTH EXTERNAL {coded('me')}"]


def test_a_long_initial_response_waits_for_its_challenge() -> None:
    """RFC 4954 §4: the command is not longer than 512 octets."""
    client = login("AUTH XOAUTH2", credentials=Credentials("alice", token="t" * 600))
    assert client.said() == ["AUTH XOAUTH2"]
    client.hear("334 ")
    assert respond(client) == coded(f"user=alice\1auth=Bearer {'t' * 600}\1\1")


@pytest.mark.parametrize("answer", ["535 5.7.8 wrong", "454 4.7.0 later", "530 5.7.0 what", "503 no", "534 5.7.9 weak"])
def test_whatever_refuses_the_login_is_for_now_and_ours(answer: str) -> None:
    """Mail of users is not returned for a password that the operator has to mend."""
    client = login("AUTH PLAIN")
    client.hear(answer)
    refused = client.refused
    assert (refused.stage, refused.reply.code, refused.said_by_peer) == (Stage.HELLO, 454, False)
    assert refused.reply.cause.id == "login.refused"
    assert answer[:3] in refused.reply.text
    assert not client.session.usable


@pytest.mark.parametrize("offer", [None, "AUTH", "AUTH GSSAPI NTLM"])
def test_where_nothing_fits_is_offered_no_mail_is_sent(offer: str | None) -> None:
    assert login(offer).refused.reply.cause.id == "login.not-offered"


def test_a_server_that_lets_us_in_before_it_has_proven_itself_is_not_believed() -> None:
    """RFC 5802 §5."""
    client = login("AUTH SCRAM-SHA-256")
    client.said()
    client.hear("235 2.7.0 come in")
    assert client.refused.reply.cause.id == "login.failed"
    client = login("AUTH SCRAM-SHA-256")
    client.hear(f"334 {coded('r=abcxyz,s=c2FsdA==,i=4096')}")
    respond(client)
    client.hear(f"334 {coded('v=AAAA')}")
    assert respond(client) == "*"
    client.hear("235 2.7.0 come in all the same")
    assert client.refused.reply.cause.id == "login.failed"
    assert client.session.authenticated_as is None


@pytest.mark.parametrize("challenge", ["334 ***", "334 cj0=", "334"])
def test_a_challenge_that_makes_no_sense_is_cancelled(challenge: str) -> None:
    client = login("AUTH SCRAM-SHA-256")
    client.said()
    client.hear(challenge)
    assert respond(client) == "*"
    client.hear("501 5.7.0 cancelled")
    assert client.refused.reply.cause.id == "login.failed"


def test_a_server_that_goes_in_the_middle_is_tried_again_later() -> None:
    client = login("AUTH PLAIN")
    client.hear("421 4.3.2 not now")
    assert (client.refused.stage, client.refused.said_by_peer) == (Stage.HELLO, True)
    client = login("AUTH PLAIN")
    client.session.connection_lost("gone")
    client.drain()
    assert client.refused.reply.cause.id == "link.lost"
    assert not client.refused.start_over_with_helo


def test_a_reply_while_a_response_is_computed_is_nonsense() -> None:
    client = login("AUTH LOGIN")
    client.hear("334 ")
    client.hear("334 ")
    assert client.refused.reply.cause.id == "peer.nonsense"
    with pytest.raises(LocalProtocolError):
        client.session.respond(b"x\r\n")


def test_no_transcript_has_the_secret() -> None:
    transcript = Transcript()
    client = login("AUTH LOGIN", transcript=transcript)
    client.hear("334 ")
    respond(client)
    client.hear("334 ")
    respond(client)
    client.hear("235 ok")
    shown = render(transcript, explained=True)
    assert "****" in shown
    for secret in ("sesame", coded("sesame"), coded("alice")):
        assert secret not in shown
        assert secret not in repr(client.events) + repr(client.session._options)


def test_without_a_login_nothing_is_said() -> None:
    made = Client(ClientSession(ClientOptions(hello_name="client.test"), discover())).hear(
        "220 x", "250-x", "250 AUTH PLAIN"
    )
    assert any(isinstance(event, ConversationReady) for event in made.events)
    assert not any(isinstance(event, ConversationRefused) for event in made.events)
    made.begin()
    assert "AUTH" not in made.said()[-1]
