"""The handlers that aiosmtpd brings along, under the same names."""

import asyncio
import logging
import mailbox
import os
import re
import smtplib
import sys
from abc import ABC, abstractmethod
from argparse import ArgumentParser
from collections.abc import Sequence
from email.message import Message as EmailMessage
from email.parser import BytesParser, Parser
from typing import Any, Self, TextIO

from heloise.aiosmtpd import statuses
from heloise.aiosmtpd.sessions import Envelope, Session
from heloise.aiosmtpd.smtp import SMTP

log = logging.getLogger("mail.debug")
_LINE_END = re.compile(rb"\r\n|\r|\n")


class Sink:
    """Takes every message and keeps none."""

    @classmethod
    def from_cli(cls, parser: ArgumentParser, *args: str) -> Self:
        """Without arguments."""
        if args:
            parser.error("Sink handler does not accept arguments")
        return cls()


class Debugging:
    """Prints every message."""

    def __init__(self, stream: TextIO | None = None) -> None:
        self.stream: TextIO = sys.stdout if stream is None else stream

    @classmethod
    def from_cli(cls, parser: ArgumentParser, *args: str) -> Self:
        """With "stdout" or "stderr"."""
        streams = {"stdout": sys.stdout, "stderr": sys.stderr}
        if len(args) > 1 or (args and args[0] not in streams):
            parser.error("Debugging usage: [stdout|stderr]")
        return cls(streams[args[0]] if args else None)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Print it, with where it came from below the header."""
        self._print("---------- MESSAGE FOLLOWS ----------")
        if envelope.mail_options:
            self._print("mail options:", envelope.mail_options)
        if any(envelope.rcpt_options):
            self._print("rcpt options:", envelope.rcpt_options)
        if envelope.mail_options or any(envelope.rcpt_options):
            self._print()
        content = envelope.content or b""
        in_header = True
        for line in content.splitlines():
            if in_header and not line:
                self._print(f"X-Peer: {session.peer!r}")
                in_header = False
            self._print(line.decode("utf-8", "replace") if isinstance(line, bytes) else line)
        self._print("------------ END MESSAGE ------------")
        return statuses.OK

    def _print(self, *words: object) -> None:
        print(*words, file=self.stream)


class Proxy:
    """Sends every message on to another server."""

    def __init__(self, remote_hostname: str, remote_port: int) -> None:
        self._hostname = remote_hostname
        self._port = remote_port

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Sent with X-Peer as the last field of the header; in a thread, so that other sessions go on."""
        content = envelope.original_content or b""
        lines = content.splitlines(keepends=True)
        end = next((place for place, line in enumerate(lines) if _LINE_END.match(line)), len(lines))
        ending = lines[end] if end < len(lines) else b"\r\n"
        peer = session.peer[0] if isinstance(session.peer, tuple) else "unix"
        lines.insert(end, b"X-Peer: " + peer.encode("ascii") + ending)
        refused = await asyncio.to_thread(self._deliver, envelope.mail_from or "", envelope.rcpt_tos, b"".join(lines))
        if refused:
            log.info("we got some refusals: %s", refused)
        return statuses.OK

    def _deliver(self, mail_from: str, rcpt_tos: Sequence[str], data: bytes) -> dict[str, Any]:
        """Who was refused, with code and text."""
        sender = "" if mail_from == "<>" else mail_from
        try:
            with smtplib.SMTP(self._hostname, self._port) as client:
                return dict(client.sendmail(sender, list(rcpt_tos), data))
        except smtplib.SMTPRecipientsRefused as error:
            return dict(error.recipients)
        except (OSError, smtplib.SMTPException) as error:
            said = (getattr(error, "smtp_code", -1), getattr(error, "smtp_error", b"ignore"))
            return dict.fromkeys(rcpt_tos, said)


class MessageBase(ABC):  # noqa: B024 (what is abstract differs in who inherits)
    """Makes a message object of what was received."""

    def __init__(self, message_class: type[EmailMessage] | None = None) -> None:
        self.message_class = message_class

    def prepare_message(self, session: Session, envelope: Envelope) -> EmailMessage:
        """With X-Peer, X-MailFrom and X-RcptTo. Raises TypeError when there is no content."""
        data, kind = envelope.content, self.message_class or EmailMessage
        if isinstance(data, bytes | bytearray):
            message: EmailMessage = BytesParser(kind).parsebytes(bytes(data))
        elif isinstance(data, str):
            message = Parser(kind).parsestr(data)
        else:
            raise TypeError(f"Expected str or bytes, got {type(data)}")
        message["X-Peer"] = str(session.peer)
        message["X-MailFrom"] = envelope.mail_from or ""
        message["X-RcptTo"] = ", ".join(envelope.rcpt_tos)
        return message


class Message(MessageBase):
    """To be inherited from: `handle_message` gets every message."""

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Hand it over."""
        self.handle_message(self.prepare_message(session, envelope))
        return statuses.OK

    @abstractmethod
    def handle_message(self, message: EmailMessage) -> None:
        """Do something with it."""


class AsyncMessage(MessageBase):
    """As `Message`, with a coroutine."""

    def __init__(
        self, message_class: type[EmailMessage] | None = None, *, loop: asyncio.AbstractEventLoop | None = None
    ) -> None:
        super().__init__(message_class)
        self.loop = loop

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """Hand it over."""
        await self.handle_message(self.prepare_message(session, envelope))
        return statuses.OK

    @abstractmethod
    async def handle_message(self, message: EmailMessage) -> None:
        """Do something with it."""


class Mailbox(Message):
    """Keeps every message in a Maildir."""

    def __init__(self, mail_dir: "os.PathLike[str] | str", message_class: type[EmailMessage] | None = None) -> None:
        self.mailbox = mailbox.Maildir(mail_dir)
        self.mail_dir = mail_dir
        super().__init__(message_class)

    @classmethod
    def from_cli(cls, parser: ArgumentParser, *args: str) -> Self:
        """With the directory."""
        if not args:
            parser.error("The directory for the maildir is required")
        if len(args) > 1:
            parser.error("Too many arguments for Mailbox handler")
        return cls(args[0])

    def handle_message(self, message: EmailMessage) -> None:
        """Keep it."""
        self.mailbox.add(message)

    def reset(self) -> None:
        """Forget all of them."""
        self.mailbox.clear()
