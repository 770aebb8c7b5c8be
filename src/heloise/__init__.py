"""heloise, the mail server that explains itself: catch, test, relay with one engine.

The names here are promised; so are `heloise.smtp` (the engines, without I/O) and `heloise.testing`. They are loaded
when they are first used, so that a program which wants only the engine does not load the server.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from heloise.app.library import ReceivedMessage, Server, send
    from heloise.faults.rule import FaultRule
    from heloise.link.errors import SmtpRefusal
    from heloise.mail.envelope import Envelope
    from heloise.mail.reply import Reply
    from heloise.world import LinkError

_PLACES = {
    "Envelope": "heloise.mail.envelope",
    "FaultRule": "heloise.faults.rule",
    "LinkError": "heloise.world",
    "ReceivedMessage": "heloise.app.library",
    "Reply": "heloise.mail.reply",
    "Server": "heloise.app.library",
    "SmtpRefusal": "heloise.link.errors",
    "send": "heloise.app.library",
}

__all__ = ["Envelope", "FaultRule", "LinkError", "ReceivedMessage", "Reply", "Server", "SmtpRefusal", "send"]


def __getattr__(name: str) -> Any:
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_PLACES[name]), name)
