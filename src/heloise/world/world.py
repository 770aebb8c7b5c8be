"""All doors in one frozen value, passed to whoever needs more than one of them."""

from dataclasses import dataclass

from heloise.world.blocking import Blocking
from heloise.world.clock import Clock
from heloise.world.entropy import Entropy
from heloise.world.files import Files
from heloise.world.http import Http
from heloise.world.network import Network
from heloise.world.processes import Processes
from heloise.world.resolver import Resolver


@dataclass(frozen=True, slots=True, kw_only=True)
class World:
    """The outside, as arguments. `heloise.net.real_world()` makes the real one."""

    clock: Clock
    entropy: Entropy
    resolver: Resolver
    network: Network
    files: Files
    blocking: Blocking
    processes: Processes
    http: Http
