"""The real resolver, asking a name server of ours on the loopback interface."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import cast

import dns.flags
import dns.message
import dns.rcode
import dns.rdatatype
import dns.rrset
import pytest

from heloise.net import DnsResolver
from heloise.world import Endpoint, MailExchanger, ResolverError, ResolverFault

ZONE = {
    ("example.org.", "MX"): ["20 mx2.example.org.", "10 mx1.example.org."],
    ("null.example.", "MX"): ["0 ."],
    ("mx1.example.org.", "A"): ["192.0.2.1", "192.0.2.2"],
    ("mx1.example.org.", "AAAA"): ["2001:db8::1"],
    ("half.example.", "A"): ["192.0.2.9"],
    ("1.2.0.192.in-addr.arpa.", "PTR"): ["mx1.example.org."],
}


class NameServer(asyncio.DatagramProtocol):
    """Answers from ZONE; "broken" names get SERVFAIL, "silent" ones nothing, and all others NXDOMAIN."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)

    def datagram_received(self, data: bytes, addr: tuple[str | int, int]) -> None:
        query = dns.message.from_wire(data)
        name, kind = query.question[0].name.to_text(), dns.rdatatype.to_text(query.question[0].rdtype)
        self.asked[f"{name} {kind}"] += 1
        answer = dns.message.make_response(query)
        answer.flags |= dns.flags.RA
        if "silent" in name:
            return
        if "broken" in name or (name == "half.example." and kind == "AAAA"):
            answer.set_rcode(dns.rcode.SERVFAIL)
        elif (name, kind) in ZONE:
            answer.answer.append(dns.rrset.from_text(name, 300, "IN", kind, *ZONE[name, kind]))
        elif not any(name == known for known, _ in ZONE):
            answer.set_rcode(dns.rcode.NXDOMAIN)
        self._transport.sendto(answer.to_wire(), addr)


Scenario = Callable[[DnsResolver, NameServer], Awaitable[None]]


def run(scenario: Scenario, *, lifetime: float = 5.0) -> None:
    async def main() -> None:
        transport, server = await asyncio.get_running_loop().create_datagram_endpoint(
            NameServer, local_addr=("127.0.0.1", 0)
        )
        endpoint = Endpoint(*transport.get_extra_info("sockname"))
        await scenario(DnsResolver([endpoint], lifetime=lifetime), server)
        transport.close()

    asyncio.run(main())


def fault_of(name: str, *, lifetime: float = 5.0) -> ResolverFault:
    faults: list[ResolverFault] = []

    async def scenario(resolver: DnsResolver, _: NameServer) -> None:
        with pytest.raises(ResolverError) as caught:
            await resolver.mail_exchangers(name)
        faults.append(caught.value.fault)

    run(scenario, lifetime=lifetime)
    return faults[0]


def test_mail_exchangers_come_with_preference_and_host() -> None:
    async def scenario(resolver: DnsResolver, _: NameServer) -> None:
        assert set(await resolver.mail_exchangers("example.org")) == {
            MailExchanger(preference=10, host="mx1.example.org"),
            MailExchanger(preference=20, host="mx2.example.org"),
        }

    run(scenario)


def test_a_null_mx_is_a_single_dot() -> None:
    async def scenario(resolver: DnsResolver, _: NameServer) -> None:
        assert await resolver.mail_exchangers("null.example") == (MailExchanger(preference=0, host="."),)

    run(scenario)


def test_addresses_are_of_both_kinds_and_names_go_back() -> None:
    async def scenario(resolver: DnsResolver, _: NameServer) -> None:
        found = await resolver.addresses("mx1.example.org")
        assert set(found) == {"192.0.2.1", "192.0.2.2", "2001:db8::1"}
        assert found[2] == "2001:db8::1"
        assert await resolver.names("192.0.2.1") == ("mx1.example.org",)

    run(scenario)


def test_a_name_without_such_records_is_an_empty_answer() -> None:
    async def scenario(resolver: DnsResolver, _: NameServer) -> None:
        assert await resolver.addresses("example.org") == ()

    run(scenario)


def test_one_broken_kind_of_address_does_not_hide_the_other() -> None:
    async def scenario(resolver: DnsResolver, _: NameServer) -> None:
        assert await resolver.addresses("half.example") == ("192.0.2.9",)

    run(scenario)


def test_localhost_is_never_asked_for() -> None:
    async def scenario(resolver: DnsResolver, server: NameServer) -> None:
        assert await resolver.addresses("localhost") == ("127.0.0.1", "::1")
        assert not server.asked

    run(scenario)


def test_a_hundred_askers_make_one_question_and_later_ones_none() -> None:
    async def scenario(resolver: DnsResolver, server: NameServer) -> None:
        await asyncio.gather(*(resolver.mail_exchangers("example.org") for _ in range(100)))
        await resolver.mail_exchangers("Example.ORG.")
        assert server.asked == {"example.org. MX": 1}

    run(scenario)


def test_an_asker_that_gives_up_does_not_take_the_answer_from_the_others() -> None:
    async def scenario(resolver: DnsResolver, _: NameServer) -> None:
        first = asyncio.create_task(resolver.mail_exchangers("example.org"))
        second = asyncio.create_task(resolver.mail_exchangers("example.org"))
        await asyncio.sleep(0)
        first.cancel()
        assert len(await second) == 2

    run(scenario)


def test_a_name_that_does_not_exist_is_told_apart_from_a_failure() -> None:
    assert fault_of("none.example") is ResolverFault.NO_SUCH_DOMAIN
    assert fault_of("broken.example") is ResolverFault.SERVER_FAILURE
    assert fault_of("silent.example", lifetime=0.05) is ResolverFault.TIMED_OUT


def test_what_can_not_be_a_name_does_not_exist() -> None:
    assert fault_of("a..example") is ResolverFault.NO_SUCH_DOMAIN
    assert fault_of(f"{'a' * 64}.example") is ResolverFault.NO_SUCH_DOMAIN
