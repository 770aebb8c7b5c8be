"""The log of a running server: where [log] says, and somewhere else when it says so after a reload."""

from collections.abc import Callable

from heloise.config.running import Log as LogSection
from heloise.observe.log import FileOutput, Gathering, Log, standard_error
from heloise.world import Clock


class ServerLog:
    """Opened at once. Raises OSError: the file can not be written."""

    def __init__(self, section: LogSection, clock: Clock) -> None:
        self._clock = clock
        self._section = section
        self._file = _opened(section)
        self._gathering = Gathering(self._write)
        self._log = Log(self._gathering, clock, level=section.level, format=section.format)

    def emit(self, level: str, event: str, fields: dict[str, object]) -> None:
        """Write one event. See `heloise.observe.log.Log`."""
        self._log(level, event, fields)

    def opened(self, section: LogSection) -> Callable[[], None]:
        """Have everything ready to log as `section` says, and what makes it so. Raises OSError: nothing changes."""
        file = self._file if section.file == self._section.file else _opened(section)

        def use() -> None:
            self.flush()
            if self._file is not None and self._file is not file:
                self._file.close()
            self._file, self._section = file, section
            self._log = Log(self._gathering, self._clock, level=section.level, format=section.format)
            self.reopen()

        return use

    def reopen(self) -> None:
        """Go on in a new file of the same name, after the old one was moved away.

        Raises:
            OSError: there can be none; it goes on in the old one.
        """
        self.flush()
        if self._file is not None:
            self._file.reopen()

    def flush(self) -> None:
        """Write what the last round of the event loop said."""
        self._gathering.flush()

    def _write(self, octets: bytes) -> None:
        (standard_error if self._file is None else self._file)(octets)


def _opened(section: LogSection) -> FileOutput | None:
    return None if section.file is None else FileOutput(section.file)
