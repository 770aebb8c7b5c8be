"""Content that is brought into a form that a next hop takes: nothing is lost, and nothing else changes."""

import asyncio
from email import message_from_bytes, policy
from email.message import Message

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from heloise.delivery.downgrade.convert import Converted, convert
from heloise.delivery.downgrade.encode import Base64, Encoder, QuotedPrintable
from heloise.delivery.downgrade.rewrite import Rewriter
from heloise.delivery.downgrade.survey import Changes, Obstacle, Surveyor, Unconvertible
from heloise.delivery.downgrade.walk import Between, Body, Part, Walker
from heloise.mail.content import ContentFacts, MemoryContent
from heloise.smtp.client_plan import WireForm

SEVEN_BIT = WireForm(seven_bit=True, lines=True)
LINES = WireForm(lines=True)


def pieces_of(octets: bytes, size: int) -> list[bytes]:
    return [octets[start : start + size] for start in range(0, len(octets), size)]


def surveyed(octets: bytes, form: WireForm = SEVEN_BIT, cut: int = 65536) -> Changes | Unconvertible:
    surveyor = Surveyor(form)
    for piece in pieces_of(octets, cut):
        surveyor.feed(piece)
    return surveyor.finish()


def converted(octets: bytes, form: WireForm = SEVEN_BIT, cut: int = 65536) -> bytes:
    changes = surveyed(octets, form, cut)
    assert isinstance(changes, Changes), changes
    rewriter = Rewriter(changes)
    return b"".join(map(rewriter.feed, pieces_of(octets, cut))) + rewriter.finish()


def obstacle(octets: bytes, form: WireForm = SEVEN_BIT) -> Obstacle | None:
    found = surveyed(octets, form)
    return found.obstacle if isinstance(found, Unconvertible) else None


def leaves(octets: bytes) -> list[bytes]:
    """The decoded leaves, by the standard library."""
    found = []
    for part in message_from_bytes(octets, policy=policy.compat32).walk():
        if not part.is_multipart():
            payload = part.get_payload(decode=True)
            assert isinstance(payload, bytes)
            found.append(payload)
    return found


def message(body: bytes, *fields: bytes) -> bytes:
    return b"".join(field + b"\r\n" for field in (b"Subject: x", *fields)) + b"\r\n" + body


def mime(body: bytes, *fields: bytes) -> bytes:
    return message(body, b"MIME-Version: 1.0", *fields)


def multipart(boundary: bytes, *parts: bytes, preamble: bytes = b"", epilogue: bytes = b"") -> bytes:
    delimiter = b"--" + boundary
    inner = b"".join(delimiter + b"\r\n" + part + b"\r\n" for part in parts)
    return preamble + inner + delimiter + b"--\r\n" + epilogue


TEXT = b"Content-Type: text/plain; charset=utf-8\r\n"
GREETINGS = "Viele Grüße an alle\r\naus Köln \r\n".encode()


def test_seven_bit_content_is_left_alone() -> None:
    octets = mime(multipart(b"b", TEXT + b"\r\nhello\r\n"), b"Content-Type: multipart/mixed; boundary=b")
    assert converted(octets) == octets


def test_text_becomes_quoted_printable() -> None:
    octets = mime(GREETINGS, b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: 8bit")
    assert converted(octets) == mime(
        b"Viele Gr=C3=BC=C3=9Fe an alle\r\naus K=C3=B6ln=20\r\n",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: quoted-printable",
    )


def test_text_with_many_eight_bit_octets_becomes_base64() -> None:
    octets = mime("καλημέρα\r\n".encode(), b"Content-Type: text/plain; charset=utf-8")
    assert converted(octets) == mime(
        b"zrrOsc67zrfOvM6tz4HOsQ0K\r\n",
        b"Content-Type: text/plain; charset=utf-8",
        b"Content-Transfer-Encoding: base64",
    )


def test_what_is_no_text_becomes_base64() -> None:
    octets = mime(b"one \xff in many octets\r\n", b"Content-Type: image/png", b"Content-Transfer-Encoding: 8BIT")
    assert b"Content-Transfer-Encoding: base64\r\n" in converted(octets)
    assert leaves(converted(octets)) == leaves(octets)


def test_without_mime_headers_they_are_added_below_the_others() -> None:
    assert converted(message(b"Gr\xfc\xdfe an alle\r\n")) == message(
        b"Gr=FC=DFe an alle\r\n",
        b"MIME-Version: 1.0",
        b"Content-Type: text/plain; charset=unknown-8bit",
        b"Content-Transfer-Encoding: quoted-printable",
    )


def test_a_version_is_added_where_only_it_is_missing() -> None:
    result = converted(message(GREETINGS, b"Content-Type: text/plain; charset=utf-8"))
    assert result.count(b"MIME-Version: 1.0\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n") == 1
    assert result.count(b"Content-Type") == 1


def test_in_a_tree_only_the_parts_that_need_it_change() -> None:
    inner = multipart(
        b"in", TEXT + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + GREETINGS, b"Content-Type: text/html\r\n\r\n<p>"
    )
    parts = (
        b"Content-Type: multipart/alternative; boundary=in\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + inner,
        b"\r\n  a part without header\r\n\r\n",
        b"Content-Type: application/x-raw\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + bytes(range(128, 256)),
    )
    body = multipart(b"out", *parts, preamble=b"This is MIME.\r\n", epilogue=b"the end\r\n\r\n")
    octets = mime(body, b'Content-Type: multipart/mixed;\r\n boundary="out"', b"Content-Transfer-Encoding: 8bit")
    result = converted(octets)
    expected = octets.replace(b"Encoding: 8bit\r\n\r\n" + GREETINGS, b"Encoding: QP\r\n\r\n{text}")
    expected = expected.replace(b"x-raw\r\nContent-Transfer-Encoding: 8bit", b"x-raw\r\nContent-Transfer-Encoding: B64")
    expected = expected.replace(bytes(range(128, 256)), b"{raw}").replace(b"8bit", b"7bit")
    text = b"Viele Gr=C3=BC=C3=9Fe an alle\r\naus K=C3=B6ln=20\r\n"
    raw = result[result.index(b"gIGC") : result.index(b"\r\n--out--")]
    expected = expected.replace(b"QP", b"quoted-printable").replace(b"{text}", text)
    assert result == expected.replace(b"B64", b"base64").replace(b"{raw}", raw)
    assert leaves(result) == leaves(octets)


def test_an_attached_message_is_descended_into() -> None:
    inside = message(GREETINGS)
    octets = mime(
        multipart(b"b", b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 8bit\r\n\r\n" + inside),
        b"Content-Type: multipart/mixed; boundary=b",
    )
    result = converted(octets)
    assert (
        b"Content-Type: message/rfc822\r\nContent-Transfer-Encoding: 7bit\r\n\r\nSubject: x\r\nMIME-Version" in result
    )
    assert leaves(result) == leaves(octets)


def test_parts_of_a_digest_are_messages() -> None:
    octets = mime(
        multipart(b"b", b"\r\n" + message(GREETINGS, b"Content-Type: text/plain; charset=utf-8")),
        b"Content-Type: multipart/digest; boundary=b",
    )
    assert leaves(converted(octets)) == leaves(octets)


@pytest.mark.parametrize("subtype", [b"signed", b"encrypted"])
def test_what_is_signed_or_encrypted_is_not_altered(subtype: bytes) -> None:
    def sealed(body: bytes) -> bytes:
        return mime(multipart(b"b", TEXT + b"\r\n" + body), b"Content-Type: multipart/%s; boundary=b" % subtype)

    assert obstacle(sealed(GREETINGS)) is Obstacle.SEALED
    assert obstacle(sealed(b"x\r\n")) is None
    assert converted(sealed(b"x" * 1200)) == sealed(b"x" * 1200)


def test_beside_a_signed_part_others_are_converted() -> None:
    seal = b"Content-Type: multipart/signed; boundary=s\r\n\r\n" + multipart(b"s", b"\r\nsigned", b"\r\nsignature")
    octets = mime(multipart(b"b", seal, TEXT + b"\r\n" + GREETINGS), b"Content-Type: multipart/mixed; boundary=b")
    assert seal in converted(octets)
    assert leaves(converted(octets)) == leaves(octets)


@pytest.mark.parametrize(
    ("octets", "expected"),
    [
        (message(b"x\r\n", b"From: \xfc <a@b>"), Obstacle.HEADER),
        (
            mime(
                multipart(b"b", b"Content-Type: message/rfc822\r\n\r\n" + message(b"x\r\n", b"To: \xfc")),
                b"Content-Type: multipart/mixed; boundary=b",
            ),
            Obstacle.HEADER,
        ),
        (mime(b"\xff\r\n", b"Content-Type: multipart/mixed"), Obstacle.OTHER),
        (mime(b"\xff\r\n", b"Content-Type: message/partial"), Obstacle.OTHER),
        (mime(b"\xff\r\n", b"Content-Transfer-Encoding: base64"), Obstacle.OTHER),
        (mime(b"\xff\r\n", b"Content-Transfer-Encoding: x-own"), Obstacle.OTHER),
        (mime(multipart(b"b", preamble=b"\xff\r\n"), b"Content-Type: multipart/mixed; boundary=b"), Obstacle.OTHER),
        (message(b"x\n", b"Bare: a\nb"), Obstacle.OTHER),
        (b"X: " + b"x" * 1_100_000 + b"\xff", Obstacle.OTHER),
    ],
)
def test_what_can_not_be_converted_is_told(octets: bytes, expected: Obstacle) -> None:
    assert obstacle(octets) is expected


def test_quoted_printable_with_raw_octets_is_repaired() -> None:
    octets = mime(
        b"half =C3=BC, half \xc3\xbc\r\nand =\r\na line of " + b"x" * 80 + b" stays\r\n",
        b"Content-Transfer-Encoding: quoted-printable",
    )
    result = converted(octets)
    assert result == octets.replace(b"\xc3\xbc", b"=C3=BC")


def test_a_message_of_utf8_may_be_encoded_as_a_whole() -> None:
    inside = message(b"x\r\n", "To: dörte@example".encode())
    octets = mime(
        multipart(b"b", b"Content-Type: message/global\r\n\r\n" + inside), b"Content-Type: multipart/mixed; boundary=b"
    )
    result = converted(octets)
    assert b"message/global\r\nContent-Transfer-Encoding: base64\r\n" in result
    assert result.isascii()


def test_lines_that_are_too_long_are_broken_and_come_back() -> None:
    octets = mime(b"x" * 5000 + b"\r\n" + b"\xe4\r\n", b"Content-Type: text/plain; charset=latin1")
    result = converted(octets)
    assert max(map(len, result.split(b"\r\n"))) <= 76
    assert leaves(result) == leaves(octets)


def test_binary_content_becomes_lines_and_keeps_its_eighth_bit_where_it_may() -> None:
    parts = (TEXT + b"Content-Transfer-Encoding: 8bit\r\n\r\n" + GREETINGS, b"Content-Type: text/x-c\r\n\r\na\nb\0c")
    octets = mime(
        multipart(b"b", *parts),
        b"Content-Type: multipart/mixed; boundary=b",
        b"Content-Transfer-Encoding: binary",
    )
    result = converted(octets, LINES)
    assert GREETINGS in result
    assert result.startswith(b"Subject: x\r\nMIME-Version: 1.0\r\n" + b"Content-Type: multipart/mixed; boundary=b\r\n")
    assert b"Content-Transfer-Encoding: 8bit\r\n\r\n--b" in result
    assert leaves(result)[1] == b"a\nb\0c"


def test_a_header_in_utf8_is_found_wherever_it_is() -> None:
    form = WireForm(ascii_header=True)
    inside = "Content-Type: text/plain; name=ä\r\n\r\nx".encode()
    octets = mime(multipart(b"b", inside), b"Content-Type: multipart/mixed; boundary=b")
    assert obstacle(octets, form) is Obstacle.HEADER
    body = mime(GREETINGS, b"Content-Type: text/plain")
    assert converted(body, form) == body


def test_a_signature_on_top_will_not_survive_and_that_is_known() -> None:
    signed = surveyed(message(GREETINGS, b"DKIM-Signature: v=1; a=rsa-sha256"))
    assert isinstance(signed, Changes)
    assert signed.break_signature
    untouched = surveyed(message(b"x\r\n", b"DKIM-Signature: v=1; a=rsa-sha256"))
    assert isinstance(untouched, Changes)
    assert not untouched.break_signature


def test_a_report_is_rather_altered_in_what_it_returns_than_lost() -> None:
    signed = b"Content-Type: multipart/signed; boundary=s\r\n\r\n" + multipart(b"s", TEXT + b"\r\n" + GREETINGS)
    returned = b"Content-Type: message/rfc822\r\n\r\n" + b"Subject: \xfcber\r\nMIME-Version: 1.0\r\n" + signed
    octets = mime(multipart(b"b", TEXT + b"\r\nfailed", returned), b"Content-Type: multipart/report; boundary=b")
    assert obstacle(octets) is Obstacle.HEADER
    surveyor = Surveyor(SEVEN_BIT, from_nobody=True)
    surveyor.feed(octets)
    changes = surveyor.finish()
    assert isinstance(changes, Changes)
    rewriter = Rewriter(changes)
    result = rewriter.feed(octets) + rewriter.finish()
    assert b"Subject: ?ber\r\n" in result
    assert result.isascii()
    assert leaves(result) == leaves(octets)


def test_the_size_is_that_of_what_is_sent_note_included() -> None:
    async def run() -> None:
        octets = mime(GREETINGS * 5000, b"Content-Type: text/plain; charset=utf-8")
        facts = ContentFacts(size=len(octets), eight_bit=True)
        found = await convert(MemoryContent(octets), facts, SEVEN_BIT, b"X-Note: 1\r\n")
        assert isinstance(found, Converted)
        for _ in range(2):
            sent = b"".join([chunk async for chunk in found.content.chunks()])
            assert sent.startswith(b"X-Note: 1\r\nSubject: x\r\n")
            assert len(sent) == found.facts.size == found.content.size
            assert not found.facts.eight_bit
            assert leaves(sent) == leaves(octets)

    asyncio.run(run())


def test_what_fits_already_is_given_back_as_it_is() -> None:
    async def run() -> None:
        content, facts = MemoryContent(message(b"x\r\n")), ContentFacts(size=15, eight_bit=True)
        assert await convert(content, facts, SEVEN_BIT, b"X-Note: 1\r\n") == Converted(content, facts)

    asyncio.run(run())


# Whatever is in it

bodies = st.one_of(
    st.binary(max_size=300),
    st.text(max_size=120).map(str.encode),
    st.lists(
        st.sampled_from([b"\r\n", b" ", b"\t", b"=", b"--b1", b"--b1--", b"\xe9", b".", b"x" * 90]), max_size=20
    ).map(b"".join),
)
# What the standard library reads as one thing only: bare CR and LF part lines there.
lined = bodies.map(lambda body: b"\r\n".join(body.replace(b"\0", b"").splitlines()))
types = st.sampled_from([b"text/plain", b"text/html; charset=utf-8", b"application/pdf", b"image/png; name=x"])
encodings = st.sampled_from([b"", b"Content-Transfer-Encoding: 8bit\r\n", b"content-transfer-encoding:\r\n 8BIT\r\n"])


def _leaf(draw: st.DrawFn) -> bytes:
    return b"Content-Type: " + draw(types) + b"\r\n" + draw(encodings) + b"\r\n" + draw(lined)


@st.composite
def entities(draw: st.DrawFn, depth: int = 0) -> bytes:
    kind = draw(st.integers(0, 3 if depth < 3 else 0))
    if kind == 3:
        return b"Content-Type: message/rfc822\r\n\r\nSubject: in\r\n" + draw(entities(depth + 1))
    if kind == 2:
        boundary = b"=_%d" % depth
        parts = [draw(entities(depth + 1)) for _ in range(draw(st.integers(1, 3)))]
        head = b'Content-Type: multipart/mixed; boundary="%s"\r\n' % boundary + draw(encodings)
        return head + b"\r\n" + multipart(boundary, *parts, epilogue=draw(st.sampled_from([b"", b"epilogue\r\n"])))
    return _leaf(draw)


@given(entities(), st.integers(1, 200))
def test_every_tree_survives_with_every_octet(entity: bytes, cut: int) -> None:
    octets = b"MIME-Version: 1.0\r\n" + entity
    result = converted(octets, cut=cut)
    assert result.isascii()
    assert converted(octets) == result
    assert max(map(len, result.split(b"\r\n"))) <= 998
    before, after = leaves(octets), leaves(result)
    if not entity.endswith(b"\r\n"):  # a text that lacks its last line end may get it
        before, after = [each.rstrip(b"\r\n") for each in before], [each.rstrip(b"\r\n") for each in after]
    assert after == before
    assert [part.get_content_type() for part in _walked(result)] == [p.get_content_type() for p in _walked(octets)]


def _walked(octets: bytes) -> list[Message]:
    return list(message_from_bytes(octets).walk())


@given(st.binary(max_size=400), st.integers(1, 50))
@example(b"--x\r\n\r\n--x--", 1)
def test_the_pieces_of_a_walk_are_the_message(octets: bytes, cut: int) -> None:
    octets = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n" + octets
    walker = Walker()
    pieces = [piece for chunk in pieces_of(octets, cut) for piece in walker.feed(chunk)] + walker.finish()
    joined = b""
    for piece in pieces:
        if isinstance(piece, Part):
            joined += piece.header.octets
        elif isinstance(piece, Body | Between):
            joined += piece.octets
    assert joined == octets


@pytest.mark.parametrize(("encoder", "name"), [(QuotedPrintable, "quoted-printable"), (Base64, "base64")])
def test_an_encoding_decodes_to_the_same_however_it_is_cut(encoder: type[Encoder], name: str) -> None:
    @given(st.binary(max_size=500) | bodies, st.integers(1, 60))
    @example(b"x\xfc \t" * 10_000 + b" \r\n\xfc. \r\n.\r\n", 7000)
    def check(octets: bytes, cut: int) -> None:
        for size in (cut, 100_000):
            one = encoder()
            encoded = b"".join(map(one.feed, pieces_of(octets, size))) + one.finish(is_last=True)
            assert max(map(len, encoded.split(b"\r\n"))) <= 76
            part = message_from_bytes(f"Content-Transfer-Encoding: {name}\r\n\r\n".encode() + encoded)
            assert part.get_payload(decode=True) == octets

    check()


@given(st.binary(max_size=600))
def test_garbage_is_converted_or_refused(octets: bytes) -> None:
    for form in (SEVEN_BIT, LINES, WireForm(ascii_header=True)):
        found = surveyed(octets, form)
        if isinstance(found, Changes) and form is SEVEN_BIT:
            assert converted(octets).isascii()
