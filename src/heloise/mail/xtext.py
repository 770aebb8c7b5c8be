"""xtext, the encoding of ENVID, ORCPT and AUTH= values. RFC 3461 §4."""

import re

_ENCODED = re.compile(r"\+([0-9A-F]{2})")
_VALID = re.compile(r"(?:[\x21-\x2a\x2c-\x3c\x3e-\x7e]|\+[0-9A-F]{2})*")
_MUST_ENCODE = re.compile(r"[^\x21-\x2a\x2c-\x3c\x3e-\x7e]")


def decode_xtext(text: str) -> str:
    """What the xtext stands for. Raises ValueError when it is not xtext."""
    if _VALID.fullmatch(text) is None:
        raise ValueError(f"not xtext: {text!r}")
    return _ENCODED.sub(lambda found: chr(int(found[1], 16)), text)


def encode_xtext(text: str) -> str:
    """`text` (characters up to U+00FF) as xtext. Raises ValueError for others."""
    if any(ord(character) > 0xFF for character in text):
        raise ValueError("xtext carries octets; encode other characters before")
    return _MUST_ENCODE.sub(lambda found: f"+{ord(found[0]):02X}", text)


def is_xtext(text: str) -> bool:
    """Is this written as xtext?"""
    return _VALID.fullmatch(text) is not None
