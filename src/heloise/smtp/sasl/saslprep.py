"""SASLprep: one form for a name or password however it was typed. RFC 4013."""

import stringprep
import unicodedata

_PROHIBITED = (
    stringprep.in_table_c12,
    stringprep.in_table_c21_c22,
    stringprep.in_table_c3,
    stringprep.in_table_c4,
    stringprep.in_table_c5,
    stringprep.in_table_c6,
    stringprep.in_table_c7,
    stringprep.in_table_c8,
    stringprep.in_table_c9,
)


def saslprep(text: str) -> str:
    """The prepared text. Raises ValueError for what RFC 4013 §2.3 prohibits; the error does not show it."""
    if text.isascii() and text.isprintable():
        return text
    mapped = (
        " " if stringprep.in_table_c12(character) else character
        for character in text
        if not stringprep.in_table_b1(character)
    )
    prepared = unicodedata.normalize("NFKC", "".join(mapped))
    if any(prohibited(character) for character in prepared for prohibited in _PROHIBITED):
        raise ValueError("there is a character in it that RFC 4013 does not allow")
    if any(map(stringprep.in_table_d1, prepared)):
        # RFC 3454 §6: what has one character from right to left begins and ends with one, and has none the other way.
        ends = stringprep.in_table_d1(prepared[0]) and stringprep.in_table_d1(prepared[-1])
        if not ends or any(map(stringprep.in_table_d2, prepared)):
            raise ValueError("it is written in both directions in a way that RFC 4013 does not allow")
    return prepared
