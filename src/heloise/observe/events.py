"""The vocabulary of the log: every event there is, with its level, its meaning and its fields.

Names are noun and participle and never change once released: dashboards and alarms go by them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from heloise.observe.log import LogLevel


@dataclass(frozen=True, slots=True, kw_only=True)
class EventKind:
    """One sort of event. `fields` are those that may be there; `cause`, `rule` and `inputs` are those of a reply."""

    name: str
    level: LogLevel
    meaning: str
    fields: tuple[str, ...]


_CAUSE = "cause rule inputs"


def _kind(name: str, level: LogLevel, meaning: str, fields: str) -> EventKind:
    return EventKind(name=name, level=level, meaning=meaning, fields=tuple(fields.split()))


_EVENTS = (
    _kind("server.started", LogLevel.INFO, "The server is about to listen.", "hostname version state"),
    _kind("server.listening", LogLevel.INFO, "A listener is open; `address` has the real port.", "address protocol"),
    _kind(
        "server.pressed",
        LogLevel.ERROR,
        "Memory or descriptors are nearly used up: new sessions get 421, new messages 452.",
        _CAUSE,
    ),
    _kind("server.relieved", LogLevel.INFO, "There are memory and descriptors for more again.", ""),
    _kind("server.stopping", LogLevel.INFO, "A stop was asked for; sessions end with 421.", "sessions"),
    _kind(
        "server.stopping-at-once",
        LogLevel.INFO,
        "A second signal: the server ends as in a crash, and loses nothing.",
        "",
    ),
    _kind("server.stopped", LogLevel.INFO, "Everything is closed.", "clean"),
    _kind(
        "server.process-died",
        LogLevel.INFO,
        "One of several processes has ended; it is started again.",
        "process status",
    ),
    _kind("server.process-started", LogLevel.INFO, "One that had ended runs again.", "process"),
    _kind(
        "server.reloaded",
        LogLevel.INFO,
        "Another configuration holds from now on; `kept` is what the server has to be started again for.",
        "changed kept",
    ),
    _kind(
        "server.reload-refused",
        LogLevel.ERROR,
        "Another configuration was wanted and is wrong; the old one still holds.",
        "problem",
    ),
    _kind(
        "server.runs-as-root",
        LogLevel.WARNING,
        'It was started as root and has no `run_as` to become; it listens on loopback, or `run_as` is "root".',
        "",
    ),
    _kind(
        "server.fails-on-purpose",
        LogLevel.WARNING,
        "The server is one for tests (`[staging]`), and fails by so many rules.",
        "rules",
    ),
    _kind(
        "server.not-recorded",
        LogLevel.ERROR,
        "Sessions can not be written to the file of `[recording]`; no more are recorded.",
        "problem",
    ),
    _kind("server.log-not-reopened", LogLevel.ERROR, "The log goes on in the old file.", "problem"),
    _kind(
        "users.broken",
        LogLevel.ERROR,
        "The file of users can not be used; what was read before still holds.",
        "problem",
    ),
    _kind("hooks.read", LogLevel.INFO, "The file of hooks has changed, and holds from now on.", "file stages"),
    _kind(
        "hooks.broken",
        LogLevel.ERROR,
        "The file of hooks can not be used; what was loaded before still holds.",
        "problem",
    ),
    _kind("tls.certificates-read", LogLevel.INFO, "Certificates have changed, and hold from now on.", "files"),
    _kind(
        "tls.certificates-broken",
        LogLevel.ERROR,
        "A certificate or key can not be used; what was read before still holds.",
        "problem",
    ),
    _kind(
        "tables.read",
        LogLevel.INFO,
        "Files of names have changed, and hold from now on; the numbers are those of all tables.",
        "aliases users forwards domains",
    ),
    _kind(
        "tables.broken",
        LogLevel.ERROR,
        "A file of names can not be read, or has a bad line; what was read before still holds.",
        "problem",
    ),
    _kind("session.opened", LogLevel.DEBUG, "A client has connected.", "session peer"),
    _kind("session.secured", LogLevel.DEBUG, "A session runs under TLS from now on.", "session tls"),
    _kind("session.not-secured", LogLevel.INFO, "A handshake for TLS has failed.", "session peer cause trouble"),
    _kind(
        "session.spoken-for",
        LogLevel.INFO,
        "A client that may has said by XCLIENT for whom it speaks; `peer` is that client from now on.",
        "session peer claim",
    ),
    _kind(
        "session.turned-away",
        LogLevel.INFO,
        "Connections were over a limit; told once a minute for each client.",
        "peer count reply cause rule inputs",
    ),
    _kind("session.not-introduced", LogLevel.INFO, "A proxy sent no good PROXY header.", "peer cause trouble"),
    _kind("session.authenticated", LogLevel.INFO, "A client has shown who it is.", "session mechanism user"),
    _kind("session.ended", LogLevel.DEBUG, "A session is over; `lost` when without QUIT.", "session lost"),
    _kind("session.fault", LogLevel.ERROR, "A bug or a trouble of ours ended a session.", "session error"),
    _kind(
        "command.refused",
        LogLevel.INFO,
        "A command got 4yz or 5yz; the cause says why.",
        f"session reply recipient sender {_CAUSE}",
    ),
    _kind(
        "message.accepted",
        LogLevel.INFO,
        "Responsibility was taken: 250 to the end of a message.",
        "session message peer hello sender recipients size tls forwarded",
    ),
    _kind(
        "message.judged",
        LogLevel.INFO,
        "A message was taken and is thrown away, or held: the cause says why.",
        f"session message {_CAUSE}",
    ),
    _kind(
        "policy.trouble",
        LogLevel.ERROR,
        "A check, a filter or a hook took too long or failed.",
        "session check trouble",
    ),
    _kind(
        "delivery.attempted",
        LogLevel.INFO,
        "One attempt for one recipient; a warning when it has to be repeated.",
        f"message session recipient route action stage reply remote_mta {_CAUSE}",
    ),
    _kind("delivery.fault", LogLevel.ERROR, "A bug or a trouble of ours ended an attempt.", "message error"),
    _kind(
        "inbox.trouble",
        LogLevel.ERROR,
        "The file of the inbox can not be written, or not all of it be read.",
        "trouble",
    ),
    _kind("passport.trouble", LogLevel.WARNING, "Passports are not written; mail goes on.", "trouble"),
)

EVENTS: Mapping[str, EventKind] = MappingProxyType({event.name: event for event in _EVENTS})
