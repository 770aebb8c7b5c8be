"""Plays dialogues: the client's lines against the server engine, the server's lines against the client engine.

In memory: no sockets, no time. Each can be played with its octets cut into pieces of any width.
"""

import re
from collections.abc import Iterator
from itertools import groupby

from heloise.mail.content import ContentFacts
from heloise.mail.encryption import Encryption
from heloise.mail.envelope import Envelope, Recipient
from heloise.mail.reply import Reply
from heloise.smtp import replies
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import ContentWanted, ConversationReady, TransactionDone
from heloise.smtp.command import Mail, Rcpt, parse_command
from heloise.smtp.data import TextDecoder
from heloise.smtp.events import (
    ClientProposed,
    CommandProposed,
    ConnectionProposed,
    ContentProposed,
    ContentReceived,
    CredentialsProposed,
    Event,
    ExpandProposed,
    HelloProposed,
    MailProposed,
    MessageProposed,
    Proposal,
    QueueRunProposed,
    RecipientProposed,
    SessionEnded,
    StatusProposed,
    TlsProposed,
    TransactionReset,
    TurnProposed,
    VerifyProposed,
)
from heloise.smtp.extension import FOR_SPOKESMEN
from heloise.smtp.limits import AuthRules
from heloise.smtp.registry import Registry
from heloise.smtp.sasl.exchange import MECHANISMS
from heloise.smtp.sasl.mechanism import KeysWanted, PasswordOffered, Proven
from heloise.smtp.sasl.scram import make_keys
from heloise.smtp.server import ServerSession, content_facts
from heloise.testing.dialogue import CLOSED, HOSTNAME, REST, Dialogue, DialogueMismatchError, Line, read_reply

_PASSWORD = "sesame"  # of everybody
_ENCRYPTION = Encryption("TLSv1.3", "DIALOGUE")  # after 220 to STARTTLS the handshake is done at once
_TEXT_BEGINS = re.compile(r"3[0-9][0-9]")


# The server engine


def play_server(dialogue: Dialogue, registry: Registry, *, width: int | None = None) -> None:
    """Play the client's part against the server engine; its octets come in pieces of `width`, or a group at once.

    Raises:
        DialogueMismatchError: the engine says something else, or says too much.
    """
    player = _ServerPlayer(dialogue, registry)
    for heard, lines in groupby(dialogue.lines, key=lambda line: line.kind == "S:"):
        if heard:
            for line in lines:
                player.expect(line)
        else:
            player.say(b"".join(line.octets for line in lines), width)
    player.expect_nothing()


class _ServerPlayer:
    """The server engine, its driver's answers, and what it said."""

    def __init__(self, dialogue: Dialogue, registry: Registry) -> None:
        self._dialogue = dialogue
        self._session = ServerSession(
            hostname=HOSTNAME,
            registry=registry,
            limits=dialogue.limits,
            permitted=registry.keywords - dialogue.without - (frozenset() if dialogue.spokesman else FOR_SPOKESMEN),
            lmtp=dialogue.lmtp,
            takes_mail=dialogue.takes_mail,
            auth=AuthRules(
                mechanisms=() if dialogue.auth is None else MECHANISMS,
                in_clear="clear" in (dialogue.auth or ()),
                is_required="required" in (dialogue.auth or ()),
            ),
            auth_nonce="dialogue",
        )
        self._said: list[str] = []
        self._ended = False
        self._unfinished = False  # the last line heard was not the last of its reply
        self._run()

    def say(self, octets: bytes, width: int | None) -> None:
        if self._said:
            raise DialogueMismatchError(f"the server also said {self._said[0]!r}")
        width = width or len(octets)
        for start in range(0, len(octets), width):
            self._session.receive_data(octets[start : start + width])
            self._run()

    def expect(self, line: Line) -> None:
        if line.text == CLOSED:
            if not self._ended or self._said:
                raise DialogueMismatchError(f"line {line.number}: the session goes on {self._said}")
            return
        if line.text == REST:
            while self._unfinished:
                self._next(line)
            return
        said = self._next(line)
        if said != line.text[:-1] if line.text.endswith("$") else not said.startswith(line.text):
            raise DialogueMismatchError(f"line {line.number}: the server said {said!r}, {line.text!r} was due")

    def expect_nothing(self) -> None:
        if self._said:
            raise DialogueMismatchError(f"at the end the server also said {self._said}")

    def _next(self, line: Line) -> str:
        if not self._said:
            raise DialogueMismatchError(f"line {line.number}: the server said nothing, {line.text!r} was due")
        said = self._said.pop(0)
        self._unfinished = said[3:4] == "-"
        return said

    def _run(self) -> None:
        while (event := self._session.next_event()) is not None:
            self._take(event)
        octets = self._session.data_to_send()
        if self._session.is_securing:
            self._session.secured(_ENCRYPTION)
        if octets:
            self._said += octets.decode().removesuffix("\r\n").split("\r\n")

    def _take(self, event: Event) -> None:
        match event:
            case ContentReceived() | TransactionReset():
                pass
            case SessionEnded():
                self._ended = True
            case MessageProposed(envelope=envelope):
                count = len(envelope.recipients) if self._dialogue.lmtp else 1
                self._session.resolve(event, *[self._answer(event)] * count)
            case _:
                self._session.resolve(event, self._answer(event))

    def _answer(self, proposal: Proposal) -> Reply:
        words, usual = _words_and_usual_answer(proposal)
        for pattern, reply in self._dialogue.answers:
            if re.match(".*".join(map(re.escape, pattern.split("*"))), words):
                return reply
        return usual


def _words_and_usual_answer(proposal: Proposal) -> tuple[str, Reply]:
    """What an `# answer:` pattern is compared with, and what is said when there is none."""
    match proposal:
        case ConnectionProposed():
            return "CONNECT", replies.greeting(HOSTNAME, "ESMTP")
        case HelloProposed(command=command, reply=reply):
            return command.encode().decode().strip(), reply
        case MailProposed(command=command):
            return command.encode().decode().strip(), replies.SENDER_OK
        case RecipientProposed(command=command):
            return command.encode().decode().strip(), replies.RECIPIENT_OK
        case ContentProposed():
            return "DATA", replies.GO_AHEAD
        case MessageProposed():
            return "MESSAGE", replies.message_taken("0")
        case VerifyProposed(text=text):
            return f"VRFY {text}", read_reply("252 2.1.5 can not tell")
        case ExpandProposed(text=text):
            return f"EXPN {text}", read_reply("550 5.1.1 no such list")
        case QueueRunProposed(kind=kind, node=node):
            return f"ETRN {kind}{node}", read_reply("251 2.0.0 nothing waiting")
        case TurnProposed(domains=domains):
            return f"ATRN {','.join(domains)}".strip(), replies.turned_around(domains)
        case ClientProposed(claim=claim):
            return f"XCLIENT {claim}", replies.greeting(HOSTNAME, "ESMTP")
        case TlsProposed():
            return "STARTTLS", replies.TLS_GO_AHEAD
        case CredentialsProposed(mechanism=mechanism, question=KeysWanted(user=user), exchange=exchange):
            keys = make_keys(_PASSWORD, salt=b"dialogue", iterations=4096)
            return f"{mechanism} keys of {user}", replies.auth_challenge(exchange.supply(keys).octets)
        case CredentialsProposed(mechanism=mechanism, question=PasswordOffered(user=user, password=password)):
            words = f"{mechanism} {user} {password}"
            return words, replies.AUTH_ACCEPTED if password == _PASSWORD else replies.AUTH_REFUSED
        case CredentialsProposed(mechanism=mechanism, question=Proven(user=user, is_genuine=is_genuine)):
            return f"{mechanism} {user}", replies.AUTH_ACCEPTED if is_genuine else replies.AUTH_REFUSED
        case CredentialsProposed():
            raise AssertionError("there is no other question")
        case CommandProposed(command=plain, reply=reply):
            return f"{plain.verb} {plain.argument}".strip(), reply
        case StatusProposed():
            return "HELP STATUS", read_reply("211 2.0.0 up")


# The client engine


def play_client(dialogue: Dialogue, registry: Registry, *, width: int | None = None) -> None:
    """Play the server's part against the client engine, which has to say each line of the client.

    Raises:
        DialogueMismatchError: the engine says something else, or says too much.
        ValueError: the dialogue is not mirrored.
    """
    if dialogue.mirrored is None:
        raise ValueError("this dialogue has no # mirrored: line")
    player = _ClientPlayer(ClientSession(dialogue.mirrored, registry), list(_transactions(dialogue)))
    for said, lines in groupby(dialogue.lines, key=lambda line: line.kind == "S:"):
        if said:
            words = [line.text.removesuffix("$") for line in lines if line.text != CLOSED]
            player.hear("".join(f"{text}\r\n" for text in words).encode(), width)
        else:
            player.expect(list(lines))
    player.expect([])


class _ClientPlayer:
    """The client engine, and what it is to send."""

    def __init__(self, session: ClientSession, messages: list[tuple[Envelope, bytes]]) -> None:
        self._session = session
        self._messages = messages
        self._content = b""

    def hear(self, octets: bytes, width: int | None) -> None:
        width = width or max(len(octets), 1)
        for start in range(0, len(octets), width):
            self._session.receive_data(octets[start : start + width])
            self._run()

    def expect(self, lines: list[Line]) -> None:
        due = b"".join(line.octets for line in lines)
        said = self._session.data_to_send()
        if said != due:
            place = f"line {lines[0].number}" if lines else "at the end"
            raise DialogueMismatchError(f"{place}: the client said {said!r}, {due!r} was due")

    def _run(self) -> None:
        while (event := self._session.next_event()) is not None:
            match event:
                case ConversationReady() | TransactionDone():
                    self._begin()
                case ContentWanted():
                    self._session.send_content(self._content)
                    self._session.finish_content()
                case _:
                    pass

    def _begin(self) -> None:
        if self._messages and self._session.usable:
            envelope, self._content = self._messages.pop(0)
            facts = content_facts(self._content) if self._content else ContentFacts(size=0)
            self._session.begin(envelope, facts)
        else:
            self._session.quit()


def _transactions(dialogue: Dialogue) -> Iterator[tuple[Envelope, bytes]]:
    """The messages the client sends in a dialogue, read from its own lines."""
    mail: Mail | None = None
    recipients: list[Recipient] = []
    text: list[bytes] | None = None
    for line in dialogue.lines:
        if line.kind == "S:":
            if _TEXT_BEGINS.match(line.text):
                text = []
            continue
        if text is not None:
            text.append(line.octets)
            if line.text == ".":
                assert mail is not None
                yield _envelope(mail, recipients), TextDecoder().feed(b"".join(text))[0]
                mail, text = None, None
            continue
        command = parse_command(line.text.encode())
        if isinstance(command, Mail):
            if mail is not None:
                yield _envelope(mail, recipients), b""
            mail, recipients = command, []
        elif isinstance(command, Rcpt):
            recipients.append(Recipient(command.forward_path, command.parameters))
    if mail is not None:
        yield _envelope(mail, recipients), b""


def _envelope(mail: Mail, recipients: list[Recipient]) -> Envelope:
    kept = mail.parameters.without("SIZE", "BODY")  # the client makes these itself, from the content
    return Envelope(reverse_path=mail.reverse_path, parameters=kept, recipients=tuple(recipients))
