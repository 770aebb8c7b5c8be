"""xtext: ValueError or a text that is encoded to what means the same. RFC 3461 §4."""

from heloise.dsn.fields import decoded, field, original_recipient
from heloise.mail.attributes import Attributes
from heloise.mail.xtext import decode_xtext, encode_xtext, is_xtext
from tests.fuzz.targets import Target
from tests.fuzz.tokens import DIGITS


def run(octets: bytes) -> None:
    """The octets as text of two sorts."""
    text = octets.decode("latin-1")
    encoded = encode_xtext(text)
    assert is_xtext(encoded)
    assert encoded.isascii()
    assert decode_xtext(encoded) == text
    for written in (text, octets.decode("utf-8", "ignore")):
        try:
            meant = decode_xtext(written)
        except ValueError:
            assert not is_xtext(written)
        else:
            assert is_xtext(written)
            assert decode_xtext(encode_xtext(meant)) == meant
        decoded(written)
        _attributes(written)
        for unitext in (True, False):
            value = field("X", original_recipient(written, unitext=unitext), utf8=unitext)
            assert value.endswith("\r\n")
            assert value.isascii() or unitext
            for line in value[:-2].split("\r\n"):
                assert not {"\r", "\n", "\0"} & set(line)
                assert len(line.encode()) <= 998, f"{len(line.encode())} octets in a line"


def _attributes(written: str) -> None:
    """What XCLIENT and XFORWARD tell: no control character, whoever wrote it; and it reads back."""
    try:
        told = Attributes.parse(written)
    except ValueError:
        return
    assert Attributes.parse(str(told)) == told
    for name, value in told.items:
        assert name.isascii()
        assert not any(ord(each) < 0x20 or 0x7F <= ord(each) < 0xA0 for each in value)


TARGET = Target(
    run=run,
    tokens=(
        b"ADDR=",
        b"NAME=",
        b"+0D+0A",
        b"[UNAVAILABLE]",
        b" ",
        *DIGITS,
        b"rfc822;",
        b"utf-8;",
        b"\\x{",
        b"}",
        b"\xc3\xa4",
        b"\xf0\x9f\x98\x80",
    ),
)
