"""Sections about programs of others that look at mail: `[[milter]]`, `[rspamd]`."""

# ruff: noqa: RUF009  (all defaults are immutable)

from collections.abc import Mapping
from dataclasses import dataclass, field

from heloise.config.kinds import AgentName, Octets, Seconds
from heloise.filters.trouble import DefaultAction
from heloise.world.network import AnyEndpoint


@dataclass(frozen=True, slots=True, kw_only=True)
class Milter:
    """`[[milter]]`: a mail filter that speaks sendmail's milter protocol, such as OpenDKIM. There may be several: they
    are asked in this order, each about the message as the one before has left it."""

    name: AgentName
    """For the log and the causes of replies: "opendkim"."""

    address: AnyEndpoint
    """Where it listens: "127.0.0.1:8891" or "unix:/run/opendkim/opendkim.sock"."""

    default_action: DefaultAction = DefaultAction.TEMPFAIL
    """What mail meets while the filter can not be reached, is silent or says nonsense: "tempfail" (451), "accept" (as
    if it were not there), "reject" (550), or "quarantine" (taken, and held in the queue)."""

    connect_timeout: Seconds = Seconds(30)
    """How long to wait for a connection."""

    command_timeout: Seconds = Seconds(30)
    """How long for the answer to a command."""

    content_timeout: Seconds = Seconds(300)
    """How long for the answer to a piece of the message."""

    message_timeout: Seconds = Seconds(300)
    """How long for the word about the whole message; it may say that it is still at work, and has the time anew. No
    longer than nine and a half minutes in all, since the client waits for ten."""

    listeners: tuple[AnyEndpoint, ...] = ()
    """Only for mail that comes in there: addresses as [[listener]] has them. None for all."""

    macros: Mapping[str, str] = field(default_factory=dict)
    """Macros told at the connection, beside and in place of the usual ones: { "{daemon_name}" = "ORIGINATING" }."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rspamd:
    """`[rspamd]`: have each message judged by rspamd. Its actions are followed, header fields that it wants added or
    removed are."""

    url: str | None = None
    """Where its worker listens: "http://127.0.0.1:11333". Without it there is none."""

    password: str | None = None
    """When the worker asks for one."""

    timeout: Seconds = Seconds(30)
    """How long a message may take."""

    max_size: Octets = Octets(20 << 20)
    """Larger messages pass without being judged."""

    default_action: DefaultAction = DefaultAction.TEMPFAIL
    """What mail meets while rspamd does not answer: as for [[milter]]."""
