"""What mail meets while a filter is in trouble."""

from enum import Enum


class DefaultAction(Enum):
    """As the operator wants it."""

    ACCEPT = "accept"  # as if there were no filter
    TEMPFAIL = "tempfail"  # 451
    REJECT = "reject"  # 550
    QUARANTINE = "quarantine"  # taken, and held in the queue
