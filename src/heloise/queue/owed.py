"""What senders are still to be told: the recipients of one message that end in one round share a report.

A row here is written with the outcome that it tells of, and deleted with the report that tells it, each time in one
transaction: so after a crash it is known what is owed, and nothing is told twice. A recipient that has ended but is
owed a report still counts as pending, so the message and its content stay until then. Rows are left behind by whoever
is tried again and ends before he was told of (nothing is owed of a delay then); they go at the next open.
"""

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import apsw

from heloise.mail.ids import MessageId
from heloise.queue.model import Debt, QueuedMessage, RecipientState
from heloise.queue.rows import MESSAGE_COLUMNS, RECIPIENT_COLUMNS, SPOOL, Row, read_message

_OWED = "SELECT recipient, report FROM owed WHERE message = ? ORDER BY recipient"
_RECIPIENTS = (
    f"SELECT {RECIPIENT_COLUMNS} FROM recipient"
    " WHERE message = ?1 AND id IN (SELECT recipient FROM owed WHERE message = ?1 AND ended >= (state IN (2, 3)))"
    " ORDER BY id"
)
_MESSAGE = (
    f"SELECT {MESSAGE_COLUMNS}, octets FROM message LEFT JOIN content ON content.message = message.id"
    " WHERE message_id = ?"
)


class OwedRows(NamedTuple):
    """A message with those of whom something is owed, its octets or the name of its spool file, and what is owed."""

    message: QueuedMessage
    octets: bytes | None
    spool: str | None
    debts: tuple[Debt, ...]


class Paid(NamedTuple):
    """How many debts were paid that were still owed, and how many of them are of recipients that have ended."""

    found: int
    ended: int


def owe(connection: apsw.Connection, message: int, debts: Iterable[tuple[Debt, RecipientState]]) -> None:
    """Write down what is owed about recipients of `message`, each with the state it is in now."""
    connection.executemany(
        "INSERT OR REPLACE INTO owed(recipient, message, ended, report) VALUES(?, ?, ?, ?)",
        [(debt.recipient_id, message, state.is_final, debt.report) for debt, state in debts],
    )


def pay(connection: apsw.Connection, debts: Sequence[Debt]) -> Paid:
    """Strike out what was owed exactly so. What has changed meanwhile stays owed; who was removed is owed nothing."""
    found = ended = 0
    for debt in debts:
        struck: list[Row] = connection.execute(
            "DELETE FROM owed WHERE recipient = ?1 AND report = ?2"
            " RETURNING ended, EXISTS (SELECT 1 FROM recipient WHERE id = ?1)",
            (debt.recipient_id, debt.report),
        ).fetchall()
        for has_ended, is_there in struck:
            found += is_there
            ended += has_ended
    return Paid(found, ended)


def read(connection: apsw.Connection, message_id: MessageId) -> OwedRows | None:
    """What is owed about a message; None when nothing is. Raises what reading a record may raise."""
    row: Row | None = connection.execute(_MESSAGE, (message_id,)).get
    if row is None:
        return None
    owed: list[Row] = connection.execute(_OWED, (row[0],)).fetchall()
    debts = tuple(Debt(*each) for each in owed)
    recipients: list[Row] = connection.execute(_RECIPIENTS, (row[0],)).fetchall()
    return OwedRows(read_message(row[:-1], recipients), row[-1], row[SPOOL], debts) if recipients else None


def messages(connection: apsw.Connection) -> list[MessageId]:
    """The messages about which something is owed."""
    rows: list[Row] = connection.execute(
        "SELECT DISTINCT message_id FROM owed JOIN message ON message.id = owed.message ORDER BY message_id"
    ).fetchall()
    return [MessageId(name) for (name,) in rows]


def forget_left_behind(connection: apsw.Connection) -> None:
    """At open: what is owed about recipients that are gone; their numbers will be given to others."""
    connection.execute("DELETE FROM owed WHERE recipient NOT IN (SELECT id FROM recipient)")
