"""One of the processes of a mail server, seen from inside: what is its own, and what it has a share of.

Each process has listening sockets of its own on the shared ports, a queue of its own and a deliverer for it; nothing
is shared but the configuration. So there is no lock between them and no octet of mail goes from one to another.
"""

import math
import re
from dataclasses import dataclass, replace

from heloise.config.schema import Configuration
from heloise.delivery.allowance import Bounds
from heloise.delivery.rate import Rate
from heloise.world import Files


@dataclass(frozen=True, slots=True)
class Part:
    """The `index`th of `count` processes, from 0. The first one has the Unix sockets and the queues nobody else has."""

    index: int = 0
    count: int = 1

    @property
    def is_first(self) -> bool:
        """Has it what can not be shared?"""
        return self.index == 0

    @property
    def is_alone(self) -> bool:
        """Is there no other process?"""
        return self.count == 1

    def control_socket(self, configuration: Configuration) -> str:
        """Where this process is spoken to; with several, operators speak to the one above them."""
        return configuration.control_socket if self.is_alone else f"{configuration.control_socket}-{self.index}"

    def share(self, limit: int) -> int:
        """Of a limit for the whole server."""
        return math.ceil(limit / self.count)

    def share_of(self, bounds: Bounds) -> Bounds:
        """Of what is allowed to one destination: the connections, and the rate as a longer time for as many."""
        rate = bounds.rate
        return replace(
            bounds,
            concurrency=self.share(bounds.concurrency),
            rate=None if rate is None else Rate(rate.count, rate.seconds * self.count),
        )


ALONE = Part()
_NUMBERED = re.compile(r"queue-([1-9]\d*)")


def numbered(path: str, index: int) -> str:
    """What a process has in the place of `path`; the first one has it as it is."""
    return path if index == 0 else f"{path}-{index}"


def shard_directory(configuration: Configuration, index: int) -> str:
    """Where the queue of a process is."""
    return numbered(f"{configuration.state}/queue", index)


def orphaned_shards(configuration: Configuration, files: Files, count: int) -> list[int]:
    """The numbers of queues beyond the `count` processes there are: there were more once. May raise OSError."""
    if not files.exists(configuration.state):
        return []
    found = (_NUMBERED.fullmatch(name) for name in files.names(configuration.state))
    return sorted(number for each in found if each and (number := int(each[1])) >= count)
