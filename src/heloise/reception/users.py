"""Users who prove themselves by a password: a line each, and what is kept of the password. RFC 5803. Pure.

    alice:SCRAM-SHA-256$200000:c2FsdA==$<StoredKey>:<ServerKey> alice@example.org @alice.example

A name, a colon, the keys as RFC 5803 writes them (PostgreSQL does likewise), then the addresses that the user may send
from; "@domain" is every address in one. The keys are good for SCRAM-SHA-256, PLAIN and LOGIN; nobody who reads them can
log in with them here without guessing, but he could play the server.
"""

import hashlib
import hmac
import re
from base64 import b64decode, b64encode
from collections.abc import Mapping
from dataclasses import dataclass

from heloise.mail.address import AddressError, Mailbox, check_domain
from heloise.smtp.sasl.mechanism import ScramKeys
from heloise.smtp.sasl.saslprep import saslprep
from heloise.smtp.sasl.scram import LEAST_ITERATIONS, MOST_ITERATIONS, make_keys

ITERATIONS = 200_000  # a tenth of a second or so: the price of one guess, and of one login
SALT = 16  # octets
_SCHEME = "SCRAM-SHA-256"
_KEYS = re.compile(rf"{_SCHEME}\$(\d{{1,9}}):([A-Za-z0-9+/=]+)\$([A-Za-z0-9+/=]+):([A-Za-z0-9+/=]+)", re.ASCII)
_NAME = re.compile(r"[^\s:#\0][^\s:\0]*")


class UsersError(ValueError):
    """A line can not be read; `line` is its number, beginning with 1. The text has no keys in it."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line = line


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """One user: `addresses` as in the file, in lower case where they are a domain."""

    name: str
    keys: ScramKeys
    addresses: tuple[str, ...] = ()

    def owns(self, sender: Mailbox) -> bool:
        """May the user send from this address? His name counts when it is one."""
        mine = (*self.addresses, self.name)
        return f"@{sender.domain.lower()}" in self.addresses or any(
            Mailbox.from_text(each) == sender for each in mine if "@" in each[1:]
        )

    def encode(self) -> str:
        """The line, without its end."""
        keys = self.keys
        salt, stored, server = [b64encode(each).decode() for each in (keys.salt, keys.stored_key, keys.server_key)]
        return " ".join((f"{self.name}:{_SCHEME}${keys.iterations}:{salt}${stored}:{server}", *self.addresses))


def new_login(name: str, password: str, addresses: tuple[str, ...], salt: bytes) -> Login:
    """A user with this password. Takes its time. Raises ValueError, without the password in it."""
    if not password:
        raise ValueError("an empty password is none")
    keys = make_keys(password, salt=salt, iterations=ITERATIONS)
    return Login(name=check_name(name), keys=keys, addresses=tuple(map(_address, addresses)))


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
    keys, *addresses = rest.split() or [""]
    found = _KEYS.fullmatch(keys)
    if not colon or found is None:
        raise UsersError(number, f"a line is name:{_SCHEME}$… and addresses; `heloise user` writes it")
    try:
        salt, stored_key, server_key = [b64decode(found[group], validate=True) for group in (2, 3, 4)]
        iterations = int(found[1])
        if len(stored_key) != 32 or len(server_key) != 32 or not LEAST_ITERATIONS <= iterations <= MOST_ITERATIONS:
            raise UsersError(number, "the keys are cut short, or made with too few iterations, or too many")
        parsed = ScramKeys(salt, iterations, stored_key, server_key)
        return Login(name=check_name(name), keys=parsed, addresses=tuple(map(_address, addresses)))
    except UsersError:
        raise
    except ValueError as error:
        raise UsersError(number, str(error)) from None


def _address(text: str) -> str:
    try:
        if text.startswith("@"):
            return f"@{check_domain(text[1:]).lower()}"
        Mailbox.from_text(text)
    except AddressError:
        raise ValueError(f'"{text}" is neither an address nor @domain') from None
    return text


def knows(password: str, keys: ScramKeys) -> bool:
    """Is it the password that the keys were made of? Takes its time."""
    try:
        made = make_keys(password, salt=keys.salt, iterations=keys.iterations)
    except ValueError:
        return False
    return hmac.compare_digest(made.stored_key, keys.stored_key)


def keys_of_nobody(name: str, secret: bytes) -> ScramKeys:
    """Keys that no password fits, always the same for a name, so that names can not be tried out. RFC 5802 §9."""
    salt = hmac.digest(secret, name.encode(), hashlib.sha256)
    return ScramKeys(salt[:SALT], ITERATIONS, hmac.digest(secret, salt, "sha256"), salt)
