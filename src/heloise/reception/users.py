"""Users who prove themselves by a password: a line each, and what is kept of the password. RFC 5803. Pure.

    alice:SCRAM-SHA-256$65536:c2FsdA==$<StoredKey>:<ServerKey> alice@example.org @alice.example

A name, a colon, the keys as RFC 5803 writes them (PostgreSQL does likewise), then the addresses that the user may send
from; "@domain" is every address in one. The keys are good for SCRAM-SHA-256, PLAIN and LOGIN; nobody who reads them can
log in with them here without guessing, but he could play the server.

Behind the colon there may be more than one proof, or others: `SCRAM-SHA-1$...` likewise, `scrypt$...` and
`$argon2id$...` for PLAIN and LOGIN only, and `SECRET$` with the password itself in base64, which CRAM-MD5 needs and
which has to be kept secret.
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum

from heloise.mail.address import AddressError, Mailbox, check_domain
from heloise.reception import argon2
from heloise.smtp.sasl.mechanism import ScramKeys
from heloise.smtp.sasl.saslprep import saslprep
from heloise.smtp.sasl.scram import LEAST_ITERATIONS, MOST_ITERATIONS, make_keys

# The price of one guess, and of one login; the most that clients with Cyrus SASL pay (Postfix, sendmail).
ITERATIONS = 65_536
SALT = 16  # octets
_64 = "[A-Za-z0-9+/=]+"
_KEYS = re.compile(rf"SCRAM-SHA-(256|1)\$(\d{{1,9}}):({_64})\$({_64}):({_64})", re.ASCII)
_SCRYPT = re.compile(rf"scrypt\$ln=(\d{{1,2}}),r=(\d{{1,2}}),p=(\d{{1,2}})\$({_64})\$({_64})", re.ASCII)
_SECRET = re.compile(rf"SECRET\$({_64})", re.ASCII)
_MOST_MEMORY = 1 << 28  # octets that one scrypt may take
_NAME = re.compile(r"[^\s:#\0][^\s:\0]*")


class UsersUnavailable(Exception):
    """Who is a user can not be known now; the text says why, and has no secret in it."""


class UsersError(ValueError):
    """A line can not be read; `line` is its number, beginning with 1. The text has no keys in it."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True, slots=True)
class ScryptHash:
    """What scrypt makes of a password. RFC 7914. 2 ** `ln` is the cost."""

    ln: int
    r: int
    p: int
    salt: bytes = field(repr=False)
    octets: bytes = field(repr=False)

    def fits(self, password: str) -> bool:
        """Was it made of this one? Takes its time."""
        return hmac.compare_digest(_scrypt(password, self.salt, self.ln, self.r, self.p), self.octets)


class Scheme(Enum):
    """What may be kept of a password."""

    SCRAM_SHA_256 = "scram-sha-256"
    SCRAM_SHA_1 = "scram-sha-1"
    SCRYPT = "scrypt"
    ARGON2 = "argon2"
    SECRET = "cram-md5"


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One user: `addresses` as in the file, in lower case where they are a domain. `keys`, `sha1_keys`, `scrypt`,
    `argon2` and `secret` are what is kept of the password; for a user that somebody else vouches for there is none of
    them."""

    name: str
    keys: ScramKeys | None = None
    addresses: tuple[str, ...] = ()
    sha1_keys: ScramKeys | None = None
    scrypt: ScryptHash | None = None
    secret: str | None = field(default=None, repr=False)
    argon2: str | None = field(default=None, repr=False)

    def keys_for(self, hash_name: str) -> ScramKeys | None:
        """For SCRAM with this hash."""
        return self.keys if hash_name == "sha256" else self.sha1_keys

    def knows(self, password: str) -> bool:
        """Is it the user's? Takes its time."""
        if self.keys is not None:
            return knows(password, self.keys)
        if self.scrypt is not None:
            return self.scrypt.fits(password)
        if self.argon2 is not None:
            return argon2.fits(_prepared(password), self.argon2)
        if self.sha1_keys is not None:
            return knows(password, self.sha1_keys, "sha1")
        return self.secret is not None and hmac.compare_digest(self.secret.encode(), password.encode())

    @property
    def schemes(self) -> tuple[Scheme, ...]:
        """What is kept."""
        kept = (
            (Scheme.SCRAM_SHA_256, self.keys),
            (Scheme.SCRAM_SHA_1, self.sha1_keys),
            (Scheme.SCRYPT, self.scrypt),
            (Scheme.ARGON2, self.argon2),
            (Scheme.SECRET, self.secret),
        )
        return tuple(scheme for scheme, one in kept if one is not None)

    def owns(self, sender: Mailbox) -> bool:
        """May the user send from this address? His name counts when it is one."""
        mine = (*self.addresses, self.name)
        return f"@{sender.domain.lower()}" in self.addresses or any(
            Mailbox.from_text(each) == sender for each in mine if "@" in each[1:]
        )

    def encode(self) -> str:
        """The line, without its end."""
        proofs = [
            f"SCRAM-SHA-{size}${keys.iterations}:{_in(keys.salt)}${_in(keys.stored_key)}:{_in(keys.server_key)}"
            for size, keys in (("256", self.keys), ("1", self.sha1_keys))
            if keys is not None
        ]
        if (made := self.scrypt) is not None:
            proofs.append(f"scrypt$ln={made.ln},r={made.r},p={made.p}${_in(made.salt)}${_in(made.octets)}")
        if self.argon2 is not None:
            proofs.append(self.argon2)
        if self.secret is not None:
            proofs.append(f"SECRET${_in(self.secret.encode())}")
        return f"{self.name}:" + " ".join((*proofs, *self.addresses))


def new_login(
    name: str,
    password: str,
    addresses: tuple[str, ...],
    salt: bytes,
    schemes: Collection[Scheme] = (Scheme.SCRAM_SHA_256,),
) -> Login:
    """A user with this password. Takes its time. Raises ValueError, without the password in it."""
    if not password:
        raise ValueError("an empty password is none")
    scrypt = None
    if Scheme.SCRYPT in schemes:
        scrypt = ScryptHash(15, 8, 1, salt, _scrypt(password, salt, 15, 8, 1))  # 32 MiB and a tenth of a second
    return Login(
        name=check_name(name),
        keys=_made(password, salt, "sha256") if Scheme.SCRAM_SHA_256 in schemes else None,
        sha1_keys=_made(password, salt, "sha1") if Scheme.SCRAM_SHA_1 in schemes else None,
        scrypt=scrypt,
        argon2=argon2.make_hash(_prepared(password), salt) if Scheme.ARGON2 in schemes else None,
        secret=saslprep(password) if Scheme.SECRET in schemes else None,
        addresses=tuple(map(_address, addresses)),
    )


def _made(password: str, salt: bytes, hash_name: str) -> ScramKeys:
    return make_keys(password, salt=salt, iterations=ITERATIONS, hash_name=hash_name)


def _scrypt(password: str, salt: bytes, ln: int, r: int, p: int) -> bytes:
    return hashlib.scrypt(
        _prepared(password), salt=salt, n=1 << ln, r=r, p=p, maxmem=_MOST_MEMORY + (1 << 20), dklen=32
    )


def _prepared(password: str) -> bytes:
    try:
        return saslprep(password).encode()
    except ValueError:
        return password.encode("utf-8", "surrogatepass")


def _in(octets: bytes) -> str:
    return b64encode(octets).decode()


def check_name(name: str) -> str:
    """The name as it is compared. Raises ValueError."""
    name = saslprep(name)
    if _NAME.fullmatch(name) is None:
        raise ValueError("a name has no blanks and no colon, and does not begin with #")
    if "@" in name[1:]:
        Mailbox.from_text(name)
    return name


def read_users(text: str) -> Mapping[str, Login]:
    """The users of a file, by their names. Blank lines and those that begin with "#" are remarks. Raises UsersError."""
    users: dict[str, Login] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.startswith("#"):
            continue
        login = _read_line(number, line)
        if login.name in users:
            raise UsersError(number, f'"{login.name}" is there twice')
        users[login.name] = login
    return users


def _read_line(number: int, line: str) -> Login:
    name, colon, rest = line.partition(":")
    if not colon:
        raise UsersError(number, "a line is name:SCRAM-SHA-256$… and addresses; `heloise user` writes it")
    try:
        return read_login(name, rest.split())
    except ValueError as error:
        raise UsersError(number, str(error)) from None


def read_login(name: str, words: Sequence[str]) -> Login:
    """A user, of what stands behind the colon, or in a database. Raises ValueError, without any secret in it."""
    keys: dict[str, ScramKeys] = {}
    scrypt, secret, argon = None, None, None
    rest = list(words)
    while rest and "$" in rest[0]:
        proof = rest.pop(0)
        if (found := _KEYS.fullmatch(proof)) is not None:
            keys[found[1]] = _scram_keys(found)
        elif (found := _SCRYPT.fullmatch(proof)) is not None:
            scrypt = _scrypt_hash(found)
        elif (found := _SECRET.fullmatch(proof)) is not None:
            secret = _octets(found[1]).decode()
        elif proof.startswith("$argon2"):
            argon = argon2.check_hash(proof)
        else:
            raise ValueError(
                "what is kept of the password is none of SCRAM-SHA-256$, SCRAM-SHA-1$, scrypt$, $argon2id$, SECRET$"
            )
    if not keys and scrypt is None and argon is None and secret is None:
        raise ValueError("a line is name:SCRAM-SHA-256$… and addresses; `heloise user` writes it")
    return Login(
        name=check_name(name),
        keys=keys.get("256"),
        sha1_keys=keys.get("1"),
        scrypt=scrypt,
        argon2=argon,
        secret=secret,
        addresses=tuple(map(_address, rest)),
    )


def _scram_keys(found: "re.Match[str]") -> ScramKeys:
    length, iterations = (32 if found[1] == "256" else 20), int(found[2])
    salt, stored_key, server_key = [_octets(found[group]) for group in (3, 4, 5)]
    complete = len(stored_key) == len(server_key) == length
    if not complete or not LEAST_ITERATIONS <= iterations <= MOST_ITERATIONS:
        raise ValueError("the keys are cut short, or made with too few iterations, or too many")
    return ScramKeys(salt, iterations, stored_key, server_key)


def _scrypt_hash(found: "re.Match[str]") -> ScryptHash:
    ln, r, p = int(found[1]), int(found[2]), int(found[3])
    octets = _octets(found[5])
    if not (10 <= ln <= 20 and 1 <= r <= 32 and 1 <= p <= 16) or 128 * r << ln > _MOST_MEMORY or len(octets) != 32:
        raise ValueError("the hash of scrypt is cut short, or takes too little work, or too much")
    return ScryptHash(ln, r, p, _octets(found[4]), octets)


def _octets(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except ValueError:
        raise ValueError("the keys are not base64") from None


def read_addresses(texts: Sequence[str]) -> tuple[str, ...]:
    """Addresses, or "@domain" for all in one. Raises ValueError."""
    return tuple(map(_address, texts))


def _address(text: str) -> str:
    try:
        if text.startswith("@"):
            return f"@{check_domain(text[1:]).lower()}"
        Mailbox.from_text(text)
    except AddressError:
        raise ValueError(f'"{text}" is neither an address nor @domain') from None
    return text


def knows(password: str, keys: ScramKeys, hash_name: str = "sha256") -> bool:
    """Is it the password that the keys were made of? Takes its time."""
    try:
        made = make_keys(password, salt=keys.salt, iterations=keys.iterations, hash_name=hash_name)
    except ValueError:
        return False
    return hmac.compare_digest(made.stored_key, keys.stored_key)


def keys_of_nobody(name: str, secret: bytes, hash_name: str = "sha256") -> ScramKeys:
    """Keys that no password fits, always the same for a name, so that names can not be tried out. RFC 5802 §9."""
    salt = hmac.digest(secret, name.encode(), hash_name)
    return ScramKeys(salt[:SALT], ITERATIONS, hmac.digest(secret, salt, hash_name), salt)
