"""Rows in portions, for statements that take many rows at once.

With each statement the thread lets go of the interpreter, and waits to have it back. There are few numbers of rows, so
the connection keeps all the statements prepared.
"""

from collections.abc import Sequence

from heloise.queue.rows import Row

ROWS_AT_ONCE = 32


def portions(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """`rows` in order, so many at a time and then the rest."""
    return [rows[place : place + ROWS_AT_ONCE] for place in range(0, len(rows), ROWS_AT_ONCE)]
