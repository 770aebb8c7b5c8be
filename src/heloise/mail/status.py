"""Severity and enhanced status codes. RFC 5321 §4.2.1, RFC 3463."""

import re
from dataclasses import dataclass
from enum import Enum
from functools import lru_cache
from typing import Self

_PATTERN = re.compile(r"([245])\.(\d{1,3})\.(\d{1,3})", re.ASCII)


class Severity(Enum):
    """What the first digit of a reply says. RFC 5321 §4.2.1; PROGRESS is sendmail's 0yz, said only after VERB."""

    PROGRESS = 0
    PRELIMINARY = 1
    COMPLETED = 2
    INTERMEDIATE = 3
    TRANSIENT = 4
    PERMANENT = 5


@dataclass(frozen=True, slots=True)
class EnhancedStatus:
    """`class.subject.detail`, such as 5.1.1. RFC 3463 §2."""

    klass: int
    subject: int
    detail: int

    def __post_init__(self) -> None:
        if self.klass not in (2, 4, 5):
            raise ValueError(f"the class of an enhanced status is 2, 4 or 5, not {self.klass}")
        if not (0 <= self.subject <= 999 and 0 <= self.detail <= 999):
            raise ValueError(f"subject and detail have at most three digits: {self.subject}.{self.detail}")

    @classmethod
    @lru_cache(maxsize=1024)
    def parse(cls, text: str) -> Self:
        """Read `5.1.1`. Raises ValueError."""
        found = _PATTERN.fullmatch(text)
        if found is None:
            raise ValueError(f"not an enhanced status: {text!r}")
        return cls(int(found[1]), int(found[2]), int(found[3]))

    def __str__(self) -> str:
        return f"{self.klass}.{self.subject}.{self.detail}"
