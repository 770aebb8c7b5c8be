"""Replies out of octets. RFC 5321 §4.2, RFC 2034. Input: what a server sends; output: one `Reply` at a time.

Liberal in reading: a bare LF ends a line too, texts may hold anything, unknown codes are told by their first digit.
Not liberal about what would leave us guessing: no code, two severities in one reply, endless lines or replies.
`0yz` lines (sendmail's VERB) are handed on by themselves, wherever they come, even inside a multiline reply.
"""

import re
from functools import lru_cache

from heloise.mail import causes
from heloise.mail.reply import Reply, printable
from heloise.mail.status import EnhancedStatus
from heloise.smtp.errors import RemoteProtocolError

MAXIMUM_LINE = 8192  # RFC 5321 §4.5.3.1.5 asks for 512
MAXIMUM_LINES = 1024
_TEXT = 1000  # octets of a line that are kept
_LINE = re.compile(rb"([0-5][0-9]{2})(?:([ -])(.*))?", re.DOTALL)
_STATUS = re.compile(r"([245])\.([0-9]{1,3})\.([0-9]{1,3})(?: |$)")
_SAID = causes.PEER_SAID.because()


class ReplyReader:
    """Reads the replies of one server.

    `success_has_status` is False until hello is over: RFC 2034 §4 has no enhanced status in the greeting and in the
    answer to EHLO, and what looks like one there is a word of the text. Later it is read whenever it looks right,
    offered or not: no text starts like that by chance.
    """

    def __init__(self) -> None:
        self.success_has_status = False
        self.lines_read = 0
        self._octets = b""
        self._place = 0
        self._texts: list[str] = []  # the lines of a reply that is not complete yet
        self._code = 0

    def feed(self, octets: bytes) -> None:
        """More octets from the server."""
        self._octets = self._octets[self._place :] + octets if self._place < len(self._octets) else octets
        self._place = 0

    @property
    def has_more(self) -> bool:
        """Are there octets behind the last reply?"""
        return self._place < len(self._octets)

    def next_reply(self) -> Reply | None:
        """The next complete reply; None when more octets are needed.

        Raises:
            RemoteProtocolError: what came is no reply; nothing more can be read.
        """
        while self._place < len(self._octets) and (line := self._line()) is not None:
            code, more, text = _parse(line)
            if code < 100 or not (more or self._texts):
                return _single(code, text, self.success_has_status)
            self._add(code, text)
            if not more:
                return self._complete()
        return None

    def _line(self) -> bytes | None:
        end = self._octets.find(b"\n", self._place)
        if (len(self._octets) if end < 0 else end) - self._place > MAXIMUM_LINE:
            raise RemoteProtocolError("an endless reply line")
        if end < 0:
            return None
        line = self._octets[self._place : end]
        self._place = end + 1
        self.lines_read += 1
        return line.removesuffix(b"\r")

    def _add(self, code: int, text: str) -> None:
        if self._texts and code // 100 != self._code // 100:
            raise RemoteProtocolError(f"a reply that says {self._code} and {code}")
        if len(self._texts) >= MAXIMUM_LINES:
            raise RemoteProtocolError("an endless reply")
        self._code = code
        self._texts.append(text)

    def _complete(self) -> Reply:
        texts, self._texts = self._texts, []
        return _reply(self._code, texts, self.success_has_status)


@lru_cache(maxsize=512)
def _single(code: int, text: str, success_has_status: bool) -> Reply:
    """A reply of one line. Servers say the same few all day long, and a Reply never changes."""
    return _reply(code, [text], success_has_status)


def _reply(code: int, texts: list[str], success_has_status: bool) -> Reply:
    status = None
    if code >= 400 or (200 <= code < 300 and success_has_status):
        status = _status(code, texts)
    if status is not None:
        texts = [_STATUS.sub("", text, count=1) if _STATUS.match(text) else text for text in texts]
    return Reply(code=code, status=status, lines=tuple(texts), cause=_SAID)


@lru_cache(maxsize=512)
def _parse(line: bytes) -> tuple[int, bool, str]:
    """Code, whether more lines follow, text. Raises RemoteProtocolError."""
    found = _LINE.fullmatch(line)
    if found is None:
        raise RemoteProtocolError(f"not a reply: {_shown(line)}")
    return int(found[1]), found[2] == b"-", _shown(found[3] or b"")


def _status(code: int, texts: list[str]) -> EnhancedStatus | None:
    """The status of the first line that has one of the right class. RFC 2034 §4: it is the same on all."""
    for text in texts:
        found = _STATUS.match(text)
        if found is not None and int(found[1]) == code // 100:
            return EnhancedStatus(int(found[1]), int(found[2]), int(found[3]))
    return None


def _shown(octets: bytes) -> str:
    return printable(octets.decode("utf-8", "replace"), _TEXT)
