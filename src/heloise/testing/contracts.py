"""What every implementation of a door must do, as checks to run against yours.

Each check raises AssertionError with a sentence that names the broken promise.
"""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress

from heloise.world import Blocking, Files, LinkError, Stream

PairMaker = Callable[[], Awaitable[tuple[Stream, Stream]]]

_BLOCK = bytes(range(256)) * 256
_ENOUGH = 200  # blocks; more than any buffer between two streams should hold


async def check_stream_pair(make_pair: PairMaker) -> None:
    """Check `heloise.world.Stream`, on new pairs of connected streams from `make_pair`."""
    for check in (
        _octets_arrive_in_order,
        _what_is_put_back_comes_first,
        _ends_know_each_other,
        _closing_sends_what_was_given,
        _closing_is_idempotent,
        _a_slow_reader_holds_the_sender,
        _closing_ends_who_waits_for_room,
        _aborting_ends_both_sides,
        _a_cancelled_receive_loses_nothing,
    ):
        near, far = await make_pair()
        try:
            await check(near, far)
        finally:
            near.abort()
            far.abort()
            await near.wait_closed()
            await far.wait_closed()


def check_files(files: Files, directory: str) -> None:
    """Check `heloise.world.Files`, in `directory`, which must not exist yet."""
    files.make_directory(f"{directory}/one/two")
    files.make_directory(f"{directory}/one/two")
    assert files.names(directory) == ["one"], "make_directory makes parents and is idempotent"
    _check_contents(files, f"{directory}/one/a")
    _check_names(files, f"{directory}/one")
    _check_links(files, f"{directory}/one")


async def check_blocking(blocking: Blocking) -> None:
    """Check `heloise.world.Blocking`; closes it in the end."""
    assert await blocking.run(int, "ff", base=16) == 255, "arguments arrive and the result returns"
    with _promised("what the function raises is raised", ZeroDivisionError):
        await blocking.run(lambda: 1 / 0)
    lane = blocking.lane("contract")
    await _check_lane(lane)
    await _check_cancelled_work(lane)
    for door in (lane, blocking):
        await door.close()
        await door.close()
        with _promised("a closed door takes no work", RuntimeError):
            await door.run(lambda: None)


@contextmanager
def _promised(promise: str, expected: type[Exception]) -> Iterator[None]:
    try:
        yield
    except expected:
        return
    raise AssertionError(f"{promise}: there was no {expected.__name__}")


async def _receive(stream: Stream, count: int) -> bytes:
    octets = bytearray()
    while len(octets) < count and (more := await stream.receive()):
        octets += more
    return bytes(octets)


async def _octets_arrive_in_order(near: Stream, far: Stream) -> None:
    for sender, receiver in ((near, far), (far, near)):
        pieces = [b"%d\r\n" % number for number in range(500)]
        for piece in pieces:
            sender.send(piece)
        await sender.drain()
        assert not sender.is_full, "after it there is room"
        whole = b"".join(pieces)
        assert await _receive(receiver, len(whole)) == whole, "octets arrive unchanged and in order"


async def _what_is_put_back_comes_first(near: Stream, far: Stream) -> None:
    near.send(b"one two")
    whole = await _receive(far, 7)
    far.put_back(whole[4:])
    near.send(b" three")
    assert await _receive(far, 9) == b"two three", "what was put back is received before what comes"


async def _ends_know_each_other(near: Stream, far: Stream) -> None:
    assert (near.local, near.peer) == (far.peer, far.local), "local and peer are mirrored"


async def _closing_sends_what_was_given(near: Stream, far: Stream) -> None:
    near.send(_BLOCK)
    near.close()
    assert await _receive(far, len(_BLOCK)) == _BLOCK, "closing sends what was given"
    assert await far.receive() == b"", "the end is told"
    assert await far.receive() == b"", "and told again"
    await near.wait_closed()


async def _closing_is_idempotent(near: Stream, far: Stream) -> None:
    near.close()
    near.close()
    near.send(b"ignored")
    assert await near.receive() == b"", "after our own close there is nothing to receive"
    await near.wait_closed()
    assert await far.receive() == b"", "what is sent after closing is ignored"


async def _a_slow_reader_holds_the_sender(near: Stream, far: Stream) -> None:
    async def fill() -> None:
        for _ in range(_ENOUGH):
            near.send(_BLOCK)
            await near.drain()

    filling = asyncio.create_task(fill())
    done, _ = await asyncio.wait([filling], timeout=0.1)
    assert not done, "drain waits while nobody reads"
    assert near.is_full, "and it can be seen that it would"
    assert await _receive(far, _ENOUGH * len(_BLOCK)) == _ENOUGH * _BLOCK, "nothing is lost under back-pressure"
    await filling


async def _closing_ends_who_waits_for_room(near: Stream, far: Stream) -> None:
    while not near.is_full:
        near.send(_BLOCK)
        await asyncio.sleep(0)
    draining = asyncio.create_task(near.drain())
    await asyncio.sleep(0)
    near.close()
    await draining
    assert await near.receive() == b"", "who has closed does not wait for a peer that reads nothing"
    near.abort()
    await near.wait_closed()


async def _aborting_ends_both_sides(near: Stream, far: Stream) -> None:
    receiving = asyncio.create_task(near.receive())
    await asyncio.sleep(0)
    near.abort()
    near.abort()
    with _promised("a receive that waits is told of the abort", LinkError):
        await receiving
    with suppress(LinkError):
        assert await far.receive() == b"", "the peer sees the end or a reset"


async def _a_cancelled_receive_loses_nothing(near: Stream, far: Stream) -> None:
    receiving = asyncio.create_task(far.receive())
    await asyncio.sleep(0)
    receiving.cancel()
    await asyncio.wait([receiving])
    near.send(b"after")
    assert await _receive(far, 5) == b"after", "a cancelled receive loses nothing"


def _check_contents(files: Files, path: str) -> None:
    file = files.create(path)
    for _ in range(3):
        file.write(_BLOCK)
    file.sync()
    file.close()
    file.close()
    assert files.size(path) == 3 * len(_BLOCK), "size counts octets"
    assert files.modified(path) > 0, "modified tells a time"
    assert abs(files.stamp(path)[0] / 1e9 - files.modified(path)) < 1, "a stamp begins with the time of the last write"
    reading = files.open(path)
    assert reading.read(10) == _BLOCK[:10], "reading starts at the beginning"
    assert reading.read(len(_BLOCK)) == (_BLOCK * 2)[10 : len(_BLOCK) + 10], "and goes on"
    while reading.read(1 << 20):
        pass
    assert reading.read(1) == b"", "the end is empty"
    reading.close()


def _check_names(files: Files, directory: str) -> None:
    a, b, c = f"{directory}/a", f"{directory}/b", f"{directory}/c"
    with _promised("create never replaces", FileExistsError):
        files.create(a)
    files.create(b).close()
    files.rename(a, b)
    assert files.names(directory) == ["b", "two"], "rename replaces its target; names are sorted"
    assert files.size(b) == 3 * len(_BLOCK), "rename moves the content"
    files.sync_directory(directory)
    assert (files.exists(b), files.exists(directory), files.exists(a)) == (True, True, False), "exists tells"
    files.remove(b)
    for missing in (lambda: files.open(b), lambda: files.remove(b), lambda: files.size(b), lambda: files.rename(b, c)):
        with _promised("what is not there is not found", FileNotFoundError):
            missing()
    with _promised("a file needs its directory", FileNotFoundError):
        files.create(f"{directory}/none/a")
    assert files.free_octets(directory) > 0, "free_octets tells"


def _check_links(files: Files, directory: str) -> None:
    first, second = f"{directory}/first", f"{directory}/second"
    file = files.create(first)
    file.write(_BLOCK)
    file.sync()
    file.close()
    files.link(first, second)
    with _promised("link never replaces", FileExistsError):
        files.link(first, second)
    with _promised("there is no link to nothing", FileNotFoundError):
        files.link(f"{directory}/none", f"{directory}/third")
    files.remove(first)
    reading = files.open(second)
    assert reading.read(len(_BLOCK)) == _BLOCK, "the content stays as long as a name of it does"
    reading.close()
    files.remove(second)


async def _check_lane(lane: Blocking) -> None:
    order: list[int] = []
    lock = threading.Lock()

    def work(number: int) -> None:
        assert lock.acquire(blocking=False), "a lane does one thing at a time"
        order.append(number)
        lock.release()

    await asyncio.gather(*(lane.run(work, number) for number in range(50)))
    assert order == list(range(50)), "a lane keeps the order of the calls"


async def _check_cancelled_work(lane: Blocking) -> None:
    done: list[int] = []
    waiting = [asyncio.create_task(lane.run(done.append, number)) for number in range(20)]
    await asyncio.sleep(0)
    for task in waiting:
        task.cancel()
    await asyncio.wait(waiting)
    await lane.run(done.append, 20)
    assert done == list(range(21)), "work whose waiter was cancelled is done all the same"
