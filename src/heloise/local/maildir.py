"""Putting a message into a Maildir, durably. https://cr.yp.to/proto/maildir.html, RFC 5321 §4.4.

Written to `tmp`, synced, renamed into `new`, the directory synced: only then is the message there, and then whole.
The name in `new` is made of the message and the recipient, so that a delivery that is made again, because the first
one ended before it was settled, replaces the message instead of doubling it. The octets are those that came, so that
signatures verify; `line_feeds` writes LF for CRLF, for programs that read Maildirs and know nothing else.

Runs as one unit of blocking work for messages up to `_PIECE`; larger ones are written piece by piece.
"""

import re
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from heloise.mail.content import Content
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.trace import return_path_field
from heloise.world.blocking import Blocking
from heloise.world.files import File, Files

_PIECE = 1 << 20
_PARTS = ("tmp", "new", "cur")
_LINE = re.compile(rb".*?\r\n|.+", re.DOTALL)  # binary content may have bare CR and LF in its header


@dataclass(frozen=True, slots=True, kw_only=True)
class MaildirLetter:
    """One copy of a message for one recipient.

    `name` is unique to it and the same at every attempt; `attempt` is different at every one, so that two that
    overlap, since a lease ran out, do not write into one file. `is_proven` when the Maildir and the directories above
    it are known to outlive a power cut: somebody may have made them and ended before their names were synced.
    """

    maildir: str
    name: str
    attempt: str
    reverse_path: ReversePath
    forward_path: ForwardPath
    content: Content
    line_feeds: bool = False
    is_proven: bool = False


async def put(letter: MaildirLetter, files: Files, blocking: Blocking) -> int:
    """Put the letter into its Maildir, which is made when it is not there; the octets written.

    Raises OSError; then it is not there, and nothing of it either.
    """
    pieces = _pieces(letter)
    first = await anext(pieces, b"")
    second = await anext(pieces, None)
    writing = MaildirWriting(files, letter)
    if second is None:
        return await blocking.run(writing.put_whole, first)
    try:
        await blocking.run(writing.begin)
        await blocking.run(writing.write, first)
        await blocking.run(writing.write, second)
        async for piece in pieces:
            await blocking.run(writing.write, piece)
        return await blocking.run(writing.finish)
    except OSError:
        # Not when cancelled: then the last step may still be at work on the file, and what it leaves is in tmp.
        await blocking.run(writing.abandon)
        raise


class MaildirWriting:
    """One letter being written: begin, write, finish; or abandon. Blocks."""

    def __init__(self, files: Files, letter: MaildirLetter) -> None:
        self._files = files
        self._letter = letter
        self._path = f"{letter.maildir}/tmp/{letter.name}.{letter.attempt}"
        self._file: File | None = None
        self._written = 0

    def put_whole(self, octets: bytes) -> int:
        """All steps at once."""
        try:
            self.begin()
            self.write(octets)
            return self.finish()
        except OSError:
            self.abandon()
            raise

    def begin(self) -> None:
        """Create the file in tmp, and the Maildir if need be."""
        if not self._letter.is_proven:
            self._make_maildir()
        try:
            self._file = self._files.create(self._path)
        except FileNotFoundError:
            self._make_maildir()
            self._file = self._files.create(self._path)

    def write(self, octets: bytes) -> None:
        """Append."""
        assert self._file is not None
        self._file.write(octets)
        self._written += len(octets)

    def finish(self) -> int:
        """Sync, rename, sync: after this the letter is there whatever happens. The octets written."""
        assert self._file is not None
        self._file.sync()
        self._file.close()
        new = f"{self._letter.maildir}/new"
        # ",S=" spares everybody who counts a quota the question for the size.
        self._files.rename(self._path, f"{new}/{self._letter.name},S={self._written}")
        self._file = None
        self._files.sync_directory(new)
        return self._written

    def abandon(self) -> None:
        """Leave nothing behind. Never raises: what led here is the trouble to tell."""
        file, self._file = self._file, None
        if file is None:
            return
        try:
            file.close()
            self._files.remove(self._path)
        except OSError:
            pass  # a file in tmp harms nobody; whoever reads a Maildir removes old ones

    def _make_maildir(self) -> None:
        maildir = self._letter.maildir
        for part in _PARTS:
            self._files.make_directory(f"{maildir}/{part}")
        # The names of directories must outlive a crash too, or a letter is lost with its directory.
        for directory in (*map(str, reversed(PurePosixPath(maildir).parents)), maildir):
            with suppress(PermissionError):  # one we may not read was not made by us
                self._files.sync_directory(directory)


async def _pieces(letter: MaildirLetter) -> AsyncIterator[bytes]:
    """The letter in pieces of about `_PIECE`, as they go to the disk."""
    endings = _LineFeeds() if letter.line_feeds else _Untouched()
    waiting = [endings.turn(_top(letter))]
    size = 0
    header_seen = False
    async for piece in _gathered(letter.content):
        octets = piece if header_seen else without_return_path(piece)
        header_seen = True
        waiting.append(endings.turn(octets))
        size += len(octets)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    waiting.append(endings.rest())
    if rest := b"".join(waiting):
        yield rest


async def _gathered(content: Content) -> AsyncIterator[bytes]:
    """The chunks of the content put together to pieces of about `_PIECE`, so that a header is whole in the first."""
    waiting: list[bytes] = []
    size = 0
    async for chunk in content.chunks():
        waiting.append(chunk)
        size += len(chunk)
        if size >= _PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)


def _top(letter: MaildirLetter) -> bytes:
    """RFC 5321 §4.4: Return-Path is written at final delivery, on top of everything."""
    to = str(letter.forward_path)[1:-1]
    return return_path_field(letter.reverse_path) + f"Delivered-To: {to}\r\n".encode()


def without_return_path(octets: bytes) -> bytes:
    """The content without the Return-Path fields of its header: those of earlier deliveries are replaced, not kept."""
    if octets.startswith(b"\r\n"):
        return octets  # there is no header
    end = octets.find(b"\r\n\r\n")
    header, body = (octets, b"") if end < 0 else (octets[: end + 2], octets[end + 2 :])
    if b"return-path:" not in header.lower():
        return octets
    kept: list[bytes] = []
    dropping = False
    for line in _LINE.findall(header):
        if not line.startswith((b" ", b"\t")):  # RFC 5322 §2.2.3: a folded line belongs to the field before
            dropping = line[:12].lower() == b"return-path:"
        if not dropping:
            kept.append(line)
    return b"".join(kept) + body


class _LineFeeds:
    """CRLF becomes LF, also when it is cut between two pieces."""

    def __init__(self) -> None:
        self._held = b""

    def turn(self, octets: bytes) -> bytes:
        octets = self._held + octets
        self._held = b"\r" if octets.endswith(b"\r") else b""
        return (octets[:-1] if self._held else octets).replace(b"\r\n", b"\n")

    def rest(self) -> bytes:
        return self._held


class _Untouched:
    """Octets as they are."""

    def turn(self, octets: bytes) -> bytes:
        return octets

    def rest(self) -> bytes:
        return b""
