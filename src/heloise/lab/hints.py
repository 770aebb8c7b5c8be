"""What may be said next, and how: out of the state table and what the server offers. Pure."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from heloise.smtp.command import Verb
from heloise.smtp.extension import Extension
from heloise.smtp.extensions.help import CORE_VERBS
from heloise.smtp.registry import Registry
from heloise.smtp.states import ServerState

Offered = Callable[[Extension], bool]

# How each is said; for a verb that is not here its form has to do.
_EXAMPLES = {
    "EHLO": "EHLO client.example.test",
    "HELO": "HELO client.example.test",
    "LHLO": "LHLO client.example.test",
    "MAIL": "MAIL FROM:<me@example.test>",
    "RCPT": "RCPT TO:<you@example.test>",
    "BDAT": "BDAT 22 LAST",
    "VRFY": "VRFY you@example.test",
    "EXPN": "EXPN team",
    "ETRN": "ETRN example.test",
    "AUTH": "AUTH PLAIN AG1lAHNlY3JldA==",
    "NOOP": "NOOP",
    "HELP": "HELP MAIL",
    "XCLIENT": "XCLIENT ADDR=192.0.2.1",
    "XFORWARD": "XFORWARD ADDR=192.0.2.1",
}
_PARAMETERS = {
    "SIZE": "SIZE=1000",
    "BODY": "BODY=8BITMIME",
    "RET": "RET=HDRS",
    "ENVID": "ENVID=QQ314159",
    "NOTIFY": "NOTIFY=SUCCESS,FAILURE,DELAY",
    "ORCPT": "ORCPT=rfc822;you@example.test",
    "BY": "BY=120;R",
    "HOLDFOR": "HOLDFOR=3600",
    "HOLDUNTIL": "HOLDUNTIL=2030-01-15T12:00:00Z",
    "MT-PRIORITY": "MT-PRIORITY=3",
    "AUTH": "AUTH=<>",
}
_ALONE = frozenset({"SMTPUTF8", "REQUIRETLS"})
# What goes on from each state, the best first.
_ONWARD = {
    ServerState.GREETED: ("EHLO", "LHLO"),
    ServerState.READY: ("MAIL", "STARTTLS", "AUTH"),
    ServerState.MAIL: ("RCPT",),
    ServerState.NO_RECIPIENT: ("RCPT",),
    ServerState.RECIPIENTS: ("DATA", "BDAT", "RCPT"),
    ServerState.CHUNKS: ("BDAT",),
    ServerState.CHUNKS_FAILED: ("RSET",),
}
_LAST = ("RSET", "EHLO", "LHLO", "HELO", "NOOP", "HELP", "QUIT")
_WAITING = {
    ServerState.CONNECTED: "the server speaks first: it greets",
    ServerState.TEXT: "the message, line by line; a dot on a line by itself ends it",
    ServerState.AUTHENTICATING: "a response in base64, or * to give up",
    ServerState.SECURING: "the handshake",
    ServerState.TURNED: "nothing: the server is the client now",
    ServerState.CLOSED: "nothing: the session is over",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Hint:
    """A command that is in place. `line` can be sent as it is; `following` is where it leads to when all is well."""

    verb: str
    line: str
    form: str
    summary: str
    following: ServerState


def hints(registry: Registry, state: ServerState, offered: Offered, *, lmtp: bool = False) -> tuple[Hint, ...]:
    """The commands that are in place now and offered, the most useful first."""
    found = []
    for (at, verb), following in registry.transitions.items():
        if at is not state or not _is_offered(registry, verb, offered, lmtp=lmtp):
            continue
        form, summary = form_of(registry, verb)
        line = _EXAMPLES.get(verb, verb if "[" in form or form == verb else form)
        found.append(Hint(verb=verb, line=line, form=form, summary=summary, following=following))
    return tuple(sorted(found, key=lambda hint: (_rank(state, hint.verb), hint.verb)))


def in_words(state: ServerState) -> str:
    """What is to come where it is no command; empty where it is one."""
    return _WAITING.get(state, "")


def form_of(registry: Registry, verb: str) -> tuple[str, str]:
    """How a verb is written, and what it is for."""
    if verb in CORE_VERBS:
        return CORE_VERBS[verb]
    spec = registry.verbs[verb][1]
    return spec.form, spec.summary


def _is_offered(registry: Registry, verb: str, offered: Offered, *, lmtp: bool) -> bool:
    if verb in (Verb.EHLO, Verb.HELO, Verb.LHLO):
        return (verb == Verb.LHLO) == lmtp
    known = registry.verbs.get(verb)
    return known is None or verb == Verb.VRFY or offered(known[0])


def _rank(state: ServerState, verb: str) -> int:
    onward = _ONWARD.get(state, ())
    if verb in onward:
        return onward.index(verb)
    return len(onward) + (1 + _LAST.index(verb) if verb in _LAST else 0)


def complete(
    typed: str,
    *,
    registry: Registry,
    state: ServerState,
    offered: Offered,
    recipients: Sequence[str] = (),
    lmtp: bool = False,
) -> tuple[str, ...]:
    """Whole lines that begin with what was typed, whatever its case: commands in place now, then their parameters.

    `recipients` are more paths to offer at RCPT.
    """
    return tuple(dict.fromkeys(_lines(typed, registry, state, offered, recipients, lmtp=lmtp)))


def _lines(
    typed: str,
    registry: Registry,
    state: ServerState,
    offered: Offered,
    recipients: Sequence[str],
    *,
    lmtp: bool,
) -> Iterator[str]:
    upper = typed.upper()
    for hint in hints(registry, state, offered, lmtp=lmtp):
        if hint.verb == Verb.RCPT:
            yield from (line for path in recipients if (line := f"RCPT TO:{path}").upper().startswith(upper))
        if hint.line.upper().startswith(upper):
            yield hint.line
        if hint.verb == Verb.HELP and upper.startswith("HELP "):
            yield from (f"HELP {verb}" for verb in _verbs(registry) if f"HELP {verb}".startswith(upper))
    verb = upper.partition(" ")[0]
    if verb in (Verb.MAIL, Verb.RCPT) and ">" in typed and " " in typed.rpartition(">")[2]:
        head, _, begun = typed.rpartition(" ")
        used = {word.partition("=")[0] for word in upper.split()}
        for parameter in _parameters(registry, verb, offered):
            if parameter.startswith(begun.upper()) and parameter.partition("=")[0] not in used - {begun.upper()}:
                yield f"{head} {parameter}"


def _verbs(registry: Registry) -> list[str]:
    return sorted({*CORE_VERBS, *registry.verbs})


def _parameters(registry: Registry, verb: str, offered: Offered) -> list[str]:
    keywords = {
        keyword
        for extension in registry
        if offered(extension)
        for keyword in (extension.mail_keywords if verb == Verb.MAIL else extension.rcpt_keywords)
    }
    return sorted(keyword if keyword in _ALONE else _PARAMETERS.get(keyword, f"{keyword}=") for keyword in keywords)
