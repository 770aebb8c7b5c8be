"""How a caught message reads: its parts, names, addresses and words, also of messages that follow no standard."""

from email.message import EmailMessage

import pytest
from hypothesis import given
from hypothesis import strategies as st

from heloise.inbox.digest import LONGEST_TEXT, clean_tags, make_digest, text_of_html
from heloise.inbox.header import Address, addresses, decoded, parameters
from heloise.inbox.parts import DEEPEST, MOST_PARTS, read_parts


def crlf(text: str) -> bytes:
    return text.replace("\n", "\r\n").encode()


NESTED = crlf("""\
Subject: nested
Content-Type: multipart/mixed; boundary=outer

This is seen by nobody.
--outer
Content-Type: multipart/alternative; boundary="in ner"

--in ner

It works.
--in ner
Content-Type: text/html; charset=latin-1
Content-Transfer-Encoding: quoted-printable

<p>It w=F6rks.</p>
--in ner--
--outer
Content-Type: image/png; name=logo.png
Content-ID: <logo@x>
Content-Disposition: inline
Content-Transfer-Encoding: base64

aGk=
--outer
Content-Type: application/pdf
Content-Disposition: attachment; filename*0*=utf-8''r%C3%A4t; filename*1="sel.pdf"

%PDF
--outer--
nor this
""")


def test_parts_have_numbers_kinds_and_bodies() -> None:
    root = read_parts(NESTED)
    parts = {part.number: part for part in root.walk()}
    assert list(parts) == ["0", "1", "1.1", "1.2", "2", "3"]
    assert [number for number, part in parts.items() if part.is_body] == ["1.1", "1.2"]
    assert parts["1.1"].text(NESTED) == "It works."
    assert parts["1.2"].text(NESTED) == "<p>It wörks.</p>"
    assert (parts["2"].is_inline, parts["2"].content_id, parts["2"].body(NESTED)) == (True, "logo@x", b"hi")
    assert (parts["3"].is_attachment, parts["3"].filename, parts["3"].body(NESTED)) == (True, "rätsel.pdf", b"%PDF")


def test_a_digest_has_what_lists_and_searches_need() -> None:
    digest = make_digest(NESTED)
    assert (digest.subject, digest.attachments, digest.inline, digest.has_html) == ("nested", 1, 1, True)
    assert digest.snippet == "It works."
    assert digest.text.decode().split() == ["it", "works.", "it", "wörks."]
    assert "rätsel.pdf".encode() in digest.fields


def test_what_the_standard_library_writes_is_read_as_it_was_meant() -> None:
    message = EmailMessage()
    message["From"] = "Jürgen Müller <j@x.test>"
    message["To"] = '"Doe, Jane" <jane@x.test>, bob@x.test'
    message["Subject"] = "Größe über alles, was länger ist als eine Zeile und deshalb gefaltet werden muss: ja"
    message.set_content("Schöne Grüße\n" * 100)
    message.add_attachment(b"\0\1\2", maintype="application", subtype="x-bin", filename="Übersicht 1.bin")
    octets = message.as_bytes().replace(b"\n", b"\r\n")
    digest = make_digest(octets)
    assert digest.from_ == (Address("Jürgen Müller", "j@x.test"),)
    assert digest.to == (Address("Doe, Jane", "jane@x.test"), Address("", "bob@x.test"))
    assert digest.subject == message["Subject"]
    root = read_parts(octets)
    assert root.children[0].text(octets).startswith("Schöne Grüße")
    assert (root.children[1].filename, root.children[1].body(octets)) == ("Übersicht 1.bin", b"\0\1\2")


@pytest.mark.parametrize(
    ("octets", "children"),
    [
        (b"", 0),
        (b"no header at all", 0),
        (b"\r\nbody", 0),
        (b"Content-Type: multipart/mixed\r\n\r\n--x\r\n", 0),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\nnothing", 0),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n\r\nnever closed", 1),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--x\r\n--x\r\n--x--", 2),
        (b"Content-Type: multipart/mixed; boundary=x\n\n--x\n\none\n--x \n\ntwo\n--x--\n", 2),
        (b"Content-Type: multipart/mixed; boundary=x\r\n\r\n--xy\r\n\r\nanother\r\n", 0),
    ],
)
def test_what_follows_no_standard_is_read_all_the_same(octets: bytes, children: int) -> None:
    assert len(read_parts(octets).children) == children
    make_digest(octets)


def test_many_and_deep_parts_are_bounded() -> None:
    head = b"Content-Type: multipart/mixed; boundary=x\r\n\r\n"
    many = read_parts(head + b"--x\r\n\r\na\r\n" * (2 * MOST_PARTS))
    assert MOST_PARTS - 5 <= len(many.children) <= MOST_PARTS
    deep = b"".join(
        b"Content-Type: multipart/mixed; boundary=x%d\r\n\r\n--x%d\r\n" % (number, number) for number in range(100)
    )
    assert max(part.number.count(".") for part in read_parts(deep).walk()) < DEEPEST


def test_a_digest_keeps_no_more_than_it_may_of_a_large_message() -> None:
    octets = b"Subject: " + b"x" * 200_000 + b"\r\n\r\n" + b"word " * 1_000_000
    digest = make_digest(octets)
    assert len(digest.text) <= LONGEST_TEXT
    assert len(digest.subject) == 1000
    assert digest.size < 2 * LONGEST_TEXT


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        ("=?utf-8?q?Gr=C3=BC=C3=9Fe?=", "Grüße"),
        ("=?utf-8?b?R3LDvMOfZQ?= =?latin-1?q?_=E4?=", "Grüße ä"),
        ("=?nobody?q?=E4?=", "ä"),
        ("=?utf-8?x?a?= b", "=?utf-8?x?a?= b"),
        ("=?utf-8*de?q?ja?=", "ja"),
    ],
)
def test_encoded_words(raw: str, text: str) -> None:
    assert decoded(raw) == text


def test_parameters_are_read_as_they_are_written_in_the_wild() -> None:
    assert parameters('Text/Plain; Charset="utf-8"; format=flowed') == (
        "text/plain",
        {"charset": "utf-8", "format": "flowed"},
    )
    assert parameters("attachment; filename==?utf-8?q?=C3=A4?=.txt")[1] == {"filename": "ä.txt"}
    assert parameters('attachment; filename="a \\"b\\".txt')[1] == {"filename": 'a "b".txt'}
    assert parameters("attachment; filename*=iso-8859-1'en'%A3%20rates")[1] == {"filename": "£ rates"}


def test_addresses_of_groups_and_comments() -> None:
    assert addresses("Friends: a@b.test, B <b@b.test>;") == (Address("", "a@b.test"), Address("B", "b@b.test"))
    assert addresses("") == ()


def test_words_of_html_are_found_without_its_tags_and_scripts() -> None:
    html = "<style>a{}</style><p>One&amp;<b>two</b><!-- no --><script>no()</script >three<x"
    assert text_of_html(html).split() == ["One&", "two", "three"]


@given(st.text(alphabet="<>/script-!a ", max_size=200))
def test_text_of_html_never_fails(html: str) -> None:
    text_of_html(html)


def test_tags_are_cleaned() -> None:
    assert clean_tags([" One ", "one", "tw/o", "", "a" * 200]) == ("One", "tw o", "a" * 100)
