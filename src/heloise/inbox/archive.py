"""Caught mail as files of other programs: mbox (mboxrd; RFC 4155) written and read, and ZIP with a message a file.

An mbox has lines that end with LF, so a bare LF comes back as CRLF, and a bare CR not at all; ZIP keeps every octet,
and the envelopes in `index.jsonl` beside them.
"""

import io
import json
import re
import zipfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from heloise.inbox.digest import Digest, make_digest
from heloise.inbox.message import CaughtMessage
from heloise.mail.content import facts_of
from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.ids import MessageId
from heloise.mail.path import NULL_REVERSE_PATH, ForwardPath, ReversePath
from heloise.mail.trace import Origin

LARGEST = 64 << 20  # octets of a message that is read; what is larger is passed over
MOST_UNPACKED = 1 << 30  # octets of a ZIP
INDEX = "index.jsonl"
_QUOTED = re.compile(rb"^(>*From )", re.MULTILINE)
_UNQUOTED = re.compile(rb"^>(>*From )")
_NOBODY = "MAILER-DAEMON"
_EARLIEST = 315_532_800  # 1980-01-01, where the time of ZIP begins


@dataclass(frozen=True, slots=True)
class Found:
    """A message in a file: `sender` is that of its separator, None when there is none."""

    octets: bytes
    sender: str | None = None
    envelope: Envelope | None = None
    received_at: float | None = None


def mbox_entry(message: CaughtMessage) -> bytes:
    """One message as it stands in an mbox."""
    moment = datetime.fromtimestamp(message.origin.received_at, UTC)
    sender = message.sender if message.sender and " " not in message.sender else _NOBODY
    head = f"From {sender} {moment:%a %b %d %H:%M:%S %Y}\n".encode("utf-8", "replace")
    text = _QUOTED.sub(rb">\1", message.octets.replace(b"\r\n", b"\n"))
    return head + text + (b"" if text.endswith(b"\n") else b"\n") + b"\n"


@dataclass(slots=True)
class MboxReader:
    """Reads an mbox in pieces of any size. `skipped` counts what was too large."""

    skipped: int = 0
    _rest: bytes = b""
    _lines: list[bytes] = field(default_factory=list)
    _size: int = 0
    _sender: str | None = None
    _is_blank: bool = True  # was the last line? a separator is the first line, or follows an empty one
    _has_begun: bool = False

    def feed(self, octets: bytes) -> Iterator[Found]:
        """The messages that are complete by now. Raises ValueError for what is no mbox."""
        *lines, self._rest = (self._rest + octets).split(b"\n")
        for line in lines:
            yield from self._line(line)
        if len(self._rest) > LARGEST:
            self._rest = self._rest[:1]
            self._size = LARGEST + 1

    def close(self) -> Iterator[Found]:
        """The last one."""
        if self._rest:
            yield from self._line(self._rest)
            self._rest = b""
        yield from self._message()

    def _line(self, line: bytes) -> Iterator[Found]:
        line = line.rstrip(b"\r")
        if self._is_blank and line.startswith(b"From "):
            yield from self._message()
            self._has_begun = True
            words = line.decode("utf-8", "replace").split(" ")
            self._sender = words[1] if len(words) > 1 and words[1] != _NOBODY else ""
            self._is_blank = False
            return
        if not self._has_begun:
            if line.strip():
                raise ValueError('this is no mbox: it does not begin with "From "')
            return
        self._is_blank = not line
        self._size += len(line) + 2
        if self._size <= LARGEST:
            self._lines.append(_UNQUOTED.sub(rb"\1", line))

    def _message(self) -> Iterator[Found]:
        if self._has_begun:
            if self._size > LARGEST:
                self.skipped += 1
            else:
                if self._lines and not self._lines[-1]:
                    self._lines.pop()  # the empty line before the next separator
                yield Found(b"".join([line + b"\r\n" for line in self._lines]), self._sender)
        self._lines, self._size = [], 0


class ZipWriter:
    """Makes a ZIP in pieces: each call gives what is to be sent of it."""

    def __init__(self) -> None:
        self._out = _Pieces()
        self._zip = zipfile.ZipFile(self._out, "w", zipfile.ZIP_DEFLATED)
        self._index: list[bytes] = []

    def add(self, message: CaughtMessage) -> bytes:
        """One message."""
        name = f"{message.message_id}.eml"
        self._zip.writestr(_info(name, message.origin.received_at), message.octets)
        told = {
            "file": name,
            "received_at": message.origin.received_at,
            "envelope": message.envelope.encode().decode("utf-8", "replace").splitlines(),
        }
        self._index.append(json.dumps(told, ensure_ascii=False).encode() + b"\n")
        return self._out.taken()

    def close(self, now: float) -> bytes:
        """The index, and the end."""
        self._zip.writestr(_info(INDEX, now), b"".join(self._index))
        self._zip.close()
        return self._out.taken()


class _Pieces(io.RawIOBase):
    """What is written until it is taken; nobody can go back in it."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, octets: Any) -> int:
        self._written += octets
        return len(octets)

    def taken(self) -> bytes:
        octets = bytes(self._written)
        self._written.clear()
        return octets


def _info(name: str, at: float) -> zipfile.ZipInfo:
    moment = datetime.fromtimestamp(max(at, _EARLIEST), UTC)
    info = zipfile.ZipInfo(name, moment.timetuple()[:6])
    info.compress_type = zipfile.ZIP_DEFLATED
    return info


def read_zip(octets: bytes) -> Iterator[Found]:
    """The messages in a ZIP: its `.eml` files. Raises ValueError for what is no ZIP, or would be too large."""
    try:
        with zipfile.ZipFile(io.BytesIO(octets)) as archive:
            if sum(info.file_size for info in archive.infolist()) > MOST_UNPACKED:
                raise ValueError(f"it has more than {MOST_UNPACKED} octets when it is unpacked")
            known = _envelopes(archive)
            for info in archive.infolist():
                if info.filename.lower().endswith(".eml") and info.file_size <= LARGEST:
                    envelope, received_at = known.get(info.filename, (None, None))
                    with archive.open(info) as file:
                        yield Found(file.read(LARGEST), None, envelope, received_at)
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError, EOFError, OSError) as error:
        raise ValueError(f"this ZIP can not be read: {error}") from None


def _envelopes(archive: zipfile.ZipFile) -> dict[str, tuple[Envelope | None, float | None]]:
    found: dict[str, tuple[Envelope | None, float | None]] = {}
    if INDEX not in archive.namelist() or archive.getinfo(INDEX).file_size > LARGEST:
        return found
    for line in archive.read(INDEX).splitlines():
        try:
            told = json.loads(line)
            envelope = Envelope.parse("\r\n".join(told["envelope"]).encode())
            found[str(told["file"])] = envelope, float(told["received_at"])
        except (ValueError, TypeError, KeyError, AttributeError):
            continue  # the message itself is read all the same
    return found


def as_caught(found: Found, *, now: float, message_id: MessageId) -> CaughtMessage:
    """A message from a file as one that was caught: what is not known of its envelope is taken from its header."""
    octets = found.octets
    digest = make_digest(octets)
    received_at = found.received_at if found.received_at is not None else digest.date
    message = CaughtMessage(
        message_id=message_id,
        envelope=found.envelope if found.envelope is not None else _envelope(digest, found.sender),
        origin=Origin(
            hello_name="",
            peer_address="file",
            protocol="FILE",
            session="",
            received_at=now if received_at is None else min(received_at, now),
        ),
        octets=octets,
        facts=facts_of(octets),
    )
    message.__dict__["digest"] = digest  # as cached_property keeps it
    return message


def _envelope(digest: Digest, sender: str | None) -> Envelope:
    reverse_path = NULL_REVERSE_PATH
    candidates = [sender] if sender is not None else [each.address for each in digest.from_]
    for candidate in candidates:
        try:
            reverse_path = ReversePath.parse(f"<{candidate}>".encode())
            break
        except ValueError:
            continue
    return Envelope(reverse_path=reverse_path, recipients=tuple(_recipients(digest)))


def _recipients(digest: Digest) -> Iterator[Recipient]:
    named: Iterable[str] = dict.fromkeys(each.address for each in (*digest.to, *digest.cc, *digest.bcc))
    for address in named:
        try:
            yield Recipient(ForwardPath.parse(f"<{address}>".encode()))
        except ValueError:
            continue
