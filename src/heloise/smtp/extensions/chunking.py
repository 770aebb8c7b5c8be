"""CHUNKING: BDAT, content in counted chunks without dots. RFC 3030 §2.

Promises: the octets of a chunk are always read, also those of one that is refused, so that content is never taken for
commands. The engine runs the verb (kind CHUNK); this file has its place in the state table.
"""

from heloise.smtp.extension import Extension, ServerView, VerbKind, VerbSpec
from heloise.smtp.states import ServerState

KEYWORD = "CHUNKING"


def advertise(view: ServerView) -> str:
    """No arguments. RFC 3030 §2."""
    return KEYWORD


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 3030",
    summary="takes content in counted chunks",
    advertise=advertise,
    verbs=(
        VerbSpec(
            verb="BDAT",
            kind=VerbKind.CHUNK,
            transitions={
                ServerState.RECIPIENTS: ServerState.CHUNKS,
                ServerState.CHUNKS: ServerState.CHUNKS,
            },
            form="BDAT size [LAST]",
            summary="size octets of the message follow this line; with LAST it is complete",
            ends_group=False,
        ),
    ),
)
