"""What is over when the last of several doors is empty."""

from collections.abc import Callable, Sequence

from heloise.reception.door import Door


def when_all_are_empty(doors: Sequence[Door], then: Callable[[], None]) -> None:
    """Call `then` when nobody is behind any of them, now or later. Nobody may come in any more."""
    left = len(doors)
    if not doors:
        then()

    def one_less() -> None:
        nonlocal left
        left -= 1
        if left == 0:
            then()

    for door in doors:
        door.when_empty(one_less)
