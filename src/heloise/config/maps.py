"""The section `[[map]]`: names that stand elsewhere, in a text file or a database."""

# ruff: noqa: RUF009  (all defaults are immutable)

from dataclasses import dataclass

from heloise.config.kinds import AbsolutePath, Seconds
from heloise.routing.tables import Supplies


@dataclass(frozen=True, slots=True, kw_only=True)
class Map:
    """`[[map]]`: names in a text file, in SQLite or in PostgreSQL. There may be several; the first that has a name
    counts, and what stands in this file counts before a text file."""

    supplies: Supplies
    """What it supplies. "aliases": the values are targets; "forwards": the value is the new address; "users": the value
    is a mailbox ("alice"), a route ("lmtp:unix:/run/lmtp") or nothing, for a mailbox called like the name. "domains"
    are local domains like those of [local]; "virtual_domains" are local domains in which only whole addresses
    ("alice@example.org") are known."""

    file: AbsolutePath | None = None
    """A text file like /etc/aliases: a line "name: value, value" for each, lines that begin with a blank go on, "#"
    begins a comment. For domains a name a line. It is read again when it changes; one that can not be read, or has a
    bad line, is told in the log, and what was read before still holds."""

    sqlite: AbsolutePath | None = None
    """A database of SQLite, which is asked by `query`."""

    postgresql: str | None = None
    """A database of PostgreSQL, "postgresql://user@host/database" or "postgresql:///database?host=/run/postgresql",
    which is asked by `query`. Needs the extra: pip install "heloise[postgresql]"."""

    query: str | None = None
    """One SELECT, with :name for what is asked for: first the whole address ("alice@example.org"), then the local part
    alone; for domains the domain; always in lower case. Of each row the first column is a value."""

    tell: bool = False
    """For forwards: refuse by 551 and say where to, instead of sending on with 251."""

    keep: Seconds = Seconds(5.0)
    """So long an answer of a database holds; 0 asks for every recipient."""

    timeout: Seconds = Seconds(5.0)
    """So long a database may take to answer; then the client gets 451 4.3.0."""
