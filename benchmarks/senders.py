"""Client libraries and programs that send: each a program that sends so many messages to one port and then ends."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from tests.peers.require import require

_ROOT = Path(__file__).resolve().parents[1]
_TIMEOUT = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Errand:
    """What is to be sent: over so many connections at a time, all their messages or one for each connection."""

    port: int
    messages: int
    sessions: int
    size: int
    one_per_connection: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Sent:
    """What it took. A Python program tells of itself, without its start; a program in C is measured as a whole."""

    seconds: float
    cpu: float


class Sender(Protocol):
    """Something that sends."""

    name: str
    durable: bool

    def can(self, errand_sessions: int) -> bool:
        """Can it work on so many connections at a time?"""

    def send(self, errand: Errand) -> Sent:
        """Send it all. Raises RuntimeError when it can not."""


class PythonSender:
    """One of benchmarks/programs/send_*.py, which can be run by hand as modules."""

    durable = False

    def __init__(self, name: str, program: str, *, python: str | None = None, most: int = 1000) -> None:
        self.name = name
        self._program = program
        self._python = python
        self._most = most

    def can(self, errand_sessions: int) -> bool:
        return errand_sessions <= self._most

    def send(self, errand: Errand) -> Sent:
        python = sys.executable if self._python is None else str(require(self._python))
        words = (errand.port, errand.messages, errand.sessions, errand.size, int(errand.one_per_connection))
        done = subprocess.run(
            [python, "-m", f"benchmarks.programs.{self._program}", *map(str, words)],
            cwd=_ROOT,
            capture_output=True,
            timeout=_TIMEOUT,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{self.name}: {done.stderr.decode(errors='replace')[-2000:]}")
        return Sent(**json.loads(done.stdout))


class SmtpSource:
    """smtp-source(1) of Postfix, in C."""

    name = "smtp-source"
    durable = False

    def can(self, errand_sessions: int) -> bool:
        return True

    def send(self, errand: Errand) -> Sent:
        command = [
            *("chroot", str(require("postfix")), "/usr/sbin/smtp-source", "-m", str(errand.messages)),
            *("-s", str(errand.sessions), "-l", str(errand.size), "-f", "sender@client.test", "-t", "user@example.org"),
            *([] if errand.one_per_connection else ["-d"]),
            f"inet:127.0.0.1:{errand.port}",
        ]
        began = time.monotonic()
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL)
        _, status, usage = os.wait4(process.pid, 0)
        elapsed = time.monotonic() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if status:
            raise RuntimeError(f"smtp-source ended with status {process.returncode}")
        return Sent(seconds=elapsed, cpu=usage.ru_utime + usage.ru_stime)


def senders() -> list[Sender]:
    """All of them. smtplib blocks, so that more than one connection is a thread for each."""
    return [
        PythonSender("heloise client", "send_heloise"),
        PythonSender("smtplib", "send_smtplib"),
        PythonSender("aiosmtplib", "send_aiosmtplib", python="senders"),
        SmtpSource(),
    ]
