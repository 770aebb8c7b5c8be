"""All SASL mechanisms: whatever the other side says, both sides end in a step or a refusal, and keep secrets. RFC 4422.

The octets are lines of the other side, in base64 or as they are. The server's questions are answered by whoever knows
one user; the client's exchange hears challenges. A secret is never in an error.
"""

from base64 import b64encode

from heloise.mail.encryption import ChannelBinding, Encryption
from heloise.mail.reply import Reply
from heloise.reception.users import UsersError, read_users
from heloise.smtp.events import CredentialsProposed
from heloise.smtp.sasl.choosing import CLIENT_MECHANISMS, ClientLogin, begin_login
from heloise.smtp.sasl.exchange import ALL_MECHANISMS, Exchange, server_mechanism
from heloise.smtp.sasl.mechanism import Credentials, KeysWanted, ScramKeys, TokenOffered
from tests.fuzz.supply import Supply
from tests.fuzz.targets import Target

_BINDING = ChannelBinding("tls-server-end-point", b"hash")
_KEYS = ScramKeys(b"salt", 4096, b"s" * 32, b"k" * 32)
_SECRET = "p4ssw0rd"
_ROUNDS = 8


def run(octets: bytes) -> None:
    """Settings: which mechanism, which side and how it is coded; the lines."""
    supply = Supply(octets)
    choice, flags = supply.octet(), supply.octet()
    lines = supply.rest().split(b"\n")
    if flags & 4:
        _users(b"\n".join(lines))
    elif flags & 1:
        _client(CLIENT_MECHANISMS[choice % len(CLIENT_MECHANISMS)], lines[:_ROUNDS], is_coded=bool(flags & 2))
    else:
        _server(ALL_MECHANISMS[choice % len(ALL_MECHANISMS)], lines[:_ROUNDS], is_coded=bool(flags & 2))


def _server(name: str, lines: list[bytes], *, is_coded: bool) -> None:
    mechanism = server_mechanism(name, "nonce", hostname="mx.test", binding=_BINDING, certified="alice")
    exchange = Exchange(name, mechanism)
    answer: Reply | CredentialsProposed = exchange.begin(None)
    for line in lines:
        if isinstance(answer, CredentialsProposed):
            question = answer.question
            if isinstance(question, KeysWanted):
                mechanism.supply(_KEYS)
            elif not isinstance(question, TokenOffered) or mechanism.refuse() is None:
                return
        elif answer.code != 334:
            assert answer.code >= 500
            return
        answer = exchange.hear(b64encode(line) if is_coded else line.rstrip(b"\r"))


def _client(name: str, lines: list[bytes], *, is_coded: bool) -> None:
    who = ClientLogin(credentials=Credentials("alice", _SECRET, _SECRET), mechanisms=(name,))
    exchange = begin_login(who, name, Encryption("TLSv1.3", "TEST", binding=_BINDING), "nonce")
    assert not isinstance(exchange, Reply)
    octets, record = exchange.command()
    assert octets.endswith(b"\r\n")
    assert _SECRET.encode() not in record
    assert b64encode(_SECRET.encode()).rstrip(b"=") not in record
    for line in lines:
        challenge = b64encode(line).decode() if is_coded else line.decode("latin-1")
        said = exchange.answer(challenge)
        assert said.endswith(b"\r\n")
        assert b"\n" not in said[:-2]
        if exchange.trouble is not None:
            assert said == b"*\r\n"
            assert _SECRET not in str(exchange.trouble)
            return


def _users(octets: bytes) -> None:
    try:
        users = read_users(octets.decode("utf-8", "replace"))
    except UsersError:
        return
    written = "".join(f"{login.encode()}\n" for login in users.values())
    assert read_users(written) == users, "a user is read otherwise than written"


TARGET = Target(
    run=run,
    tokens=(
        *(
            b"n,,n=alice,r=abc",
            b"y,,",
            b"p=tls-server-end-point,,n=alice,r=abc",
            b"n,a=alice,",
            b",m=x",
            b"=2C",
            b"=3D",
        ),
        *(
            b"r=abcnonce,s=c2FsdA==,i=4096",
            b"r=nonceabc,s=c2FsdA==,i=4096",
            b"v=AAAA",
            b"e=other-error",
            b"i=9999999999",
        ),
        *(
            b"c=biws,r=abcnonce,p=AAAA",
            b"c=eSws",
            b"\x01auth=Bearer t0ken\x01\x01",
            b"user=alice\x01",
            b"\x01host=x\x01",
        ),
        *(b"\0alice\0sesame", b"alice " + b"a" * 32, b"alice", b"*", b"=", b"\xff", b"\n", b"\0"),
        *(b"alice:SCRAM-SHA-256$4096:c2FsdA==$", b"SCRAM-SHA-1$4096:", b"SECRET$c2FsdA==", b" @example.test", b"# x"),
        *(
            b"bob:SECRET$c2FsdA== bob@example.test",
            b"scrypt$ln=15,r=8,p=1$c2FsdA==$",
            b"A" * 43 + b"=",
            b"A" * 27 + b"=",
        ),
    ),
    settings=2,
)
