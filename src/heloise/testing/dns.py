"""A simulated DNS: a table of names, and the two ways in which asking fails.

A name that is not in the table does not exist; a name that is in it without the records asked for gives an empty
tuple, as the door promises.
"""

import asyncio
import random
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_address
from typing import Final

from heloise.testing.faults import FaultRates, pick
from heloise.testing.trace import Trace
from heloise.world.errors import ResolverError, ResolverFault
from heloise.world.resolver import MailExchanger

PATIENCE: Final = 10.0  # seconds until a question that nobody answers is given up
LONGEST_CHAIN: Final = 16  # aliases of aliases


@dataclass(frozen=True, slots=True, kw_only=True)
class _Records:
    addresses: tuple[str, ...] = ()
    mail_exchangers: tuple[MailExchanger, ...] = ()
    names: tuple[str, ...] = ()


def _key(name: str) -> str:
    return name.rstrip(".").lower()


def _reverse(address: str) -> str:
    return ip_address(address).reverse_pointer


class Zones:
    """All names of a simulated world. Changes are seen by the next question; nothing is cached."""

    def __init__(self) -> None:
        self._records: dict[str, _Records] = {}
        self._aliases: dict[str, str] = {}
        self._scripted: dict[str, list[ResolverFault]] = defaultdict(list)
        self._broken: dict[str, ResolverFault] = {}

    def add_addresses(self, host: str, addresses: Sequence[str]) -> None:
        """A and AAAA records; more of them when there are some already."""
        old = self._find(host)
        self._records[_key(host)] = replace(old, addresses=old.addresses + tuple(addresses))

    def add_mail_exchanger(self, domain: str, preference: int, host: str) -> None:
        """An MX record; "." as host makes a null MX (RFC 7505)."""
        old = self._find(domain)
        added = (*old.mail_exchangers, MailExchanger(preference=preference, host=host))
        self._records[_key(domain)] = replace(old, mail_exchangers=added)

    def add_alias(self, name: str, target: str) -> None:
        """A CNAME record: questions for `name` are answered with the records of `target`."""
        self._aliases[_key(name)] = _key(target)

    def add_name(self, address: str, name: str) -> None:
        """A PTR record."""
        old = self._find(_reverse(address))
        self._records[_reverse(address)] = replace(old, names=(*old.names, name))

    def remove(self, name: str) -> None:
        """Forget all records of `name`."""
        self._records.pop(_key(name), None)
        self._aliases.pop(_key(name), None)

    def fail(self, name: str, fault: ResolverFault, *, times: int | None = None) -> None:
        """Let questions for `name` fail: the next `times` ones, or all until `heal`."""
        if times is None:
            self._broken[_key(name)] = fault
        else:
            self._scripted[_key(name)].extend([fault] * times)

    def heal(self, name: str) -> None:
        """Answer questions for `name` again."""
        self._broken.pop(_key(name), None)
        self._scripted.pop(_key(name), None)

    def scripted_fault(self, name: str) -> ResolverFault | None:
        """The fault the next question for `name` is to meet; asking counts as the question."""
        waiting = self._scripted.get(_key(name))
        return waiting.pop(0) if waiting else self._broken.get(_key(name))

    def records(self, name: str) -> _Records:
        """What is known of `name`. Raises ResolverError: NO_SUCH_DOMAIN, or SERVER_FAILURE for aliases in circles."""
        key, steps = _key(name), 0
        while key in self._aliases:
            key, steps = self._aliases[key], steps + 1
            if steps > LONGEST_CHAIN:
                raise ResolverError(ResolverFault.SERVER_FAILURE, name)
        found = self._records.get(key)
        if found is None:
            raise ResolverError(ResolverFault.NO_SUCH_DOMAIN, name)
        return found

    def _find(self, name: str) -> _Records:
        return self._records.get(_key(name), _Records())


class SimulatedResolver:
    """The door to `zones`, with latency and faults drawn at the given rates."""

    def __init__(self, zones: Zones, *, rates: FaultRates, generator: random.Random, trace: Trace) -> None:
        self._zones = zones
        self._rates = rates
        self._generator = generator
        self._trace = trace

    async def addresses(self, host: str) -> tuple[str, ...]:
        """A and AAAA records of `host`."""
        return (await self._ask(host, "A")).addresses

    async def mail_exchangers(self, domain: str) -> tuple[MailExchanger, ...]:
        """MX records of `domain`, in random order."""
        found = (await self._ask(domain, "MX")).mail_exchangers
        return tuple(self._generator.sample(found, len(found)))

    async def names(self, address: str) -> tuple[str, ...]:
        """PTR names of an IP address."""
        return (await self._ask(_reverse(address), "PTR")).names

    async def _ask(self, name: str, kind: str) -> _Records:
        fault = self._zones.scripted_fault(name) or self._draw_fault()
        self._trace.record("dns", kind, name, "" if fault is None else fault.value)
        if fault is ResolverFault.TIMED_OUT:
            await asyncio.sleep(PATIENCE)
        else:
            await asyncio.sleep(self._generator.uniform(*self._rates.latency))
        if fault is not None:
            raise ResolverError(fault, name)
        return self._zones.records(name)

    def _draw_fault(self) -> ResolverFault | None:
        chances = (
            (ResolverFault.SERVER_FAILURE, self._rates.server_failure),
            (ResolverFault.TIMED_OUT, self._rates.resolver_time_out),
            (ResolverFault.NO_SUCH_DOMAIN, self._rates.no_such_domain),
        )
        return pick(self._generator.random(), chances)
