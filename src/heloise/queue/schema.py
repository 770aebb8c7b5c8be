"""The tables of a SQLite store, and their migrations. The format has a number; a newer one is refused, not guessed at.

`path` is a path as on the wire, `parameters` its ESMTP parameters: a new extension never changes the schema. `domain`
is the recipient's domain with its labels reversed and a dot at the end (`org.example.`), so that a domain with all
its subdomains is one range of the index (ETRN @domain, RFC 1985 §5.1).

A message has the number of its first recipient, and its recipients are numbered one after the other: so they are a
range of their own table, without an index. `recipients` is how many there were, `pending` how many have not ended.
The index of what is due is partial: a message that is handed over at once costs nothing there.
"""

from functools import lru_cache

import apsw

from heloise.queue.errors import StoreFault

MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        """CREATE TABLE message(
            id INTEGER PRIMARY KEY,
            message_id TEXT NOT NULL UNIQUE,
            path TEXT NOT NULL,
            parameters TEXT NOT NULL,
            origin TEXT NOT NULL,
            hints TEXT,
            size INTEGER NOT NULL,
            eight_bit INTEGER NOT NULL,
            is_binary INTEGER NOT NULL,
            accepted_at REAL NOT NULL,
            recipients INTEGER NOT NULL,
            pending INTEGER NOT NULL,
            spool TEXT
        ) STRICT""",
        "CREATE TABLE content(message INTEGER PRIMARY KEY, octets BLOB NOT NULL) STRICT",
        """CREATE TABLE recipient(
            id INTEGER PRIMARY KEY,
            message INTEGER NOT NULL,
            path TEXT NOT NULL,
            parameters TEXT NOT NULL,
            route TEXT NOT NULL,
            domain TEXT NOT NULL,
            state INTEGER NOT NULL,
            due REAL NOT NULL,
            attempts INTEGER NOT NULL,
            last_word TEXT
        ) STRICT""",
        "CREATE INDEX message_spool ON message(spool) WHERE spool IS NOT NULL",
        "CREATE INDEX recipient_due ON recipient(due) WHERE state = 0",
        "CREATE INDEX recipient_domain ON recipient(state, domain)",
    ),
    # What senders are still to be told, see queue.owed. Nearly always empty.
    (
        """CREATE TABLE owed(
            recipient INTEGER PRIMARY KEY,
            message INTEGER NOT NULL,
            ended INTEGER NOT NULL,
            report TEXT NOT NULL
        ) STRICT""",
    ),
)
FORMAT = len(MIGRATIONS)

# Not in the file, but in each connection that deletes: whatever belongs to a message goes with it in one statement, for
# which the thread lets go of the interpreter once. Of its last numbers some may be those of another message by now,
# when an operator removed them.
GOES_WITH_ITS_MESSAGE = """CREATE TEMP TRIGGER goes_with_its_message AFTER DELETE ON main.message BEGIN
    DELETE FROM recipient WHERE id >= OLD.id AND id < OLD.id + OLD.recipients AND message = OLD.id;
    DELETE FROM content WHERE message = OLD.id;
END"""


def migrate(connection: apsw.Connection) -> None:
    """Bring a store to the format of this program, one migration a transaction.

    Raises:
        StoreFault: the store was written by a newer program.
    """
    found = int(connection.pragma("user_version"))
    if found > FORMAT:
        raise StoreFault(f"the queue has format {found}, this program knows up to {FORMAT}: use a newer heloise")
    for number, statements in enumerate(MIGRATIONS[found:], start=found + 1):
        with connection:
            for statement in statements:
                connection.execute(statement)
            connection.pragma("user_version", number)


@lru_cache(maxsize=4096)
def domain_key(domain: str | None) -> str:
    """`example.org` → `org.example.`; an address literal and the bare Postmaster keep their own form."""
    if domain is None:
        return ""
    if domain.startswith("["):
        return domain.lower()
    return ".".join(reversed(domain.lower().split("."))) + "."
