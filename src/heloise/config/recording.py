"""The section `[recording]`: sessions kept to be played again with another configuration."""

from dataclasses import dataclass

from heloise.config.kinds import AbsolutePath


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """`[recording]`: keep what clients say, and what the DNS tells the checks about them, for `heloise what-if`; of
    messages only the size, and no password."""

    file: AbsolutePath | None = None
    """A file that gets a line of JSON for each session that has ended. Nothing is recorded without it."""

    sessions: int = 10_000
    """So many in a run of the server, then no more; with several `processes`, each has its part."""
