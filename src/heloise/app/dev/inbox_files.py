"""The inbox into files and out of files: export as it is sent, and what `heloise dev --load` and the API read."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from heloise.inbox.archive import LARGEST, Found, MboxReader, ZipWriter, as_caught, mbox_entry, read_zip
from heloise.inbox.inbox import Inbox
from heloise.inbox.message import CaughtMessage
from heloise.mail.ids import new_message_id
from heloise.world import World

MOST_ZIP = 1 << 30  # octets of one that is read, which is whole in memory
_CHUNK = 262_144


class NotLoaded(Exception):
    """A file could not be read, or not all of it; the text says why."""


async def as_mbox(messages: Sequence[CaughtMessage]) -> AsyncIterator[bytes]:
    """An mbox, a message at a time."""
    for message in messages:
        yield mbox_entry(message)


async def as_zip(messages: Sequence[CaughtMessage], world: World) -> AsyncIterator[bytes]:
    """A ZIP, a message at a time; packed away from the event loop."""
    writer = ZipWriter()
    for message in messages:
        octets = await world.blocking.run(writer.add, message)
        if octets:
            yield octets
    yield await world.blocking.run(writer.close, world.clock.now())


def add(inbox: Inbox, world: World, found: Iterable[Found]) -> list[CaughtMessage]:
    """Keep messages that were found in a file. Raises ValueError, by what finds them."""
    added = []
    for each in found:
        now = world.clock.now()
        message = as_caught(each, now=now, message_id=new_message_id(now, world.entropy.octets(4)))
        inbox.add(message)
        added.append(message)
    return added


def found_in(octets: bytes) -> Iterable[Found]:
    """The messages in what was sent: one message, an mbox or a ZIP, by how it begins. Raises ValueError."""
    if octets.startswith(b"PK\x03\x04"):
        return read_zip(octets)
    if octets.startswith(b"From "):
        reader = MboxReader()
        return [*reader.feed(octets), *reader.close()]
    if not octets.strip():
        raise ValueError("there is nothing in it")
    return [Found(_with_crlf(octets))]


async def load(path: str, inbox: Inbox, world: World) -> int:
    """Keep what is in a file: a message, an mbox, or a ZIP of messages; how many. Raises NotLoaded."""
    try:
        file = world.files.open(path)
    except OSError as error:
        raise NotLoaded(f"{path}: {error.strerror or error}") from None
    try:
        read = file.read
        first = await world.blocking.run(read, _CHUNK)
        if first.startswith(b"From "):
            return await _load_mbox(path, first, read, inbox, world)
        most = MOST_ZIP if first.startswith(b"PK\x03\x04") else LARGEST
        octets = await _whole(path, first, read, world, most)
        return len(add(inbox, world, found_in(octets)))
    except (OSError, ValueError) as error:
        raise NotLoaded(f"{path}: {error}") from None
    finally:
        file.close()


async def _whole(path: str, first: bytes, read: Callable[[int], bytes], world: World, most: int) -> bytes:
    pieces, size = [first], len(first)
    while piece := await world.blocking.run(read, _CHUNK):
        pieces.append(piece)
        size += len(piece)
        if size > most:
            raise ValueError(f"it has more than {most} octets")
    return b"".join(pieces)


async def _load_mbox(path: str, first: bytes, read: Callable[[int], bytes], inbox: Inbox, world: World) -> int:
    reader, count, piece = MboxReader(), 0, first
    while piece:
        count += len(add(inbox, world, reader.feed(piece)))
        piece = await world.blocking.run(read, _CHUNK)
    count += len(add(inbox, world, reader.close()))
    if reader.skipped:
        raise NotLoaded(f"{path}: {reader.skipped} messages of more than {LARGEST} octets were passed over")
    return count


def _with_crlf(octets: bytes) -> bytes:
    """As it would have come by SMTP."""
    return octets if b"\r\n" in octets else octets.replace(b"\n", b"\r\n")
