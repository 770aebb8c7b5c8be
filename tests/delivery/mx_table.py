"""Where mail for a domain goes: one table for the real resolver and for the simulated one.

Next hops are written as addresses: `>` before the less preferred, `=` between equals, `+` between addresses of one
host. A failure is written as its status.
"""

from dataclasses import dataclass

OURSELVES = frozenset({"mx.us.test", "alias.us.test", "198.51.100.1", "2001:db8:ffff::1"})


@dataclass(frozen=True)
class Situation:
    """`records` are lines of a zone, `troubles` what befalls questions for a name (see `tests.dns_server`)."""

    name: str
    route: str
    expected: str
    records: str = ""
    troubles: tuple[tuple[str, tuple[str, ...]], ...] = ()
    again: str | None = None  # what a second attempt finds, when that is something else


HOSTS = """
a.test. A 192.0.2.1
b.test. A 192.0.2.2
c.test. A 192.0.2.3
d.test. A 192.0.2.4
e.test. A 192.0.2.5
f.test. A 192.0.2.6
six.test. AAAA 2001:db8::6
both.test. A 192.0.2.7
both.test. AAAA 2001:db8::7
many.test. A 192.0.2.8
many.test. A 192.0.2.9
many.test. AAAA 2001:db8::8
empty.test. TXT "no address"
also-a.test. CNAME a.test.
also-also-a.test. CNAME also-a.test.
dangling.test. CNAME nothing.test.
round.test. CNAME about.test.
about.test. CNAME round.test.
loopback.test. A 127.0.0.1
loopback6.test. AAAA ::1
mapped.test. AAAA ::ffff:127.0.0.1
any.test. A 0.0.0.0
ours.test. A 198.51.100.1
ours6.test. AAAA 2001:db8:ffff::1
mx.us.test. A 198.51.100.1
"""


def mx(domain: str, *exchangers: str) -> str:
    """Records of `domain`, each exchanger as `preference host`; the root's dot is put behind the host."""
    return "".join(f"{domain}. MX {exchanger.rstrip('.')}.\n" for exchanger in exchangers)


TABLE = (
    Situation("one exchanger", "mx:s1.test", "192.0.2.1", mx("s1.test", "10 a.test")),
    Situation("two by preference", "mx:s2.test", "192.0.2.1 > 192.0.2.2", mx("s2.test", "20 b.test", "10 a.test")),
    Situation("two equals", "mx:s3.test", "192.0.2.1 = 192.0.2.2", mx("s3.test", "10 a.test", "10 b.test")),
    Situation(
        "equals before and after",
        "mx:s4.test",
        "192.0.2.1 = 192.0.2.2 > 192.0.2.3 = 192.0.2.4",
        mx("s4.test", "5 a.test", "5 b.test", "6 c.test", "6 d.test"),
    ),
    Situation(
        "preference is a number, not a word",
        "mx:s5.test",
        "192.0.2.1 > 192.0.2.2",
        mx("s5.test", "9 a.test", "10 b.test"),
    ),
    Situation(
        "zero and the largest preference",
        "mx:s6.test",
        "192.0.2.1 > 192.0.2.2",
        mx("s6.test", "65535 b.test", "0 a.test"),
    ),
    Situation(
        "an exchanger with both sorts of address", "mx:s7.test", "192.0.2.7+2001:db8::7", mx("s7.test", "1 both.test")
    ),
    Situation("an exchanger with IPv6 only", "mx:s8.test", "2001:db8::6", mx("s8.test", "1 six.test")),
    Situation(
        "an exchanger with several addresses before the next one",
        "mx:s9.test",
        "192.0.2.8+192.0.2.9+2001:db8::8 > 192.0.2.1",
        mx("s9.test", "1 many.test", "2 a.test"),
    ),
    Situation("no MX, an A record", "mx:a.test", "192.0.2.1"),
    Situation("no MX, an AAAA record", "mx:six.test", "2001:db8::6"),
    Situation("no MX, both", "mx:both.test", "192.0.2.7+2001:db8::7"),
    Situation("no MX, no address", "mx:empty.test", "5.4.4"),
    Situation("no such domain", "mx:nothing.test", "5.1.2"),
    Situation("no such domain below one that is there", "mx:nothing.a.test", "5.1.2"),
    Situation("null MX", "mx:s10.test", "5.1.10", mx("s10.test", "0 .")),
    Situation("null MX beside an address", "mx:s11.test", "5.1.10", mx("s11.test", "0 .") + "s11.test. A 192.0.2.1"),
    Situation("null MX with some preference", "mx:s12.test", "5.1.10", mx("s12.test", "10 .")),
    Situation(
        "a null MX among others counts for nothing", "mx:s13.test", "192.0.2.1", mx("s13.test", "0 .", "10 a.test")
    ),
    Situation(
        "an MX without address is no reason to use the domain's own",
        "mx:s14.test",
        "5.4.4",
        mx("s14.test", "10 empty.test") + "s14.test. A 192.0.2.1",
    ),
    Situation("an exchanger that does not exist", "mx:s15.test", "5.4.4", mx("s15.test", "10 nothing.test")),
    Situation("one of two does not exist", "mx:s16.test", "192.0.2.2", mx("s16.test", "10 nothing.test", "20 b.test")),
    Situation("an exchanger named by its address", "mx:s17.test", "5.4.4", mx("s17.test", "10 192.0.2.1")),
    Situation(
        "an exchanger named by its address beside a better one",
        "mx:s18.test",
        "192.0.2.2",
        mx("s18.test", "10 192.0.2.1", "20 b.test"),
    ),
    Situation(
        "one host twice counts where it is best",
        "mx:s19.test",
        "192.0.2.1 > 192.0.2.2",
        mx("s19.test", "10 a.test", "20 b.test", "30 A.test"),
    ),
    Situation("the domain is an alias of one with MX", "mx:s20.test", "192.0.2.1", "s20.test. CNAME s1.test."),
    Situation("the domain is an alias of a host", "mx:also-a.test", "192.0.2.1"),
    Situation("an alias of an alias", "mx:also-also-a.test", "192.0.2.1"),
    Situation("the exchanger is an alias", "mx:s21.test", "192.0.2.1", mx("s21.test", "10 also-a.test")),
    Situation("an alias of nothing", "mx:dangling.test", "5.1.2"),
    Situation("an exchanger that is an alias of nothing", "mx:s22.test", "5.4.4", mx("s22.test", "10 dangling.test")),
    Situation("aliases in circles", "mx:round.test", "4.4.3"),
    Situation("we are the only exchanger", "mx:s23.test", "5.4.6", mx("s23.test", "10 mx.us.test")),
    Situation("we are the best", "mx:s24.test", "5.4.6", mx("s24.test", "10 MX.us.test", "20 a.test")),
    Situation("we are by another name", "mx:s25.test", "5.4.6", mx("s25.test", "10 alias.us.test", "20 a.test")),
    Situation(
        "we, our equals and the worse are left out",
        "mx:s26.test",
        "192.0.2.1",
        mx("s26.test", "10 a.test", "20 b.test", "20 mx.us.test", "30 c.test"),
    ),
    Situation("we are the domain, and there is no MX", "mx:mx.us.test", "5.4.6"),
    Situation("the exchanger has our address", "mx:s27.test", "5.4.6", mx("s27.test", "10 ours.test", "20 a.test")),
    Situation(
        "a worse one has our address",
        "mx:s28.test",
        "192.0.2.1",
        mx("s28.test", "10 a.test", "20 ours6.test", "30 b.test"),
    ),
    Situation("the exchanger is localhost", "mx:s29.test", "5.4.6", mx("s29.test", "10 localhost")),
    Situation("the exchanger has a loopback address", "mx:s30.test", "5.4.6", mx("s30.test", "10 loopback.test")),
    Situation("the exchanger has that of IPv6", "mx:s31.test", "5.4.6", mx("s31.test", "10 loopback6.test")),
    Situation("the exchanger has a mapped one", "mx:s32.test", "5.4.6", mx("s32.test", "10 mapped.test")),
    Situation("the exchanger has no real address", "mx:s33.test", "5.4.6", mx("s33.test", "10 any.test")),
    Situation(
        "more exchangers than are tried",
        "mx:s34.test",
        "192.0.2.1 > 192.0.2.2 > 192.0.2.3 > 192.0.2.4 > 192.0.2.5",
        mx("s34.test", *(f"{number} {letter}.test" for number, letter in enumerate("abcdef"))),
    ),
    Situation("a dot at the end", "mx:s1.test.", "192.0.2.1"),
    Situation("capitals", "mx:S1.TEST", "192.0.2.1"),
    Situation("a U-label", "mx:bücher.test", "192.0.2.1", mx("xn--bcher-kva.test", "10 a.test")),
    Situation("a U-label in capitals", "mx:BÜCHER.test", "192.0.2.1"),
    Situation("an A-label", "mx:xn--bcher-kva.test", "192.0.2.1"),
    Situation(
        "a sharp s is not a double s",
        "mx:straße.test",
        "192.0.2.2",
        mx("xn--strae-oqa.test", "10 b.test") + mx("strasse.test", "10 a.test"),
    ),
    Situation("a label that can not be", "mx:" + "ü" * 63 + ".test", "5.1.2"),
    Situation("an IPv4 literal", "mx:[192.0.2.77]", "192.0.2.77"),
    Situation("an IPv6 literal", "mx:[IPv6:2001:db8::77]", "2001:db8::77"),
    Situation("an IPv6 literal in small letters", "mx:[ipv6:2001:db8::77]", "2001:db8::77"),
    Situation("a literal of ours", "mx:[198.51.100.1]", "5.4.6"),
    Situation("a literal of this machine", "mx:[127.0.0.1]", "5.4.6"),
    Situation("a literal of a sort nobody knows", "mx:[x25:123]", "5.4.4"),
    Situation("a static route", "smtp:192.0.2.5:2525", "192.0.2.5"),
    Situation(
        "a static route with fallbacks",
        "smtp:192.0.2.5:2525,[2001:db8::5]:26,192.0.2.6",
        "192.0.2.5 > 2001:db8::5 > 192.0.2.6",
    ),
    Situation("a static route to ourselves is meant", "smtp:127.0.0.1:10025", "127.0.0.1"),
    Situation("the exchangers of another domain", "mx:s2.test", "192.0.2.1 > 192.0.2.2"),
    Situation(
        "a name server that fails once",
        "mx:s36.test",
        "4.4.3",
        mx("s36.test", "10 a.test"),
        (("s36.test", ("servfail", "ok")),),
        again="192.0.2.1",
    ),
    Situation(
        "a name server that fails is no reason to use the domain's own address",
        "mx:s37.test",
        "4.4.3",
        mx("s37.test", "10 a.test") + "s37.test. A 192.0.2.2",
        (("s37.test", ("servfail",)),),
        again="4.4.3",
    ),
    Situation(
        "a name server that says nothing",
        "mx:s38.test",
        "4.4.3",
        mx("s38.test", "10 a.test"),
        (("s38.test", ("silent",)),),
        again="4.4.3",
    ),
    Situation(
        "a name server that refuses", "mx:s39.test", "4.4.3", mx("s39.test", "10 a.test"), (("s39.test", ("refused",)),)
    ),
    Situation(
        "the addresses of the only exchanger can not be found",
        "mx:s40.test",
        "4.4.3",
        mx("s40.test", "10 broken.test") + "broken.test. A 192.0.2.1",
        (("broken.test", ("servfail",)),),
    ),
    Situation(
        "those of one of two can not be found",
        "mx:s41.test",
        "192.0.2.2",
        mx("s41.test", "10 mute.test", "20 b.test") + "mute.test. A 192.0.2.1",
        (("mute.test", ("silent",)),),
    ),
    Situation(
        "one does not exist and one can not be found",
        "mx:s42.test",
        "4.4.3",
        mx("s42.test", "10 nothing.test", "20 broken.test"),
    ),
    Situation(
        "an answer that is cut off is asked for once more, by TCP",
        "mx:s43.test",
        "192.0.2.1",
        mx("s43.test", "10 a.test"),
        (("s43.test", ("truncated",)), ("a.test", ("truncated",))),
    ),
    Situation(
        "no MX, and the address can not be found",
        "mx:s44.test",
        "4.4.3",
        "s44.test. A 192.0.2.1",
        (("s44.test", ("ok", "servfail")),),
    ),
)

RECORDS = "$TTL 300\n" + HOSTS + "\n".join(situation.records for situation in TABLE)
TROUBLES = {name: list(words) for situation in TABLE for name, words in situation.troubles}
