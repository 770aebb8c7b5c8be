"""The lab while somebody works at it: lines that are typed, or piped in; what begins with a colon is for the lab."""

import codecs
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from pathlib import Path

from heloise.cli.bench import Bench
from heloise.cli.terminal import console, rows
from heloise.explain.explanations import explain_text
from heloise.explain.story import tell
from heloise.explain.topics import explain_topics
from heloise.faults.magic import EXAMPLES
from heloise.lab.hints import complete
from heloise.lab.session import Kind
from heloise.smtp.transcript import render
from heloise.world import LinkError

SAMPLE = (
    "EHLO client.example.test",
    "MAIL FROM:<me@example.test>",
    "RCPT TO:<you@example.test>",
    "DATA",
    "From: me@example.test",
    "To: you@example.test",
    "Subject: A first message",
    "",
    "It ends with a dot on a line by itself.",
    ".",
)
_HELP = (
    ("?", "explain the last reply; ? 550, ? 5.7.1, ? RCPT, ? STARTTLS, ? size.over-limit explain these"),
    (":state", "show the states, where the session stands, and every command that is in place"),
    (":sample", "say a whole message, line by line"),
    (":raw OCTETS", r"send octets as they are, with \r \n \x00: a bare LF, several commands at once"),
    (":fault PHRASE", 'let our own server fail, such as :fault 451 twice, then accept; ":fault" alone ends that'),
    (":again", "hang up and connect anew"),
    (":brief", "explain only what is more than a plain yes; once more: everything"),
    (":save FILE", "write the dialogue so far, explained and without secrets, into a file"),
    (":quit", "leave, as Ctrl-D does"),
)


class Leave(Exception):
    """Somebody wants to go."""


def talk(bench: Bench) -> bool:
    """With somebody at the terminal, until he leaves."""
    from heloise.cli.typist import Typist

    typist = Typist(lambda typed: _completions(bench, typed))
    with suppress(Leave):
        while True:
            if bench.session.is_over:
                bench.screen.remark("the session is over; :again connects anew, :quit leaves")
            line = typist.line()
            if line is None:
                break
            with suppress(KeyboardInterrupt):  # then it is no longer waited for a reply
                _do(bench, line.encode("utf-8", "surrogateescape"))
    return True


def play(bench: Bench, lines: Iterable[bytes]) -> bool:
    """Lines that are piped in; False when a reply did not come, or the session ended before all was said."""
    is_well = True
    with suppress(Leave):
        for line in lines:
            if bench.session.is_over and not line.startswith(b":"):
                bench.screen.remark("the session is over; what is left is not said")
                return False
            is_well = _do(bench, line.rstrip(b"\r\n")) and is_well
    return is_well


def _do(bench: Bench, line: bytes) -> bool:
    """Do what a line asks for; False when a reply did not come."""
    is_command = bench.session.kind in (Kind.COMMAND, Kind.NOTHING)
    if is_command and line.startswith((b":", b"?")):
        return _for_lab(bench, line.decode("utf-8", "replace"))
    return bench.say(line)


def _for_lab(bench: Bench, text: str) -> bool:
    if text.startswith("?"):
        _explain(bench, text[1:].strip())
        return True
    name, _, argument = text[1:].partition(" ")
    act = _ACTS.get(name)
    if act is None:
        bench.screen.remark(f"there is no :{name}; :help lists what there is")
        return True
    try:
        return act(bench, argument.strip()) is not False
    except (ValueError, OSError, LinkError) as error:
        bench.screen.remark(f":{name}: {error}")
        return not isinstance(error, LinkError)


def _explain(bench: Bench, what: str) -> None:
    if what:
        found = (*explain_topics(bench.registry, what), *explain_text(what))
        if not found:
            bench.screen.remark(f'nothing is known as "{what}"')
        bench.screen.explain(found)
    elif bench.screen.last is not None:
        story = tell(bench.screen.last)
        bench.screen.explain(tuple(each for each in (story.code, story.status, story.cause) if each is not None))


def _help(bench: Bench, _: str) -> None:
    rows(console(), _HELP, indent=3)


def _state(bench: Bench, _: str) -> None:
    bench.screen.picture(bench.session)


def _sample(bench: Bench, _: str) -> bool:
    greeting = ("LHLO client.example.test", *SAMPLE[1:]) if bench.options.lmtp else SAMPLE
    for line in greeting:
        if bench.session.is_over:
            return False
        bench.screen.typed(line)
        if not bench.say(line.encode()):
            return False
    return True


def _raw(bench: Bench, argument: str) -> bool:
    try:
        octets = codecs.escape_decode(argument.encode())[0]
    except ValueError as error:
        raise ValueError(f"this can not be read: {error}") from None
    assert isinstance(octets, bytes)
    return bench.say_octets(octets)


def _fault(bench: Bench, argument: str) -> None:
    if not bench.can_fail:
        raise ValueError("only the lab's own server fails on purpose, without a configuration")
    bench.fail(argument)
    bench.screen.remark(f"from now on: {argument}" if argument else "no more faults")


def _again(bench: Bench, _: str) -> None:
    bench.again()


def _brief(bench: Bench, _: str) -> None:
    bench.screen.brief = not bench.screen.brief
    bench.screen.remark("only what is more than a plain yes is explained" if bench.screen.brief else "all is explained")


def _save(bench: Bench, argument: str) -> None:
    if not argument:
        raise ValueError("into which file?")
    Path(argument).write_text(render(bench.session.transcript, explained=True), encoding="utf-8")
    bench.screen.remark(f"written into {argument}")


def _quit(bench: Bench, _: str) -> None:
    raise Leave


_ACTS: Mapping[str, Callable[[Bench, str], bool | None]] = {
    "help": _help,
    "state": _state,
    "sample": _sample,
    "raw": _raw,
    "fault": _fault,
    "again": _again,
    "brief": _brief,
    "save": _save,
    "quit": _quit,
    "q": _quit,
}


def _completions(bench: Bench, typed: str) -> tuple[str, ...]:
    session = bench.session
    if typed.startswith(":"):
        return tuple(word.partition(" ")[0] for word, _ in _HELP if word.startswith(typed))
    if session.kind is not Kind.COMMAND:
        return ()
    return complete(
        typed,
        registry=bench.registry,
        state=session.state,
        offered=session.offers_now,
        recipients=[path for path, _ in EXAMPLES] if bench.can_fail else (),
        lmtp=bench.options.lmtp,
    )
