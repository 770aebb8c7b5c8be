"""Views for tests of hooks and checks, and a way to ask a hook, without a server.

from heloise.testing import hook_verdict, rcpt_view
import policy

def test_nobody_is_written_to_at_night() -> None:
    assert hook_verdict(policy.on_rcpt, rcpt_view("bob@example.org")).refusal.code == 451
"""

import asyncio
from collections.abc import Callable, Sequence
from inspect import isawaitable
from typing import Any

from heloise.mail.content import MemoryContent
from heloise.mail.envelope import Envelope, Parameters, Recipient
from heloise.mail.ids import MessageId
from heloise.mail.path import ForwardPath, ReversePath
from heloise.mail.reply import Reply
from heloise.policy import (
    ConnectView,
    DataView,
    HelloView,
    LookupView,
    MailView,
    MessageView,
    RcptView,
    RefusedView,
    SessionView,
    UnknownView,
    Verdict,
    View,
)
from heloise.smtp.server import content_facts

_SENDER = "carol@client.example"


def hook_verdict(hook: Callable[[Any], object], view: View) -> Verdict:
    """What this hook says to this view. Raises TypeError when that is no Verdict, and whatever the hook raises."""

    async def ask() -> object:
        answer = hook(view)
        return await answer if isawaitable(answer) else answer

    verdict = asyncio.run(ask())
    if not isinstance(verdict, Verdict):
        raise TypeError(f"{verdict!r} is no Verdict")
    return verdict


def session_view(client: str = "192.0.2.1", **more: Any) -> SessionView:
    """A session from this address; `more` are the fields of SessionView."""
    return SessionView(**{"session": "TEST", "client": client, "hostname": "mx.example.org"} | more)


def connect_view(client: str = "192.0.2.1", **more: Any) -> ConnectView:
    """A client from this address has connected."""
    return ConnectView(session=session_view(client, **more))


def hello_view(name: str, **more: Any) -> HelloView:
    """It has said this name."""
    return HelloView(session=session_view(**more), name=name)


def mail_view(sender: str = _SENDER, *, parameters: str = "", **more: Any) -> MailView:
    """It has named this sender, "" for nobody."""
    return MailView(
        session=session_view(**more),
        reverse_path=ReversePath.parse(f"<{sender}>".encode()),
        parameters=Parameters.parse(parameters.encode()),
    )


def rcpt_view(recipient: str, *, sender: str = _SENDER, before: Sequence[str] = (), **more: Any) -> RcptView:
    """It has named this recipient, after those `before`."""
    return RcptView(
        session=session_view(**more),
        reverse_path=ReversePath.parse(f"<{sender}>".encode()),
        forward_path=_path(recipient),
        recipients=tuple(Recipient(_path(each)) for each in before),
    )


def data_view(*recipients: str, sender: str = _SENDER, **more: Any) -> DataView:
    """It is about to send a message for these."""
    return DataView(session=session_view(**more), envelope=_envelope(sender, recipients))


def message_view(octets: bytes, *recipients: str, sender: str = _SENDER, **more: Any) -> MessageView:
    """It has sent this message, with CRLF at the ends of its lines."""
    header, empty_line, body = octets.partition(b"\r\n\r\n")
    return MessageView(
        session=session_view(**more),
        envelope=_envelope(sender, recipients or ("bob@example.org",)),
        message_id=MessageId("0TESTTESTTEST01"),
        facts=content_facts(octets),
        header=header + empty_line[:2],
        body=MemoryContent(empty_line[2:] + body),
    )


def lookup_view(text: str, *, verb: str = "VRFY", **more: Any) -> LookupView:
    """It asks about this name."""
    return LookupView(session=session_view(**more), verb=verb, text=text)


def unknown_view(line: str, **more: Any) -> UnknownView:
    """It has given this command, which there is not."""
    return UnknownView(session=session_view(**more), line=line)


def refused_view(recipient: str, reply: Reply, *, sender: str = _SENDER, **more: Any) -> RefusedView:
    """It has named this recipient, and heard this."""
    return RefusedView(
        session=session_view(**more),
        reverse_path=ReversePath.parse(f"<{sender}>".encode()),
        forward_path=_path(recipient),
        reply=reply,
    )


def _path(recipient: str) -> ForwardPath:
    return ForwardPath.parse(f"<{recipient}>".encode())


def _envelope(sender: str, recipients: Sequence[str]) -> Envelope:
    return Envelope(
        reverse_path=ReversePath.parse(f"<{sender}>".encode()),
        recipients=tuple(Recipient(_path(each)) for each in recipients),
    )
