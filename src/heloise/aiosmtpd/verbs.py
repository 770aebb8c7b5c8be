"""The registry of the adapter: extensions, with AUTH by the handler's mechanisms, and `smtp_` methods as verbs."""

from functools import lru_cache

from heloise.aiosmtpd.authenticating import VERB as AUTH
from heloise.aiosmtpd.authenticating import open_auth
from heloise.smtp import replies
from heloise.smtp.command import Command, Plain
from heloise.smtp.events import CommandProposed
from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.registry import Registry, discover
from heloise.smtp.states import ANYWHERE, ServerState

ASKED = frozenset({"RSET", "NOOP", "QUIT", "HELP"})
OWN = "X-HELOISE-AIOSMTPD"  # keyword of the verbs that are methods; never offered


def _method(view: ServerView, command: Command) -> CommandProposed:
    assert isinstance(command, Plain)
    return CommandProposed(command, replies.COMMAND_UNKNOWN)


_AUTH = Extension(
    keyword=AUTH,
    rfc="RFC 4954",
    summary="proves who the client is, to a handler",
    verbs=(
        VerbSpec(
            verb=AUTH,
            kind=VerbKind.DIALOGUE,
            transitions={ServerState.READY: ServerState.AUTHENTICATING},
            form="AUTH <mechanism>",
            summary="prove who you are",
            open=open_auth,
        ),
    ),
)


@lru_cache(maxsize=64)
def registry_with(verbs: frozenset[str]) -> Registry:
    """With these verbs besides, or in the place of an extension's."""
    kept = [
        each for each in _built_in() if each.keyword != AUTH and not {spec.verb for spec in each.verbs} & set(verbs)
    ]
    specs = tuple(
        VerbSpec(
            verb=verb,
            kind=VerbKind.LINE,
            transitions={state: state for state in ANYWHERE},
            form=verb,
            summary="a method of the server",
            answer=_method,
        )
        for verb in sorted(verbs)
    )
    own = Extension(keyword=OWN, rfc="", summary="methods of the server", verbs=specs)
    return Registry([*kept, _AUTH, own])


@lru_cache(maxsize=1)
def _built_in() -> tuple[Extension, ...]:
    return tuple(discover())
