"""OpenDKIM as a milter of heloise: its signature holds for the octets that are delivered. RFC 6376, simple/simple."""

import re
import smtplib
from base64 import b64decode
from hashlib import sha256
from pathlib import Path

import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from heloise.policy.fields import read_fields
from tests.interop.house import house
from tests.peers import OpenDkim

pytestmark = [pytest.mark.interop, pytest.mark.slow]
LETTER = (
    b"From: a@client.test\r\nTo: alice@here.test\r\nSubject:   odd  blanks \r\n\tand a fold\r\n"
    b"Date: Sat, 28 Nov 2026 20:00:00 +0000\r\nMessage-Id: <1@client.test>\r\n\r\nHello,\r\n\r\n.dots\r\n..\r\n"
)


def holds(octets: bytes, key: rsa.RSAPublicKey) -> bool:
    """Does the signature on top of these octets hold? Raises InvalidSignature. RFC 6376 §3.7, both kinds simple."""
    header, _, body = octets.partition(b"\r\n\r\n")
    fields = list(read_fields(header + b"\r\n"))
    [signature] = [each for each in fields if each.is_named("DKIM-Signature")]
    tags = {
        name.strip(): re.sub(r"\s", "", value)
        for name, _, value in (part.partition("=") for part in signature.value.decode().split(";"))
    }
    assert tags["c"] == "simple/simple"
    ended = re.sub(rb"(\r\n)*$", b"", body) + b"\r\n"
    assert b64decode(tags["bh"]) == sha256(ended).digest(), "the body is another one"
    signed = b""
    left = [each for each in fields if each is not signature]
    for name in tags["h"].split(":"):
        place = next((index for index in reversed(range(len(left))) if left[index].is_named(name)), None)
        if place is not None:
            signed += left.pop(place).octets
    emptied = re.sub(rb"(\bb=)[^;]*", rb"\1", signature.octets)
    key.verify(b64decode(tags["b"]), signed + emptied.removesuffix(b"\r\n"), padding.PKCS1v15(), hashes.SHA256())
    return True


def test_a_signature_of_opendkim_holds_for_what_is_delivered(tmp_path: Path) -> None:
    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with OpenDkim("client.test", files={"key.pem": pem}) as signer:
        extra = f'[[milter]]\nname = "opendkim"\naddress = "127.0.0.1:{signer.port}"\n'
        with house(tmp_path, extra=extra) as heloise:
            with smtplib.SMTP("127.0.0.1", heloise.port, "client.test", 30) as client:
                client.sendmail("a@client.test", ["alice@here.test"], LETTER)
            [octets] = heloise.mailboxes.wait_for_messages("alice", 1)
    assert octets.endswith(LETTER.partition(b"\r\n\r\n")[2])
    assert holds(octets, key.public_key())
