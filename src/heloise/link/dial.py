"""Connect, hear the greeting, say hello: the way to a `Conversation`. RFC 5321 §3.1, §3.2, §4.5.4.1.

What goes wrong is a value, `DialFailure`, with the words of the peer or ours in its place. A server that hangs up on
EHLO is connected to once more and spoken to with HELO; one whose TLS does not work once more in plaintext, if that is
allowed.
"""

from base64 import b64encode
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import TypeAlias

from heloise.link.converse import Conversation
from heloise.mail.outcome import Stage
from heloise.mail.reply import Reply
from heloise.smtp import client_replies
from heloise.smtp.client import ClientSession
from heloise.smtp.client_events import ConversationReady, ConversationRefused
from heloise.smtp.extension import Extension
from heloise.smtp.transaction import ClientOptions
from heloise.smtp.transcript import Recorder
from heloise.world import (
    NO_TLS,
    Blocking,
    ClientTls,
    Endpoint,
    LinkError,
    LinkFault,
    OutgoingTls,
    Stream,
    TlsLevel,
    UnixEndpoint,
    World,
)

_NONCE = 18  # octets; as base64 it has no "="
CONNECT_TIMEOUT = 30.0  # seconds; RFC 5321 has none, hosts give up after two minutes


@dataclass(frozen=True, slots=True, kw_only=True)
class DialFailure:
    """There is no conversation: how far it came, and why.

    `fault` is set when no connection came about; `said_by_peer` when `reply` are the peer's own words.
    """

    stage: Stage
    reply: Reply
    fault: LinkFault | None = None
    said_by_peer: bool = False


Dialled: TypeAlias = Conversation | DialFailure


async def dial(
    world: World,
    endpoint: Endpoint | UnixEndpoint,
    options: ClientOptions,
    registry: Iterable[Extension],
    *,
    recorder: Recorder | None = None,
    connect_timeout: float = CONNECT_TIMEOUT,
    progress: Callable[[Reply], None] | None = None,
    tls: OutgoingTls = NO_TLS,
    server_name: str | None = None,
    tls_first: bool = False,
) -> Dialled:
    """A conversation with `endpoint` that can take a transaction, or why there is none.

    Args:
        world: whose network is used.
        endpoint: where to.
        options: how to speak.
        registry: the extensions.
        recorder: is told what is said.
        connect_timeout: in seconds, for the connection alone; the other waits are in `options`.
        progress: is called with each 050 line during a transaction (`ClientOptions.verbose`).
        tls: how the connection is protected; on a Unix socket it is not.
        server_name: the host as it was named, for its certificate; that of `endpoint` when it is not given.
        tls_first: shake hands before anything is said (RFC 8314 §3), and never go on in plaintext.
    """
    demand = None
    if isinstance(endpoint, Endpoint) and (tls.level is not TlsLevel.NONE or tls_first):
        demand = tls.demand(server_name or endpoint.host)
        options = replace(options, starttls=True, tls_required=tls.is_required or tls_first)
    while True:
        try:
            stream = await world.network.connect(endpoint, timeout=connect_timeout)
        except LinkError as error:
            failure = _not_connected(error, connect_timeout)
            _note(recorder, f"{endpoint}: {failure.reply.text}")
            return failure
        _note(recorder, f"connected to {endpoint}")
        nonce = "" if options.login is None else b64encode(world.entropy.octets(_NONCE)).decode()
        session = ClientSession(options, registry, recorder=recorder, nonce=nonce)
        conversation = Conversation(session, stream, quit_timeout=options.timeouts.quit, progress=progress)
        answer = await _hello(conversation, demand, tls_first=tls_first, blocking=world.blocking)
        if isinstance(answer, ConversationReady):
            return conversation
        if answer.start_over_in_plaintext:
            _note(recorder, "TLS does not work: once more, in plaintext")
            options = replace(options, starttls=False)
            continue
        if not answer.start_over_with_helo:
            return DialFailure(stage=answer.stage, reply=answer.reply, said_by_peer=answer.said_by_peer)
        _note(recorder, "the connection was dropped at EHLO: once more, with HELO")
        options = replace(options, start_with_helo=True)


async def converse_over(
    stream: Stream, options: ClientOptions, registry: Iterable[Extension], *, recorder: Recorder | None = None
) -> Dialled:
    """As `dial`, on a connection that is there already: one that was turned around (RFC 2645 §5.3)."""
    session = ClientSession(options, registry, recorder=recorder)
    conversation = Conversation(session, stream, quit_timeout=options.timeouts.quit)
    answer = await _hello(conversation)
    if isinstance(answer, ConversationReady):
        return conversation
    return DialFailure(stage=answer.stage, reply=answer.reply, said_by_peer=answer.said_by_peer)


async def _hello(
    conversation: Conversation,
    tls: ClientTls | None = None,
    *,
    tls_first: bool = False,
    blocking: Blocking | None = None,
) -> ConversationReady | ConversationRefused:
    """Greeting and hello; the connection is closed when they lead nowhere."""
    try:
        answer = await conversation.hello(tls, tls_first=tls_first, blocking=blocking)
    except BaseException:
        conversation.abort()
        raise
    if isinstance(answer, ConversationRefused):
        await conversation.quit()  # RFC 5321 §3.1: also a refused client says QUIT
    return answer


def _not_connected(error: LinkError, seconds: float) -> DialFailure:
    if error.fault is LinkFault.TIMED_OUT:
        reply = client_replies.connect_timed_out(seconds)
    else:
        reply = client_replies.not_connected(str(error))
    return DialFailure(stage=Stage.CONNECT, reply=reply, fault=error.fault)


def _note(recorder: Recorder | None, text: str) -> None:
    if recorder is not None:
        recorder.note(text)
