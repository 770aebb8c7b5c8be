"""`heloise etrn`: ask a server to deliver now what waits there. RFC 1985, the client's part."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from heloise.link.dial import DialFailure, dial
from heloise.mail.reply import Reply
from heloise.smtp.command import Plain, Verb
from heloise.smtp.extension import Extension
from heloise.smtp.transaction import ClientOptions
from heloise.smtp.transcript import Recorder
from heloise.world import Endpoint, UnixEndpoint, World


@dataclass(frozen=True, slots=True)
class NodeAnswer:
    """What was said about one node; not `said_by_peer` when the link was lost."""

    node: str
    reply: Reply
    said_by_peer: bool

    @property
    def is_started(self) -> bool:
        """Is its mail on its way, or was there none?"""
        return self.reply.code < 400


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What came of it: an answer for each node that was asked for, or why nothing was asked."""

    answers: tuple[NodeAnswer, ...] = ()
    failure: DialFailure | None = None
    offered: bool = True


async def ask_etrn(
    world: World,
    endpoint: Endpoint | UnixEndpoint,
    options: ClientOptions,
    registry: Iterable[Extension],
    nodes: Sequence[str],
    *,
    recorder: Recorder | None = None,
    connect_timeout: float = 30.0,
) -> Asked:
    """Say ETRN for each of `nodes`, in order, as long as the server is there.

    A server that does not offer ETRN is not asked (RFC 1985 §4).
    """
    dialled = await dial(world, endpoint, options, registry, recorder=recorder, connect_timeout=connect_timeout)
    if isinstance(dialled, DialFailure):
        return Asked(failure=dialled)
    answers: list[NodeAnswer] = []
    try:
        if not dialled.offers.has(Verb.ETRN):
            return Asked(offered=False)
        for node in nodes:
            if not dialled.usable:
                break
            said = await dialled.ask(Plain(Verb.ETRN, node))
            answers.append(NodeAnswer(node, said.reply, said.said_by_peer))
    finally:
        await dialled.quit()
    return Asked(answers=tuple(answers))
