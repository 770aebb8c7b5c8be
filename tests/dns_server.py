"""A name server on the loopback interface, over UDP and TCP, for tests that ask the DNS in earnest.

It answers from a zone file of the whole tree, follows CNAMEs, and does as it is told for names that are in `troubles`:
each word is for the next question, the last one stays: ok, servfail, refused, silent, truncated (over UDP), cut
(truncated over UDP, and nothing over TCP). The words of `*` are for each of all other names.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Self

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdataclass
import dns.rdatatype
import dns.zone

from heloise.world import Endpoint

_LONGEST_CHAIN = 16


class DnsServer(asyncio.DatagramProtocol):
    """Listens while the `async with` block runs. `asked` counts questions, as in `example.org. MX udp`."""

    def __init__(self, zone: str, troubles: Mapping[str, Sequence[str]] | None = None) -> None:
        self._zone = dns.zone.from_text(zone, origin=".", relativize=False, check_origin=False)
        self._troubles = {f"{name}.": list(words) for name, words in (troubles or {}).items()}
        self._others = tuple(self._troubles.pop("*.", ["ok"]))
        self.asked: Counter[str] = Counter()

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        self.endpoint = Endpoint(*self._tcp.sockets[0].getsockname())
        address = (self.endpoint.host, self.endpoint.port)
        self._udp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=address)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._udp.close()
        self._tcp.close()

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        answer = self._answer(data, "udp")
        if answer is not None:
            self._udp.sendto(answer, addr)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        octets = await reader.readexactly(int.from_bytes(await reader.readexactly(2)))
        answer = self._answer(octets, "tcp")
        if answer is not None:
            writer.write(len(answer).to_bytes(2) + answer)
        writer.close()

    def _answer(self, octets: bytes, transport: str) -> bytes | None:
        query = dns.message.from_wire(octets)
        question = query.question[0]
        self.asked[f"{question.name} {dns.rdatatype.to_text(question.rdtype)} {transport}"] += 1
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        match self._trouble(question.name.to_text().lower()):
            case "silent":
                return None
            case "cut" if transport == "tcp":
                return None
            case "servfail":
                answer.set_rcode(dns.rcode.SERVFAIL)
            case "refused":
                answer.set_rcode(dns.rcode.REFUSED)
            case "truncated" | "cut" if transport == "udp":
                answer.flags |= dns.flags.TC
            case _:
                self._fill(answer, question.name, question.rdtype)
        return answer.to_wire(max_size=65535 if transport == "tcp" else 512, prefer_truncation=True)

    def _trouble(self, name: str) -> str:
        words = self._troubles.setdefault(name, list(self._others))
        return words.pop(0) if len(words) > 1 else words[0]

    def _fill(self, answer: dns.message.Message, name: dns.name.Name, kind: dns.rdatatype.RdataType) -> None:
        for _ in range(_LONGEST_CHAIN):
            node = self._zone.get_node(name)
            if node is None:
                answer.set_rcode(dns.rcode.NXDOMAIN)
                return
            alias = self._zone.get_rrset(name, dns.rdatatype.CNAME)
            found = alias or self._zone.get_rrset(name, kind)
            if found is not None:
                answer.answer.append(found)
            if alias is None:
                return
            name = alias[0].target
