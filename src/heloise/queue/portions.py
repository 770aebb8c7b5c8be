"""Rows in portions, for statements that take many rows at once.

With each statement the thread lets go of the interpreter, and waits to have it back. Numbers of rows are powers of two,
so that few statements are ever prepared.
"""

from collections.abc import Sequence

from heloise.queue.rows import Row

_ROWS_AT_ONCE = 64


def portions(rows: Sequence[Row]) -> list[Sequence[Row]]:
    """`rows` in order, 64, 32, 16, 8, 4, 2 or one at a time."""
    parts: list[Sequence[Row]] = []
    place = 0
    while (left := len(rows) - place) > 0:
        count = min(_ROWS_AT_ONCE, 1 << left.bit_length() - 1)
        parts.append(rows[place : place + count])
        place += count
    return parts
