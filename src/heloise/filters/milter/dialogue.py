"""What is said to one milter in one session, and what its answers mean. Pure: octets in, octets and a word out.

Theory of operation. Each method gives the octets of one step, with its macros before it, or None when the milter does
not want to hear of it or has accepted all that is left. After octets were sent, and when `awaits` is True, what comes
is given to `hear` until `outcome` has one: PROGRESS is none, and what is to be changed is collected until the word
about the message (`modifications`). An ACCEPT before MAIL holds for the session, one later for the transaction; a
refusal of RCPT for this recipient.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum

from heloise.filters.milter import packets
from heloise.filters.milter.negotiation import Agreement, MacroStage, Steps, agree, offer
from heloise.filters.milter.packets import (
    Answer,
    MilterProtocolError,
    Modification,
    Negotiated,
    PacketReader,
    ReplyText,
    Step,
    Word,
)


class Said(Enum):
    """What a milter makes of a step."""

    CONTINUE = "continue"
    ACCEPT = "accept"
    REJECT = "reject"
    TEMPFAIL = "tempfail"
    DISCARD = "discard"
    SHUTDOWN = "shutdown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answer to one step; `reply` has the milter's own words for a refusal, when it chose some."""

    said: Said
    reply: str | None = None


CONTINUE = Outcome(Said.CONTINUE)
_WORDS = {
    Word.CONTINUE: CONTINUE,
    Word.SKIP: CONTINUE,
    Word.ACCEPT: Outcome(Said.ACCEPT),
    Word.REJECT: Outcome(Said.REJECT),
    Word.TEMPFAIL: Outcome(Said.TEMPFAIL),
    Word.DISCARD: Outcome(Said.DISCARD),
    Word.SHUTDOWN: Outcome(Said.SHUTDOWN),
    Word.CONNECTION_FAILED: Outcome(Said.SHUTDOWN),
}
MOST_CHANGED = 128 << 20  # octets that a milter may have to say about one message; a whole body and more
_OF_SESSION = (Step.CONNECT, Step.HELO)
Macros = Mapping[str, str]


class Dialogue:
    """One connection with one milter. `open` comes first, `connect` and the others in the order of a session."""

    def __init__(self) -> None:
        self.agreement = Agreement()
        self.modifications: list[Modification] = []
        self._reader = PacketReader()
        self._due: Step | None = None
        self._accepted_session = False
        self._accepted_message = False
        self._skips_body = False
        self._in_message = False
        self._heard = 0  # octets of changes

    @property
    def awaits(self) -> bool:
        """Is an answer due?"""
        return self._due is not None

    # What is said

    def open(self) -> bytes:
        """Our offer."""
        self._due = Step.NEGOTIATE
        return offer()

    def connect(self, name: str, family: bytes, port: int, address: str, macros: Macros) -> bytes | None:
        """Who has connected. See `packets.connect`."""
        return self._step(Step.CONNECT, packets.connect(name, family, port, address), MacroStage.CONNECT, macros)

    def helo(self, name: str, macros: Macros) -> bytes | None:
        """The name of the client."""
        octets = packets.packet(Step.HELO, packets.strings([name.encode()]))
        return self._step(Step.HELO, octets, MacroStage.HELO, macros)

    def mail(self, words: Iterable[bytes], macros: Macros) -> bytes | None:
        """A transaction begins: the reverse path in brackets, then its parameters."""
        self._in_message, self._accepted_message, self._skips_body = True, False, False
        self.modifications.clear()
        self._heard = 0
        return self._step(Step.MAIL, packets.packet(Step.MAIL, packets.strings(words)), MacroStage.MAIL, macros)

    def rcpt(self, words: Iterable[bytes], macros: Macros) -> bytes | None:
        """One recipient, likewise."""
        return self._step(Step.RCPT, packets.packet(Step.RCPT, packets.strings(words)), MacroStage.RCPT, macros)

    def refused(self, words: Iterable[bytes], macros: Macros) -> bytes | None:
        """A recipient who is refused already, for a milter that has asked for those; its answer changes nothing."""
        return self.rcpt(words, macros) if self.agreement.steps & Steps.REFUSED_RCPT else None

    def data(self, macros: Macros) -> bytes | None:
        """The client is about to send the content."""
        return self._step(Step.DATA, packets.packet(Step.DATA), MacroStage.DATA, macros)

    def header(self, name: bytes, value: bytes) -> bytes | None:
        """One field; `value` is all behind the colon, folded by CRLF or not."""
        if not self.agreement.steps & Steps.LEADING_SPACE:
            value = value.removeprefix(b" ")  # one, and no tab, as Postfix does
        data = packets.strings([name, value.replace(b"\r\n", b"\n")])
        return self._step(Step.HEADER, packets.packet(Step.HEADER, data))

    def end_of_header(self, macros: Macros) -> bytes | None:
        """The empty line."""
        octets = packets.packet(Step.END_OF_HEADER)
        return self._step(Step.END_OF_HEADER, octets, MacroStage.END_OF_HEADER, macros)

    def body(self, octets: bytes) -> bytes | None:
        """The next piece, at most `packets.LARGEST_CHUNK` octets."""
        return None if self._skips_body else self._step(Step.BODY, packets.packet(Step.BODY, octets))

    def end_of_message(self, macros: Macros) -> bytes | None:
        """All is said: the word about the message is due, and what is to be changed before it."""
        octets = packets.packet(Step.END_OF_MESSAGE)
        return self._step(Step.END_OF_MESSAGE, octets, MacroStage.END_OF_MESSAGE, macros)

    def unknown(self, line: bytes) -> bytes | None:
        """A command that nobody knows."""
        return self._step(Step.UNKNOWN, packets.packet(Step.UNKNOWN, packets.strings([line])))

    def abort(self) -> bytes | None:
        """The transaction is over without the word about its message. It is not answered."""
        if not self._in_message:
            return None
        self._end_of_message()
        return packets.packet(Step.ABORT)

    def quit(self) -> bytes:
        """The session is over. It is not answered."""
        self._due = None
        return packets.packet(Step.QUIT)

    def _step(
        self, step: Step, octets: bytes, stage: MacroStage | None = None, macros: Macros | None = None
    ) -> bytes | None:
        if self._due is not None:
            raise MilterProtocolError(f"{step.name} while the answer to {self._due.name} is due")
        if self._accepted_session or (self._accepted_message and step not in _OF_SESSION):
            return None
        if not self.agreement.wants(step):
            return None
        if self.agreement.answers(step):
            self._due = step
        if stage is None or not macros:
            return octets
        wanted = self.agreement.macros.get(stage)
        told = macros.items() if wanted is None else [(name, macros[name]) for name in wanted if name in macros]
        return packets.macros(step, told) + octets

    # What is heard

    def hear(self, octets: bytes) -> None:
        """Octets from the milter."""
        self._reader.feed(octets)

    def outcome(self) -> Outcome | None:
        """The answer that is due; None when it is not all here. Raises MilterProtocolError."""
        while True:
            answer = self._reader.next_answer()
            if answer is None:
                return None
            if self._due is None:
                raise MilterProtocolError(f"an answer to nothing: {answer}")
            found = self._take(self._due, answer)
            if found is not None:
                self._due = None
                return found

    @property
    def progress(self) -> int:
        """A number that changes with what is heard: whoever waits begins anew then."""
        return self._reader.answers

    def _take(self, step: Step, answer: Answer) -> Outcome | None:
        if (step is Step.NEGOTIATE) != isinstance(answer, Negotiated):
            raise MilterProtocolError(f"no answer to {step.name}: {answer}")
        match answer:
            case Negotiated():
                self.agreement = agree(answer)
                return CONTINUE
            case Word.PROGRESS:
                return None
            case Word():
                return self._decided(step, answer, _WORDS[answer])
            case ReplyText(text):
                return self._in_own_words(step, text)
            case _:
                if step is not Step.END_OF_MESSAGE or not self.agreement.allows(answer):
                    raise MilterProtocolError(f"{type(answer).__name__} at {step.name} was not agreed upon")
                self._heard += sum([len(part) for part in _parts(answer)])
                if self._heard > MOST_CHANGED:
                    raise MilterProtocolError(f"more than {MOST_CHANGED} octets of changes")
                self.modifications.append(answer)
                return None

    def _in_own_words(self, step: Step, text: str) -> Outcome:
        if text[:1] not in ("4", "5"):
            raise MilterProtocolError(f"a reply that refuses nothing: {text!r}")
        word = Word.TEMPFAIL if text[0] == "4" else Word.REJECT
        return self._decided(step, word, Outcome(_WORDS[word].said, text))

    def _decided(self, step: Step, word: Word, outcome: Outcome) -> Outcome:
        if word is Word.SKIP:
            if step is not Step.BODY:
                raise MilterProtocolError(f"SKIP at {step.name}")
            self._skips_body = True
        elif step in _OF_SESSION:
            self._accepted_session = word in (Word.ACCEPT, Word.DISCARD)
        elif word is not Word.CONTINUE and (step is not Step.RCPT or word in (Word.ACCEPT, Word.DISCARD)):
            self._accepted_message = True
        if step is Step.END_OF_MESSAGE:
            self._end_of_message()
        return outcome

    def _end_of_message(self) -> None:
        self._in_message = self._accepted_message = self._skips_body = False
        self._due = None


def _parts(answer: Modification) -> list[str | bytes]:
    """What it costs to keep."""
    values = [getattr(answer, name) for name in answer.__slots__]
    return [*[value for value in values if isinstance(value, str | bytes)], "        "]
