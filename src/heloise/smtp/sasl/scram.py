"""SCRAM: both sides prove that they know the password, and neither says it. RFC 5802, RFC 7677.

With -PLUS the proof covers what only the two ends of this TLS connection know (RFC 5056, RFC 5929), so that nobody sits
in between. A client that could have used it, and was not offered it, says so ("y"): where it was offered, somebody has
taken the offer away (RFC 5802 §6).
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode

from heloise.mail.encryption import ChannelBinding
from heloise.smtp.sasl.mechanism import (
    Challenge,
    Credentials,
    KeysWanted,
    MalformedResponse,
    Proven,
    ScramKeys,
    ServerNotProven,
    Step,
)
from heloise.smtp.sasl.saslprep import saslprep

PLUS = "-PLUS"
HASHES = {
    "SCRAM-SHA-256-PLUS": "sha256",
    "SCRAM-SHA-1-PLUS": "sha1",
    "SCRAM-SHA-256": "sha256",
    "SCRAM-SHA-1": "sha1",
}
LEAST_ITERATIONS = 4096  # RFC 5802 §5.1, RFC 7677 §4; a server that asks for less wants the password guessed
MOST_ITERATIONS = 10_000_000  # more than this would keep a client busy for a server's fun

# RFC 5802 §7. Extensions that are not understood ("m=") are refused; those at the ends are let pass.
_ATTRIBUTES = r"(?:,[A-Za-z]=[^,\0]+)*"
_CLIENT_FIRST = re.compile(
    rf"([ny]|p=[A-Za-z0-9.-]+),(?:a=([^,\0]+))?,(n=([^,\0]+),r=([\x21-\x2b\x2d-\x7e]+){_ATTRIBUTES})"
)
_CLIENT_FINAL = re.compile(rf"(c=([A-Za-z0-9+/=]+),r=([\x21-\x2b\x2d-\x7e]+){_ATTRIBUTES}),p=([A-Za-z0-9+/=]+)")
_SERVER_FIRST = re.compile(rf"r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/=]+),i=([1-9][0-9]{{0,8}}){_ATTRIBUTES}")
_NAME = re.compile(r"(?:[^=]|=2C|=3D)+")


def make_keys(password: str, *, salt: bytes, iterations: int, hash_name: str = "sha256") -> ScramKeys:
    """What to keep of a password. RFC 5802 §3. Takes its time. Raises ValueError, without the password in it."""
    salted = hashlib.pbkdf2_hmac(hash_name, saslprep(password).encode(), salt, iterations)
    stored_key = hashlib.new(hash_name, _hmac(hash_name, salted, b"Client Key")).digest()
    return ScramKeys(salt, iterations, stored_key, _hmac(hash_name, salted, b"Server Key"))


class ScramServer:
    """Three responses: who one is, the proof, and an empty one after the proof of the server.

    `nonce` are printable ASCII octets without a comma, new for each exchange. `binding` is that of the connection;
    without -PLUS it is given when the client was offered to use it.
    """

    def __init__(self, name: str, nonce: str, binding: ChannelBinding | None = None) -> None:
        self._hash = HASHES[name]
        self._plus = name.endswith(PLUS)
        self._binding = binding
        self._nonce = nonce
        self._user = ""
        self._bound = b""
        self._bare = ""
        self._first = ""
        self._keys: ScramKeys | None = None
        self._is_proven = False

    def respond(self, response: bytes | None) -> Step:
        """See `ServerMechanism`."""
        if response is None:
            return Challenge(b"")
        if self._is_proven:
            if response:
                raise MalformedResponse("nothing is left to be said")
            return Proven(self._user, is_genuine=True)
        return self._read_first(response) if self._keys is None else self._read_final(response, self._keys)

    def supply(self, keys: ScramKeys) -> Challenge:
        """The server-first-message."""
        self._keys = keys
        self._first = f"r={self._nonce},s={b64encode(keys.salt).decode()},i={keys.iterations}"
        return Challenge(self._first.encode())

    def _read_first(self, response: bytes) -> Step:
        found = _CLIENT_FIRST.fullmatch(_text(response))
        if found is None or _NAME.fullmatch(found[4]) is None:
            raise MalformedResponse("not a client-first-message")
        self._check_flag(found[1])
        try:
            self._user = saslprep(found[4].replace("=2C", ",").replace("=3D", "="))
        except ValueError as error:
            raise MalformedResponse(str(error)) from None
        if found[2] is not None and found[2] != found[4]:
            raise MalformedResponse("there is nobody else to act as")
        header = f"{found[1]},{'' if found[2] is None else 'a=' + found[2]},".encode()
        self._bound = _bound(header, self._binding if self._plus else None)
        self._bare = found[3]
        self._nonce = found[5] + self._nonce
        return KeysWanted(self._user, self._hash)

    def _check_flag(self, flag: str) -> None:
        """RFC 5802 §6, §7."""
        if self._plus and (self._binding is None or flag != f"p={self._binding.kind}"):
            kind = "none" if self._binding is None else self._binding.kind
            raise MalformedResponse(f"the channel binding here is {kind}")
        if not self._plus and flag.startswith("p"):
            raise MalformedResponse(f"channel binding goes with {PLUS}")
        if not self._plus and flag == "y" and self._binding is not None:
            raise MalformedResponse(f"{PLUS} was offered, and somebody has taken it away")

    def refuse(self) -> Challenge | None:
        """Nothing: RFC 5802 §7 has e=, which no client waits for."""
        return None

    def _read_final(self, response: bytes, keys: ScramKeys) -> Step:
        found = _CLIENT_FINAL.fullmatch(_text(response))
        if found is None or found[3] != self._nonce or _octets(found[2]) != self._bound:
            raise MalformedResponse("not the client-final-message of this exchange")
        spoken = f"{self._bare},{self._first},{found[1]}".encode()
        proof = _octets(found[4])
        signature = _hmac(self._hash, keys.stored_key, spoken)
        if len(proof) != len(signature):
            raise MalformedResponse("a proof of another length")
        if not hmac.compare_digest(hashlib.new(self._hash, _xor(proof, signature)).digest(), keys.stored_key):
            return Proven(self._user, is_genuine=False)
        self._is_proven = True
        # RFC 4954 §4: 235 has no room for it, so it is a challenge, and the client answers with nothing.
        return Challenge(b"v=" + b64encode(_hmac(self._hash, keys.server_key, spoken)))


class ScramClient:
    """`nonce` as for the server. `binding` is that of the connection, None when it has none; `plus_offered`: does the
    server offer a mechanism with it?"""

    def __init__(
        self,
        name: str,
        credentials: Credentials,
        nonce: str,
        binding: ChannelBinding | None = None,
        *,
        plus_offered: bool = False,
    ) -> None:
        self._hash = HASHES[name]
        self._header = b"n,,"
        if name.endswith(PLUS):
            if binding is None:
                raise ValueError("a mechanism with channel binding wants one")
            self._header = f"p={binding.kind},,".encode()
        elif binding is not None and not plus_offered:
            self._header = b"y,,"  # RFC 5802 §6
        self._bound = _bound(self._header, binding if name.endswith(PLUS) else None)
        self._is_proven = False
        self._credentials = credentials
        self._nonce = nonce
        name_sent = saslprep(credentials.user).replace("=", "=3D").replace(",", "=2C")
        self._bare = f"n={name_sent},r={nonce}"
        self._server_proof: bytes | None = None

    @property
    def initial(self) -> bytes:
        """The client-first-message."""
        return self._header + self._bare.encode()

    def answer(self, challenge: bytes) -> bytes:
        """See `ClientMechanism`. Takes its time for the first challenge."""
        if self._server_proof is None:
            return self._prove(challenge)
        # RFC 5802 §5.1: e= and a wrong v= both mean that we do not talk to whom we think.
        if not hmac.compare_digest(challenge, self._server_proof):
            raise ServerNotProven("the server does not know the password")
        self._is_proven = True
        return b""

    @property
    def is_complete(self) -> bool:
        """Has the server shown that it knows the password, too?"""
        return self._is_proven

    def _prove(self, challenge: bytes) -> bytes:
        found = _SERVER_FIRST.fullmatch(_text(challenge))
        if found is None or not found[1].startswith(self._nonce) or len(found[1]) == len(self._nonce):
            raise MalformedResponse("not a server-first-message for this exchange")
        iterations = int(found[3])
        if not LEAST_ITERATIONS <= iterations <= MOST_ITERATIONS:
            raise MalformedResponse("a count of iterations that is not safe")
        final = f"c={b64encode(self._bound).decode()},r={found[1]}"
        spoken = f"{self._bare},{challenge.decode()},{final}".encode()
        password = saslprep(self._credentials.password).encode()
        salted = hashlib.pbkdf2_hmac(self._hash, password, _octets(found[2]), iterations)
        client_key = _hmac(self._hash, salted, b"Client Key")
        stored_key = hashlib.new(self._hash, client_key).digest()
        proof = _xor(client_key, _hmac(self._hash, stored_key, spoken))
        self._server_proof = b"v=" + b64encode(_hmac(self._hash, _hmac(self._hash, salted, b"Server Key"), spoken))
        return f"{final},p={b64encode(proof).decode()}".encode()


def _bound(header: bytes, binding: ChannelBinding | None) -> bytes:
    return header if binding is None else header + binding.octets


def _hmac(hash_name: str, key: bytes, octets: bytes) -> bytes:
    return hmac.digest(key, octets, hash_name)


def _xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def _text(octets: bytes) -> str:
    try:
        return octets.decode("utf-8")
    except UnicodeDecodeError:
        raise MalformedResponse("SCRAM is in UTF-8") from None


def _octets(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise MalformedResponse("not base64") from None
