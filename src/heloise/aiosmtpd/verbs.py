"""The registry of the adapter: extensions, with AUTH by the handler's mechanisms."""

from functools import lru_cache

from heloise.aiosmtpd.authenticating import VERB as AUTH
from heloise.aiosmtpd.authenticating import open_auth
from heloise.smtp.extension import Extension, VerbKind, VerbSpec
from heloise.smtp.registry import Registry, discover
from heloise.smtp.states import ServerState

ASKED = frozenset({"RSET", "NOOP", "QUIT", "HELP"})


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


@lru_cache(maxsize=1)
def registry() -> Registry:
    """All there are, but AUTH is the handler's matter."""
    return Registry([*(each for each in discover() if each.keyword != AUTH), _AUTH])
