"""Messages that have been altered on their way by one server or client or another."""

from __future__ import annotations

_HEADER = (
    b"Date: Mon, 06 Jul 2026 10:00:00 +0000\r\n"
    b"Message-ID: <letter@client.test>\r\n"
    b"From: Somebody <somebody@client.test>\r\n"
    b"To: alice@here.test\r\n"
)


def letter(body: bytes, *fields: bytes) -> bytes:
    """A message with CRLF that no client needs to add a field to."""
    return _HEADER + b"".join(field + b"\r\n" for field in fields) + b"\r\n" + body


_EIGHT_BIT = (b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=utf-8", b"Content-Transfer-Encoding: 8bit")
_LATIN = (b"MIME-Version: 1.0", b"Content-Type: text/plain; charset=iso-8859-1", b"Content-Transfer-Encoding: 8bit")

LETTERS = {
    "plain": letter(b"One line.\r\nAnd another.\r\n", b"Subject: plain"),
    "no-body": letter(b"", b"Subject: no body"),
    "empty-lines": letter(b"\r\n\r\nx\r\n\r\n\r\n", b"Subject: empty lines"),
    "blanks": letter(b"blanks at the end   \r\n\ttab\t\r\n   \r\n", b"Subject:  folded\r\n\tand  spaced ", b"X-Empty:"),
    "dots": letter(b".\r\n..\r\n.x\r\nx.\r\n...\r\n.\r\n \r\n.\r\n", b"Subject: dots"),
    "dot-first": letter(b".first line of the body\r\n", b"Subject: dot first"),
    "from-line": letter(b"From the start\r\n>From here\r\n\r\nFrom there\r\n", b"Subject: from"),
    "eight-bit": letter("Grüße, 你好, καλημέρα\r\n".encode(), b"Subject: eight", *_EIGHT_BIT),
    "latin": letter(b"Gr\xfc\xdfe, \xa0\xff\x80\r\n", b"Subject: latin", *_LATIN),
    "eight-bit-undeclared": letter(b"\xff\xfe\xfd\x80\r\n", b"Subject: raw"),
    "long-line": letter(b"x" * 998 + b"\r\n" + b"." + b"y" * 996 + b"\r\n", b"Subject: long"),
    "too-long-line": letter(b"x" * 5000 + b"\r\n.\r\n" + b"." * 3000 + b"\r\n", b"Subject: too long"),
    "long-header": letter(
        b"x\r\n", b"Subject: long header", b"X-Long: " + b"h" * 900, b"References: " + b"\r\n <a@b>" * 200
    ),
    "control": letter(b"a\x01b\x07c\x1bd\x7f\r\n", b"Subject: control"),
    "utf-8-header": letter("Grüße\r\n".encode(), "Subject: Grüße aus Köln".encode(), *_EIGHT_BIT),
    "return-path-in-body": letter(b"Return-Path: <x@y>\r\nReceived: from nowhere\r\n", b"Subject: trace"),
    "no-date-nor-id": b"Subject: bare\r\n\r\nx\r\n",
}
PLAIN = LETTERS["plain"]
EIGHT_BIT = LETTERS["eight-bit"]
