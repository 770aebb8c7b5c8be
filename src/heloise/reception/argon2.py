"""Hashes of Argon2, as they are written everywhere: $argon2id$v=19$m=65536,t=3,p=4$salt$hash. RFC 9106.

The computing is in argon2-cffi, which is needed only where there are such hashes: `pip install heloise[argon2]`.
"""

import importlib.util
import re
from typing import Final

_64: Final = "[A-Za-z0-9+/]+"
_ENCODED: Final = re.compile(
    rf"\$argon2(id|i|d)\$v=19\$m=(\d{{1,8}}),t=(\d{{1,3}}),p=(\d{{1,3}})\${_64}\${_64}", re.ASCII
)
# RFC 9106 §4, the second recommended option: for where a login is not to take 2 GiB.
_MEMORY, _PASSES, _LANES, _LENGTH = 65536, 3, 4, 32
_MOST_MEMORY, _MOST_PASSES, _MOST_LANES = 1 << 18, 64, 16  # KiB
_WANTED: Final = "the package argon2-cffi is needed for hashes of Argon2: pip install heloise[argon2]"


def check_hash(encoded: str) -> str:
    """The hash, as it is. Raises ValueError: it is none, or would take too much work, or nobody can check it."""
    found = _ENCODED.fullmatch(encoded)
    if found is None:
        raise ValueError("the hash of Argon2 is cut short, or of another version than 19")
    memory, passes, lanes = int(found[2]), int(found[3]), int(found[4])
    if not (0 < lanes <= _MOST_LANES and 8 * lanes <= memory <= _MOST_MEMORY and 0 < passes <= _MOST_PASSES):
        raise ValueError("the hash of Argon2 takes too little work, or too much")
    if importlib.util.find_spec("argon2") is None:
        raise ValueError(_WANTED)
    return encoded


def make_hash(password: bytes, salt: bytes) -> str:
    """A hash of Argon2id. Takes its time, and 64 MiB. Raises ValueError: nobody can make one."""
    try:
        from argon2.low_level import Type, hash_secret
    except ImportError:
        raise ValueError(_WANTED) from None
    return hash_secret(
        password,
        salt,
        time_cost=_PASSES,
        memory_cost=_MEMORY,
        parallelism=_LANES,
        hash_len=_LENGTH,
        type=Type.ID,
    ).decode()


def fits(password: bytes, encoded: str) -> bool:
    """Was the hash made of this password? Takes its time."""
    from argon2.exceptions import Argon2Error
    from argon2.low_level import Type, verify_secret

    kinds = {"id": Type.ID, "i": Type.I, "d": Type.D}
    try:
        return verify_secret(encoded.encode(), password, kinds[encoded[len("$argon2") :].partition("$")[0]])
    except Argon2Error:
        return False
