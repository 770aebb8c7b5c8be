"""Other programs, really run. Each leads a process group of its own, so that all it started can be ended with it."""

import asyncio
import errno
import os
import pwd
import signal
import subprocess
import threading
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Final

from heloise.world.processes import Program, ProgramEnd

_PIECE: Final = 65536
_LINGER: Final = 1.0  # seconds that the last words of a program may take to come when it has ended


class SystemProcesses:
    """The door."""

    async def run(
        self, program: Program, content: AsyncIterator[bytes], *, timeout: float, most_output: int
    ) -> ProgramEnd:
        """Run `program` on `content`. See `heloise.world.Processes`."""
        identity = _identity(program.user)
        # Not asyncio's own way: uvloop knows no users, and both hold up the end of a program for as long as anything
        # that it left behind holds its output open.
        process = subprocess.Popen(  # noqa: ASYNC220 - it returns as soon as the program is there, as asyncio's does
            program.command,
            bufsize=0,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=program.directory,
            env={**identity.environment, **program.environment},
            start_new_session=True,
            umask=0o077,
            **identity.arguments,
        )
        return await _Run(process, most_output).through(content, timeout)


class _Run:
    """One program under way."""

    def __init__(self, process: "subprocess.Popen[bytes]", most_output: int) -> None:
        self._process = process
        self._most_output = most_output
        self._kept = bytearray()
        self._input: asyncio.StreamWriter | None = None  # open until all was given

    async def through(self, content: AsyncIterator[bytes], timeout: float) -> ProgramEnd:
        """Feed it, listen to it, and wait for its end."""
        ending = self._ending()
        listening = asyncio.create_task(self._listen())
        feeding = asyncio.create_task(self._feed(content))
        either: set[asyncio.Future[Any]] = {feeding, ending}
        try:
            async with asyncio.timeout(timeout):
                await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
                if feeding.done():
                    feeding.result()  # the content could not be read
                await asyncio.wait({ending})  # and not `ending` itself, which the timeout would cancel
        except TimeoutError:
            return ProgramEnd(output=bytes(self._kept))
        finally:
            # Before its input is closed: it must not take half a message for a whole one.
            if not ending.done():
                os.killpg(self._process.pid, signal.SIGKILL)
                await asyncio.wait({ending})
            feeding.cancel()
            await asyncio.wait({listening}, timeout=_LINGER)
            listening.cancel()
            await asyncio.wait({listening, feeding})
            if self._input is not None:
                self._input.close()
        code = ending.result()
        return ProgramEnd(
            exit_code=code if code >= 0 else None, signal=-code if code < 0 else None, output=bytes(self._kept)
        )

    def _ending(self) -> "asyncio.Future[int]":
        """Its exit code, once it has ended; waited for in a thread of its own, which sleeps until then."""
        loop = asyncio.get_running_loop()
        ending: asyncio.Future[int] = loop.create_future()

        def wait() -> None:
            code = self._process.wait()
            with suppress(RuntimeError):  # the loop is closed: nobody wants to know
                loop.call_soon_threadsafe(ended, code)

        def ended(code: int) -> None:
            if not ending.done():
                ending.set_result(code)

        threading.Thread(target=wait, name=f"heloise-program-{self._process.pid}", daemon=True).start()
        return ending

    async def _feed(self, content: AsyncIterator[bytes]) -> None:
        loop = asyncio.get_running_loop()
        assert self._process.stdin is not None  # asked for
        transport, protocol = await loop.connect_write_pipe(
            lambda: asyncio.StreamReaderProtocol(asyncio.StreamReader()), self._process.stdin
        )
        writer = self._input = asyncio.StreamWriter(transport, protocol, None, loop)
        try:
            async for octets in content:
                writer.write(octets)
                await writer.drain()
        except (BrokenPipeError, ConnectionResetError):
            return  # it has seen enough: its exit code tells what it made of it
        writer.close()
        self._input = None

    async def _listen(self) -> None:
        """Read to the end, and keep the beginning: a program whose output nobody reads would stand still."""
        reader = asyncio.StreamReader()
        assert self._process.stdout is not None  # asked for
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(
            lambda: asyncio.StreamReaderProtocol(reader), self._process.stdout
        )
        try:
            while octets := await reader.read(_PIECE):
                self._kept += octets[: self._most_output - len(self._kept)]
        finally:
            transport.close()


@dataclass(frozen=True, slots=True, kw_only=True)
class _Identity:
    """Who a program runs as: arguments of `subprocess.Popen`, and the environment that goes with the account."""

    environment: dict[str, str]
    arguments: dict[str, Any] = field(default_factory=dict)


def _identity(user: str | None) -> _Identity:
    """Raises OSError when there is no such user, or we may not become him, or he is root."""
    ours = os.geteuid()
    try:
        account = pwd.getpwuid(ours) if user is None else pwd.getpwnam(user)
    except KeyError:
        if user is None:
            return _Identity(environment={})  # an account without a name, as in a container
        raise OSError(errno.ENOENT, f"there is no user {user}") from None
    if account.pw_uid == 0:
        raise PermissionError(errno.EPERM, "no program is run as root")
    environment = {"HOME": account.pw_dir, "LOGNAME": account.pw_name, "USER": account.pw_name, "SHELL": "/bin/sh"}
    if account.pw_uid == ours:
        return _Identity(environment=environment)
    if ours != 0:
        raise PermissionError(errno.EPERM, f"only root can run a program as {user}")
    groups = os.getgrouplist(account.pw_name, account.pw_gid)
    return _Identity(
        environment=environment,
        arguments={"user": account.pw_uid, "group": account.pw_gid, "extra_groups": groups},
    )
