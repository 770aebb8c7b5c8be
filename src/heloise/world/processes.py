"""The door to other programs: one is started, fed, and waited for. Never through a shell.

What is passed is a list of arguments and an environment of its own; nothing of ours is inherited.
"""

from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Protocol


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """What to run: `command` begins with an absolute path, and is given as it is.

    `user` is the account it runs as; None for our own, which is refused when that is root. `directory` is where it
    starts. The door adds HOME, LOGNAME, USER and SHELL of the account to `environment`.
    """

    command: tuple[str, ...]
    environment: Mapping[str, str]
    user: str | None = None
    directory: str = "/"


@dataclass(frozen=True, slots=True, kw_only=True)
class ProgramEnd:
    """How it ended: by `exit_code`, or by `signal`, or by neither when the time was over and it was killed.

    `output` is the beginning of what it wrote to standard output and standard error.
    """

    exit_code: int | None = None
    signal: int | None = None
    output: bytes = b""

    @property
    def timed_out(self) -> bool:
        """Was it killed because it took too long?"""
        return self.exit_code is None and self.signal is None


class Processes(Protocol):
    """Runs programs."""

    async def run(
        self, program: Program, content: AsyncIterator[bytes], *, timeout: float, most_output: int
    ) -> ProgramEnd:
        """Run `program` with `content` as its standard input, for at most `timeout` seconds.

        It need not read all of it. At most `most_output` octets of what it says are kept. When its time is over, when
        the caller is cancelled, or when `content` raises, it is killed with everything it started, before it could
        take the end of its input for the end of the message.

        Raises:
            OSError: it could not be started: it is not there, may not be run, or there is no such user.
        """
        ...
