"""A message on its way into the queue: small ones are collected in memory, larger ones go to the spool as they come."""

import errno
from collections.abc import Sequence
from typing import Protocol

from heloise.mail.content import Content, ContentFacts, MemoryContent, facts_of
from heloise.mail.reply import Reply
from heloise.mail.sink import Companion, Refused, SinkAnswer, Submission, Taken
from heloise.queue.errors import StoreFault, StoreFull
from heloise.queue.model import NewMessage
from heloise.queue.spool import ROW_LIMIT, Crowd, SpoolContent, SpoolWriter
from heloise.smtp import replies
from heloise.world import World

_NO_ROOM = (errno.ENOSPC, errno.EDQUOT)


class Keeper(Protocol):
    """Takes the message over when it is complete. In its `crowd` are those that are no row."""

    crowd: Crowd

    def room_for(self, size: int) -> Reply | None:
        """None when a message of `size` octets can be taken, else the refusal."""
        ...

    async def keep(self, message: NewMessage, content: Content) -> None:
        """Returns when responsibility is taken. Raises StoreFull, StoreFault."""
        ...

    async def keep_together(self, messages: Sequence[NewMessage]) -> None:
        """The same for several messages, for all or for none."""
        ...


class QueueDeposit:
    """See `heloise.mail.sink.Deposit`. `spool_directory` is None when there is no spool."""

    def __init__(self, keeper: Keeper, submission: Submission, world: World, spool_directory: str | None) -> None:
        self._keeper = keeper
        self._submission = submission
        self._world = world
        self._spool_directory = spool_directory
        self._chunks: list[bytes] = []
        self._size = 0
        self._spool: SpoolWriter | None = None
        self._trouble: Exception | None = None

    async def write(self, octets: bytes) -> None:
        """Take the next octets."""
        if self._trouble is not None:
            return
        self._size += len(octets)
        if self._spool is None:
            self._chunks.append(octets)
            if self._size > ROW_LIMIT and self._spool_directory is not None:
                await self._move_to_spool(self._spool_directory)
        else:
            await self._write_spool(self._spool, octets)

    async def commit(self, facts: ContentFacts, companions: Sequence[Companion] = ()) -> SinkAnswer:
        """Take responsibility, or say why not; then nothing is left of it."""
        trouble: BaseException | None = None
        try:
            refusal = await self._take(facts, companions)
        except BaseException as error:
            trouble = error
        # Behind the block, not in it: compiled, an exception that is being handled is seen by whoever runs meanwhile.
        if trouble is not None:
            await self.abort()
            if isinstance(trouble, StoreFault | OSError):
                return Refused(_refusal(trouble))
            raise trouble
        if refusal is None:
            return Taken(self._submission.message_id)
        await self.abort()
        return Refused(refusal)

    async def abort(self) -> None:
        """Forget it."""
        self._chunks.clear()
        spool, self._spool = self._spool, None
        if spool is not None:
            await spool.discard()

    async def _take(self, facts: ContentFacts, companions: Sequence[Companion]) -> Reply | None:
        """None when it is taken, else why there is no room for it."""
        if self._trouble is not None:
            raise self._trouble
        size = 0 if self._spool is not None else self._size
        if companions:
            size += sum(size if each.octets is None else len(each.octets) for each in companions)
        refusal = self._keeper.room_for(size)
        if refusal is not None:
            return refusal
        if self._spool is not None:
            await self._take_from_spool(self._spool, facts, companions)
            return None
        octets = b"".join(self._chunks)
        message = NewMessage(submission=self._submission, facts=facts, octets=octets)
        await self._keep(message, MemoryContent(octets), companions)
        return None

    async def _take_from_spool(self, spool: SpoolWriter, facts: ContentFacts, companions: Sequence[Companion]) -> None:
        await spool.finish(*[each.submission.message_id for each in companions if each.octets is None])
        path = f"{self._spool_directory}/{spool.name}"
        content = SpoolContent(self._world.files, self._world.blocking, path, facts.size)
        message = NewMessage(submission=self._submission, facts=facts, octets=None, spool_name=spool.name)
        # It belongs to the queue now. When this task is cancelled from here on the row may be there, and an abort
        # must not take its file away; a file without a row is swept at the next open.
        self._spool = None
        full: StoreFull | None = None
        try:
            await self._keep(message, content, companions)
        except StoreFull as error:
            full = error
        if full is not None:
            # After any other fault the row may be there when the log is read again, and then needs its content.
            await spool.discard()
            raise full

    async def _keep(self, message: NewMessage, content: Content, companions: Sequence[Companion]) -> None:
        if companions:
            await self._keeper.keep_together([message, *[_beside(message, each) for each in companions]])
        else:
            await self._keeper.keep(message, content)

    async def _move_to_spool(self, directory: str) -> None:
        world, name = self._world, str(self._submission.message_id)
        self._spool = SpoolWriter(world.files, world.blocking, directory, name, self._keeper.crowd)
        octets = b"".join(self._chunks)
        self._chunks.clear()
        await self._write_spool(self._spool, octets)

    async def _write_spool(self, spool: SpoolWriter, octets: bytes) -> None:
        try:
            await spool.write(octets)
        except OSError as error:
            self._trouble = error


def _beside(message: NewMessage, companion: Companion) -> NewMessage:
    submission, octets = companion.submission, companion.octets
    if octets is not None:
        return NewMessage(submission=submission, facts=facts_of(octets), octets=octets)
    spool_name = None if message.spool_name is None else str(submission.message_id)
    return NewMessage(submission=submission, facts=message.facts, octets=message.octets, spool_name=spool_name)


def _refusal(error: Exception) -> Reply:
    full = isinstance(error, StoreFull) or (isinstance(error, OSError) and error.errno in _NO_ROOM)
    return replies.storage_full(str(error)) if full else replies.storage_fault(str(error))
