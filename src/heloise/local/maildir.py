"""Putting a message into a Maildir, durably. https://cr.yp.to/proto/maildir.html, RFC 5321 §4.4.

Written to `tmp`, synced, renamed into `new`, the directory synced: only then is the message there, and then whole.
The name in `new` is made of the message and the recipient, so that a delivery that is made again, because the first
one ended before it was settled, replaces the message instead of doubling it. The octets are those that came, so that
signatures verify; `line_feeds` writes LF for CRLF, for programs that read Maildirs and know nothing else.

Runs as one unit of blocking work for messages up to `PIECE`; larger ones are written piece by piece.
"""

from contextlib import suppress
from dataclasses import dataclass
from pathlib import PurePosixPath

from heloise.local.final import final_pieces
from heloise.mail.content import Content
from heloise.mail.path import ForwardPath, ReversePath
from heloise.world.blocking import Blocking
from heloise.world.files import File, Files

_PARTS = ("tmp", "new", "cur")


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
    pieces = final_pieces(letter.content, letter.reverse_path, letter.forward_path, line_feeds=letter.line_feeds)
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
