"""What is over when the last of several doors is empty."""

from collections.abc import Callable, Sequence
from functools import partial

from heloise.reception.door import Door


def when_all_are_empty(doors: Sequence[Door], then: Callable[[], None]) -> None:
    """Call `then` once, when nobody is behind any of them, now or later. Nobody may come in any more."""
    left = set(range(len(doors)))
    if not doors:
        then()

    def is_empty(number: int) -> None:
        if left and not left - {number}:
            then()
        left.discard(number)

    for number, door in enumerate(doors):
        door.when_empty(partial(is_empty, number))
