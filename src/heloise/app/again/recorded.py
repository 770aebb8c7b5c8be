"""Sessions as they are kept to be played again: JSON, one session a line, or the text of transcripts. Pure.

No message and no password is in them: of a content its size, of a login the user. `said` are the replies as they were
given, with their causes, so that a replay can be held against them; `answers` are what the DNS told the checks.
"""

import json
import math
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from heloise.app.again.dns_answers import DnsAnswer, decode_answer, encode_answer
from heloise.mail.reply import Reply
from heloise.smtp.transcript import STRUCK_OUT, Direction, TranscriptLine

_WORDS = 1000  # characters of a reply that are kept
_MESSAGE = re.compile(r"\[message, (\d+) octets\]")
_TLS = re.compile(r"TLSv?\d\S* \S+ (?:not )?verified")
_HEADER = re.compile(r"#\s*([a-z]+):\s*(\S.*)")
_HEADERS = ("client", "listener", "user", "session")
_TITLE = re.compile(r"session (\S+) from (\S+).*")  # above a transcript of `heloise dev`
_HERE, _SOMEBODY = "127.0.0.1", "<somebody@unknown.invalid>"


class StepKind(Enum):
    """What a client did."""

    GREETING = "G"  # it connected
    LINE = "C"
    CONTENT = "M"
    TLS = "T"
    LOGIN = "A"


@dataclass(frozen=True, slots=True)
class Said:
    """A reply: code, the id of its cause, and the rule that decided it, if one did."""

    code: int
    cause: str = ""
    rule: str | None = None
    text: str = ""

    @classmethod
    def of(cls, reply: Reply) -> "Said":
        """What is kept of a reply."""
        rule = None if reply.cause.rule is None else str(reply.cause.rule)
        return cls(reply.code, reply.cause.id, rule, reply.text[:_WORDS])


@dataclass(frozen=True, slots=True)
class Step:
    """`text` is the line, the encryption, or the user; `size` that of a content."""

    kind: StepKind
    text: str = ""
    size: int = 0
    said: tuple[Said, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordedSession:
    """`client` is an address; `listener` the one of the configuration where it came in, empty for any. `at` in seconds
    since the epoch. `answers` of the DNS are None where nobody has kept them, as in transcripts; `left_out` is how many
    were too many."""

    session_id: str
    client: str
    listener: str = ""
    at: float = 0.0
    steps: tuple[Step, ...] = field(default=())
    answers: tuple[DnsAnswer, ...] | None = None
    left_out: int = 0


def steps_of(lines: Iterable[TranscriptLine], user: str = "") -> tuple[Step, ...]:
    """The steps of a transcript, with `user` for whoever has logged in."""
    found: list[Step] = [Step(StepKind.GREETING)]
    for line in lines:
        if line.direction is Direction.SERVER:
            if line.reply is not None:
                last = found[-1]
                found[-1] = Step(last.kind, last.text, last.size, (*last.said, Said.of(line.reply)))
            continue
        step = _step(line.text, is_note=line.direction is Direction.NOTE, user=user)
        if step is not None:
            found.append(step)
    return tuple(found)


def _step(text: str, *, is_note: bool, user: str) -> Step | None:
    if is_note:
        return Step(StepKind.TLS, text) if _TLS.fullmatch(text) else None
    content = _MESSAGE.fullmatch(text)
    if content is not None:
        return Step(StepKind.CONTENT, size=int(content[1]))
    if text[:4].upper() == "AUTH":
        return Step(StepKind.LOGIN, user)
    return None if text == STRUCK_OUT else Step(StepKind.LINE, text)


def encode(session: RecordedSession) -> str:
    """One line of JSON, with its end."""
    steps = [
        [
            step.kind.value,
            step.size if step.kind is StepKind.CONTENT else step.text,
            [[said.code, said.cause, said.rule, said.text] for said in step.said],
        ]
        for step in session.steps
    ]
    facts: dict[str, object] = {}
    if session.answers is not None:
        facts = {"dns": list(map(encode_answer, session.answers)), "dns_left_out": session.left_out}
    begin = {"session": session.session_id, "at": session.at, "client": session.client, "listener": session.listener}
    return json.dumps({**begin, "steps": steps, **facts}, ensure_ascii=False, separators=(",", ":")) + "\n"


def decode(text: str) -> Iterator[RecordedSession]:
    """The sessions of a file, in either form. Raises ValueError with the number of the line."""
    if text.lstrip().startswith("{"):
        for number, line in enumerate(text.split("\n"), 1):  # other ends of lines may stand within JSON
            if line.strip():
                try:
                    yield _session(json.loads(line))
                except (ValueError, TypeError, LookupError, OverflowError, RecursionError) as error:
                    raise ValueError(f"line {number} is no recorded session: {error}") from None
    else:
        yield from _dialogues(text)


def of_timeline(timeline: Mapping[str, Any]) -> RecordedSession:
    """What a passport tells of a session or of the session of a message, as a client would say it. Passports keep no
    commands that were taken without a word, so a sender is known only of messages, and a login not at all."""
    accepted: Mapping[str, Any] = next((each for each in timeline["events"] if each["event"] == "accepted"), {})
    parameters = f" {accepted['parameters']}" if "parameters" in accepted else ""
    mail = Step(StepKind.LINE, f"MAIL FROM:{timeline['sender'] or _SOMEBODY}{parameters}")
    client, steps = _HERE, [Step(StepKind.GREETING)]
    for each in timeline["events"]:
        match each["event"]:
            case "opened":
                client = each["peer"]
            case "hello":
                steps.append(Step(StepKind.LINE, f"{each['verb']} {each['name']}", said=(Said(250, "hello.accepted"),)))
            case "answered":
                steps += _answered(each, mail, steps, int(timeline["size"] or 0))
            case "accepted":
                steps += [Step(StepKind.LINE, "DATA"), Step(StepKind.CONTENT, size=int(each["size"]))]
            case _:
                pass
    return RecordedSession(
        session_id=str(timeline["session"] or timeline["id"]), client=client, at=timeline["begun"], steps=tuple(steps)
    )


def _answered(event: Mapping[str, Any], mail: Step, before: Sequence[Step], size: int) -> list[Step]:
    command, argument = event["command"], event["argument"]
    said = (Said(int(event["reply"][:3]), event["cause"], event.get("rule"), event["reply"][4:]),)
    is_open = any(step.text.startswith("MAIL ") for step in before)
    match command:
        case "MAIL":
            return [Step(StepKind.LINE, f"MAIL FROM:{argument}", said=said)]
        case "RCPT":
            return [*([] if is_open else [mail]), Step(StepKind.LINE, f"RCPT TO:{argument}", said=said)]
        case "EHLO" | "HELO" | "LHLO":
            return [Step(StepKind.LINE, f"{command} {argument}", said=said)]
        case "DATA":
            return [Step(StepKind.LINE, "DATA", said=said)]
        case "message":
            return [Step(StepKind.LINE, "DATA"), Step(StepKind.CONTENT, size=size, said=said)]
        case _:
            return []


def _session(facts: Any) -> RecordedSession:
    steps = []
    for kind, value, said in facts["steps"]:
        kind = StepKind(kind)
        is_content = kind is StepKind.CONTENT
        replies = tuple(
            Said(int(code), str(cause), None if rule is None else str(rule), str(words))
            for code, cause, rule, words in said
        )
        size = int(value) if is_content else 0
        if size < 0:
            raise ValueError("a size is not negative")
        steps.append(Step(kind, "" if is_content else _one_line(str(value)), size, replies))
    dns = facts.get("dns")  # not in what was recorded before there were any
    left_out = int(facts.get("dns_left_out", 0))
    if left_out < 0:
        raise ValueError("a number is not negative")
    at = float(facts["at"])
    if not math.isfinite(at):
        raise ValueError("a time is a number")
    return RecordedSession(
        session_id=str(facts["session"]),
        client=str(facts["client"]),
        listener=str(facts["listener"]),
        at=at,
        steps=tuple(steps),
        answers=None if dns is None else tuple(map(decode_answer, dns)),
        left_out=0 if dns is None else left_out,
    )


def _one_line(text: str) -> str:
    if "\n" in text or "\r" in text:
        raise ValueError("a line has an end within")
    return text


def _dialogues(text: str) -> Iterator[RecordedSession]:
    """`C: …` lines as transcripts have them, sessions parted by empty lines, `# client: ADDRESS` and the like above."""
    heads: dict[str, str] = {}
    steps: list[Step] = []
    count = 0
    for line in (*text.splitlines(), ""):
        stripped = line.strip()
        header, title = _HEADER.fullmatch(stripped), _TITLE.fullmatch(stripped)
        if not stripped or (title is not None and steps):
            if steps:
                count += 1
                yield _dialogue(heads, steps, count)
            heads, steps = {}, []
        if title is not None:
            heads = {"session": title[1], "client": title[2]}
        elif header is not None and header[1] in _HEADERS:
            heads[header[1]] = header[2].strip()
        elif stripped.startswith(("C:", "--")):
            is_note = stripped.startswith("--")
            step = _step(stripped[2:].strip(), is_note=is_note, user=heads.get("user", ""))
            if step is not None:
                steps.append(step)


def _dialogue(heads: dict[str, str], steps: Sequence[Step], count: int) -> RecordedSession:
    return RecordedSession(
        session_id=heads.get("session", f"dialogue {count}"),
        client=heads.get("client", _HERE),
        listener=heads.get("listener", ""),
        steps=(Step(StepKind.GREETING), *steps),
    )
