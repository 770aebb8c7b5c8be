"""DNS over dnspython: one cache, and one question in flight however many ask it at once.

Maps dnspython's exceptions to `ResolverError`. Ordering mail exchangers is for `heloise.routing`.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import dns.asyncresolver
import dns.exception
import dns.name
import dns.nameserver
import dns.rdata
import dns.rdatatype
import dns.resolver
import dns.reversename

from heloise.world.errors import ResolverError, ResolverFault
from heloise.world.network import Endpoint
from heloise.world.resolver import MailExchanger

CACHED_ANSWERS: Final = 20_000
_LOOPBACK: Final = ("127.0.0.1", "::1")

_Question = tuple[dns.name.Name, dns.rdatatype.RdataType]
_Records = tuple[dns.rdata.Rdata, ...]


class DnsResolver:
    """Asks the given name servers, or those of /etc/resolv.conf when none are given.

    Args:
        nameservers: IP address and port of each, in the order to ask them.
        lifetime: seconds one question may take, over all servers and tries.
    """

    def __init__(self, nameservers: Sequence[Endpoint] = (), *, lifetime: float = 10.0) -> None:
        self._nameservers = tuple(nameservers)
        self._lifetime = lifetime
        self._resolver: dns.asyncresolver.Resolver | None = None
        self._in_flight: dict[_Question, asyncio.Task[_Records]] = {}

    async def addresses(self, host: str) -> tuple[str, ...]:
        """A and AAAA records of `host` as text, the A records first.

        When one of the two questions fails and the other has an answer, the answer is good enough to deliver by.
        """
        name = _parse_name(host)
        if name == _LOCALHOST:
            return _LOOPBACK  # RFC 6761 §6.3: never ask the DNS for it
        answers = await asyncio.gather(
            self._ask(name, dns.rdatatype.A), self._ask(name, dns.rdatatype.AAAA), return_exceptions=True
        )
        found = tuple(str(record) for answer in answers if not isinstance(answer, BaseException) for record in answer)
        failure = next((answer for answer in answers if isinstance(answer, BaseException)), None)
        if failure is not None and not found:
            raise failure
        return found

    async def mail_exchangers(self, domain: str) -> tuple[MailExchanger, ...]:
        """MX records of `domain`, not sorted."""
        records: tuple[Any, ...] = await self._ask(_parse_name(domain), dns.rdatatype.MX)
        return tuple(
            MailExchanger(preference=record.preference, host=record.exchange.to_text(omit_final_dot=True))
            for record in records
        )

    async def names(self, address: str) -> tuple[str, ...]:
        """PTR names of an IP address."""
        try:
            name = dns.reversename.from_address(address)
        except dns.exception.SyntaxError as error:
            raise ResolverError(ResolverFault.NO_SUCH_DOMAIN, address) from error
        records: tuple[Any, ...] = await self._ask(name, dns.rdatatype.PTR)
        return tuple(record.target.to_text(omit_final_dot=True) for record in records)

    async def _ask(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> _Records:
        question = (name, kind)
        task = self._in_flight.get(question)
        if task is None:
            task = asyncio.create_task(self._query(name, kind))
            self._in_flight[question] = task
            task.add_done_callback(lambda _: self._in_flight.pop(question))
        # Shielded, because one asker that loses patience must not take the answer from the others.
        return await asyncio.shield(task)

    async def _query(self, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> _Records:
        try:
            answer = await self._configured().resolve(name, kind, raise_on_no_answer=False, search=False)
        except (dns.exception.DNSException, OSError) as error:
            raise ResolverError(_fault_of(error), name.to_text(omit_final_dot=True)) from error
        return tuple(answer.rrset or ())

    def _configured(self) -> dns.asyncresolver.Resolver:
        """Made at the first question: a machine without resolv.conf may still run a server that never asks."""
        if self._resolver is None:
            resolver = dns.asyncresolver.Resolver(configure=not self._nameservers)
            if self._nameservers:
                resolver.nameservers = [
                    dns.nameserver.Do53Nameserver(server.host, server.port) for server in self._nameservers
                ]
            resolver.lifetime = self._lifetime
            resolver.cache = dns.resolver.LRUCache(CACHED_ANSWERS)
            self._resolver = resolver
        return self._resolver


def _parse_name(text: str) -> dns.name.Name:
    """The absolute name; a search list has no place in mail."""
    try:
        return dns.name.from_text(text)
    except (dns.exception.DNSException, UnicodeError) as error:
        raise ResolverError(ResolverFault.NO_SUCH_DOMAIN, text) from error


def _fault_of(error: Exception) -> ResolverFault:
    match error:
        case dns.resolver.NXDOMAIN():
            return ResolverFault.NO_SUCH_DOMAIN
        case dns.exception.Timeout():
            return ResolverFault.TIMED_OUT
        case _:
            return ResolverFault.SERVER_FAILURE


_LOCALHOST: Final = dns.name.from_text("localhost")
