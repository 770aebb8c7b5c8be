"""A caught message read for people: whatever it is, it is read, its parts lie within it, and its digest is bounded."""

from heloise.inbox.digest import LONGEST_TEXT, make_digest, text_of_html
from heloise.inbox.header import read_header
from heloise.inbox.parts import DEEPEST, MOST_PARTS, Part, read_parts
from tests.fuzz.supply import Supply
from tests.fuzz.targets import Target
from tests.fuzz.tokens import HEADERS, LINE_ENDS

TOKENS = (
    b"Content-Type: multipart/mixed; boundary=b\r\n",
    b"Content-Type: multipart/related; boundary=\"b b\"; charset*0*=utf-8''%41; charset*1=x\r\n",
    b"Content-Type: text/html; charset=",
    b"Content-Disposition: attachment; filename*=latin-1''%e4\r\n",
    b"Content-ID: <a>\r\n",
    b"Content-Transfer-Encoding: base64\r\n",
    b"Content-Transfer-Encoding: quoted-printable\r\n",
    b"Subject: =?utf-8?b?w6Q=?= =?x?q?=C3?=\r\n",
    b'To: G: a@b.test, "x y" <c@d.test>;\r\n',
    b"Date: Sat, 28 Nov 2026 10:00:00 +0000\r\n",
    b"--b\r\n",
    b"--b--\r\n",
    b"--b b\r\n",
    b"<script>",
    b"</script>",
    b"<!--",
    b"-->",
    b"<a href='x'>",
    b"w6TDtg==",
    b"=C3=A4=\r\n",
)


def run(octets: bytes) -> None:
    """No settings."""
    message = Supply(octets).rest()
    fields, body = read_header(message)
    assert 0 <= body <= len(message)
    assert all(name and name.isascii() for name, _ in fields)
    root = read_parts(message)
    assert (root.number, root.fields, root.start) == ("0", fields, body)
    check(root, message, 0)
    assert sum(1 for _ in root.walk()) <= MOST_PARTS + DEEPEST
    digest = make_digest(message)
    assert len(digest.text) <= LONGEST_TEXT
    text_of_html(message.decode("latin-1"))


def check(part: Part, message: bytes, depth: int) -> None:
    """It and its children lie within each other, in order."""
    assert part.begin <= part.start <= part.end <= len(message)
    assert depth <= DEEPEST
    assert len(part.body(message)) <= part.end - part.start
    part.text(message)
    place = part.start
    for child in part.children:
        assert place <= child.begin
        check(child, message, depth + 1)
        place = child.end
    assert place <= part.end


TARGET = Target(run=run, tokens=(*TOKENS, *HEADERS, *LINE_ENDS), settings=0)
