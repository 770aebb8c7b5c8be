"""Sessions of a running server, kept in a file to be played again (`heloise what-if`). Bounded, and written aside."""

import os
from collections.abc import Callable
from dataclasses import replace

from heloise.app.again.dns_answers import DnsNotes, NotingResolver
from heloise.app.again.recorded import RecordedSession, encode, steps_of
from heloise.app.journal import Journal
from heloise.config.schema import Configuration
from heloise.delivery.background import Background
from heloise.inbox.sessions import Together
from heloise.reception.admission import Admission
from heloise.reception.door import Attend, RecorderFactory, Visit
from heloise.reception.passing import Passing
from heloise.smtp.events import Fact, SessionEnded
from heloise.smtp.transcript import Recorder, Transcript
from heloise.world import Blocking, World

_LINES = 1000  # of a session
_BEGUN = 1000  # sessions that have not got to their greeting


class SessionTape:
    """Makes recorders for the sessions of one listener, and writes what they kept when a session ends."""

    def __init__(self, world: World, background: Background, journal: Journal) -> None:
        self._world = world
        self._lane: Blocking | None = None
        self._background = background
        self._journal = journal
        self._left = 0
        self._file: str | None = None
        self._open: dict[str, Transcript] = {}
        self._notes: dict[str, DnsNotes] = {}

    def use(self, configuration: Configuration, most: int) -> None:
        """Record into the file that is configured, up to `most` sessions from now on."""
        recording = configuration.recording
        if recording.file != self._file:
            self._file, self._left = recording.file, most
        if self._file is not None and self._lane is None:
            self._lane = self._world.blocking.lane("recording")

    async def close(self) -> None:
        """Write what is still to be written."""
        if self._lane is not None:
            await self._lane.close()

    def recorder_for(self, configuration: Configuration, others: RecorderFactory) -> RecorderFactory:
        """As `others`, with a tape beside while there is room for one more session."""
        if configuration.recording.file is None:
            return others

        def make(session_id: str, admission: Admission) -> Recorder | None:
            other = others(session_id, admission)
            if self._left <= 0 or self._file is None:
                return other
            tape = self._open[session_id] = Transcript(_LINES)
            if len(self._open) > _BEGUN:  # whoever is turned away at the door never gets any further
                del self._open[next(iter(self._open))]
            return tape if other is None else Together([tape, other])

        return make

    def attend(self, configuration: Configuration, listener: str, others: Attend | None) -> Attend | None:
        """As `others`, and know how a session ends."""
        if configuration.recording.file is None:
            return others

        def attend(visit: Visit) -> Visit:
            visit = visit if others is None else others(visit)
            tape = self._open.pop(visit.session_id, None)
            if tape is None or self._left <= 0:
                return visit
            self._left -= 1
            began = self._world.clock.now()
            notes = self._notes[visit.session_id] = DnsNotes()

            def end() -> None:
                self._notes.pop(visit.session_id, None)
                user = visit.session.view.authenticated_as or ""
                recorded = RecordedSession(
                    session_id=visit.session_id,
                    client=visit.admission.address,
                    listener=listener,
                    at=began,
                    steps=steps_of(tape, user),
                    answers=notes.answers,
                    left_out=notes.left_out,
                )
                self._background(self._write(encode(recorded)))

            return replace(visit, receiver=_Ending(visit, end))

        return attend

    def world_for(self, configuration: Configuration) -> Callable[[str], World] | None:
        """Whose DNS the checks of a session ask: that of the world, with a note of each answer where the session is
        recorded. None where none is."""
        if configuration.recording.file is None:
            return None
        world = self._world

        def find(session_id: str) -> World:
            notes = self._notes.get(session_id)
            return world if notes is None else replace(world, resolver=NotingResolver(world.resolver, notes))

        return find

    async def _write(self, line: str) -> None:
        file = self._file
        if file is None or self._lane is None:
            return
        try:
            await self._lane.run(_append, file, line)
        except OSError as error:
            self._file = None
            self._journal.not_recorded(str(error))


class _Ending(Passing):
    def __init__(self, visit: Visit, end: Callable[[], None]) -> None:
        super().__init__(visit.receiver)
        self._end = end

    async def note(self, fact: Fact) -> None:
        await super().note(fact)
        if isinstance(fact, SessionEnded):
            self._end()


def _append(path: str, line: str) -> None:
    """One write for a line, so that several processes may share the file, which is for its owner alone."""
    descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)
