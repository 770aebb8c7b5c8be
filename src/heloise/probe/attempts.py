"""The ways by which people try to have a server send their mail to others: one table for every test. RFC 5321 §3.6.2,
§7.9; RFC 5321 appendix F (source routes), RFC 1123 §5.2.16 (the percent hack).

None of these recipients is the server's to take. Each attempt is a sender, a recipient, and what is said before; a
server that says 2yz to the recipient would carry the mail of strangers. Pure.
"""

from dataclasses import dataclass
from enum import Enum

from heloise.mail.address import Mailbox

_CYRILLIC = str.maketrans("aceopxy", "\u0430\u0441\u0435\u043e\u0440\u0445\u0443")


class Doubt(Enum):
    """What else a 2yz to the recipient may mean."""

    NONE = "none"
    CATCH_ALL = (
        "catch-all"  # the domain is the server's: it may take every name there, and hand the mail to nobody else
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Against whom. `outside` is an address that the server has nothing to do with; `domain` one of its own domains,
    `host` what it calls itself, `address` where it was reached, as a domain literal ("[192.0.2.1]")."""

    outside: Mailbox
    domain: str
    host: str
    address: str

    def fill(self, text: str) -> str:
        """`text` with the names in it."""
        outside = self.outside.domain
        return text.format(
            user=self.outside.local_part,
            outside=outside,
            outside_upper=outside.upper(),
            outside_wide_dot=outside.replace(".", "\u3002"),
            domain=self.domain,
            domain_lookalike=_lookalike(self.domain),
            host=self.host,
            address=self.address,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class RelayAttempt:
    """One attempt. The texts have the fields of a `Target` in braces; `why` is for people.

    `opening` is sent before anything is heard, `hello` is the name in EHLO, `before` are commands after it whose
    replies do not matter; `mail` and `rcpt` are what stands behind FROM: and TO:, `first_rcpt` is another recipient
    who comes before.
    """

    name: str
    rcpt: str
    why: str
    mail: str = "<relay-test@{outside}>"
    hello: str = ""
    opening: str = ""
    before: tuple[str, ...] = ()
    first_rcpt: str = ""
    doubt: Doubt = Doubt.NONE

    @property
    def needs_own_connection(self) -> bool:
        """Would it change the session for those that follow?"""
        return bool(self.opening or self.hello or self.before)


def _senders(*rows: tuple[str, str, str]) -> tuple[RelayAttempt, ...]:
    return tuple(RelayAttempt(name=name, mail=mail, rcpt="<{user}@{outside}>", why=why) for name, mail, why in rows)


def _outsiders(*rows: tuple[str, str, str]) -> tuple[RelayAttempt, ...]:
    return tuple(RelayAttempt(name=name, rcpt=rcpt, why=why) for name, rcpt, why in rows)


def _insiders(*rows: tuple[str, str, str]) -> tuple[RelayAttempt, ...]:
    return tuple(RelayAttempt(name=name, rcpt=rcpt, why=why, doubt=Doubt.CATCH_ALL) for name, rcpt, why in rows)


_PLAIN = "<{user}@{outside}>"
_SENDERS = _senders(
    ("a stranger", "<relay-test@{outside}>", "The plain case: neither sender nor recipient is the server's."),
    ("the null sender", "<>", "Reports have no sender, so some servers ask nothing of it."),
    ("a sender of ours", "<postmaster@{domain}>", "Anybody can write our domain after MAIL FROM."),
    ("the host as sender", "<postmaster@{host}>", "The same with the name of the server itself."),
    ("our address as sender", "<postmaster@{address}>", "The same with the address of the server."),
    ("localhost as sender", "<root@localhost>", "A name that every machine has for itself."),
    ("a sender without a domain", "<postmaster>", "Some servers complete it with a domain of their own."),
    ("the recipient as sender", "<{user}@{outside}>", "Who writes to himself is still a stranger."),
    (
        "a routed sender",
        "<@{domain}:relay-test@{outside}>",
        "A source route that begins at the server (RFC 5321 appendix C).",
    ),
)
_OUTSIDE = _outsiders(
    ("upper case", "<{user}@{outside_upper}>", "Domains are compared without case."),
    ("Postmaster elsewhere", "<postmaster@{outside}>", "Every server must take its own Postmaster, and no other."),
    ("the dot of the root", "<{user}@{outside}.>", "A name with the dot behind it is the same name to the DNS."),
    ("our domain as a suffix", "<{user}@x{domain}>", "A domain that only ends like one of ours."),
    ("our domain as a prefix", "<{user}@{domain}.{outside}>", "A domain that only begins like one of ours."),
    ("a source route by us", "<@{domain}:{user}@{outside}>", "By us, to somebody else (RFC 5321 appendix F.2)."),
    ("a source route by our host", "<@{host}:{user}@{outside}>", "The same by the name of the server."),
    ("a source route by our address", "<@{address}:{user}@{outside}>", "The same by the address of the server."),
    ("a long source route", "<@{host},@{domain}:{user}@{outside}>", "Over two names of ours."),
    ("a routed percent hack", "<@{domain}:{user}%{outside}@{outside}>", "A route and a percent sign."),
    ("an IPv4 literal elsewhere", "<{user}@[192.0.2.99]>", "An address instead of a domain (RFC 5321 §4.1.3)."),
    ("an IPv6 literal elsewhere", "<{user}@[IPv6:2001:db8::99]>", "The same with IPv6."),
    ("two recipients in one", "<postmaster@{domain}>,<{user}@{outside}>", "One RCPT has one path."),
    ("two paths in one", "<postmaster@{domain},{user}@{outside}>", "The same within the brackets."),
    ("no brackets", "{user}@{outside}", "A path without brackets."),
    ("twice in brackets", "<<{user}@{outside}>>", "A path in two pairs of brackets."),
    ("an unquoted at sign", "<{user}@{outside}@{domain}>", "Which domain is it? Only quotes could tell."),
    ("a percent hack without domain", "<{user}%{outside}>", "Completed with our domain, it would be one of ours."),
    ("a bang path without domain", "<{outside}!{user}>", "An address of UUCP."),
    ("a bang path by us", "<{domain}!{outside}!{user}>", "The same, over us."),
    ("a quoted address without domain", '<"{user}@{outside}">', "A local part that looks like an address."),
    ("a backslash before the at sign", "<{user}\\@{outside}>", "Quoted, it would be part of the local part."),
    ("a wide dot", "<{user}@{outside_wide_dot}>", "A full stop of East Asia, which IDNA takes for a dot."),
    ("a domain that looks like ours", "<{user}@{domain_lookalike}>", "With a letter of another alphabet in it."),
)
_INSIDE = _insiders(
    ("the percent hack", "<{user}%{outside}@{domain}>", "Once a way to name the host behind us (RFC 1123 §5.2.16)."),
    ("the quoted percent hack", '<"{user}%{outside}"@{domain}>', "The same in quotes."),
    ("the percent hack at our host", "<{user}%{outside}@{host}>", "The same at the name of the server."),
    ("the percent hack at our address", "<{user}%{outside}@{address}>", "The same at the address of the server."),
    ("the double percent hack", "<{user}%{outside}%{domain}@{domain}>", "Two steps of it."),
    ("Postmaster with a percent sign", "<postmaster%{outside}@{domain}>", "Our Postmaster is taken, not this one."),
    ("a quoted address", '<"{user}@{outside}"@{domain}>', "A local part that is an address."),
    ("a quoted address at our address", '<"{user}@{outside}"@{address}>', "The same at the address of the server."),
    ("a bang path", "<{outside}!{user}@{domain}>", "UUCP's way to the host behind us."),
    ("a quoted bang path", '<"{outside}!{user}"@{domain}>', "The same in quotes."),
    ("a bang path at our address", "<{outside}!{user}@{address}>", "The same at the address of the server."),
    ("a percent hack to a literal", "<{user}%[192.0.2.99]@{domain}>", "An address behind the percent sign."),
    ("a quoted source route", '<"@{domain}:{user}@{outside}"@{domain}>', "A source route in quotes."),
    ("a wide at sign", "<{user}\uff20{outside}@{domain}>", "A character that some take for an at sign."),
    ("a wide percent sign", "<{user}\uff05{outside}@{domain}>", "One that some take for a percent sign."),
)
_FORGED = (
    RelayAttempt(name="AUTH= on MAIL", mail="<relay-test@{outside}> AUTH=postmaster@{domain}", rcpt=_PLAIN,
                 why="Says whom another server has let in; to be believed from friends only (RFC 4954 §5)."),
    RelayAttempt(name="localhost in EHLO", hello="localhost", rcpt=_PLAIN, why="A name proves nothing."),
    RelayAttempt(name="loopback in EHLO", hello="[127.0.0.1]", rcpt=_PLAIN, why="Nor does an address in EHLO."),
    RelayAttempt(name="our host in EHLO", hello="{host}", rcpt=_PLAIN, why="Nor does our own name."),
    RelayAttempt(name="our domain in EHLO", hello="{domain}", rcpt=_PLAIN, why="Nor does our own domain."),
    RelayAttempt(name="a forged PROXY line", opening="PROXY TCP4 127.0.0.1 127.0.0.1 55555 25\r\n", rcpt=_PLAIN,
                 why="A load balancer tells the address of the client so; it is believed from balancers only."),
    RelayAttempt(name="forged XCLIENT", before=("XCLIENT NAME=localhost ADDR=127.0.0.1", "EHLO localhost"),
                 rcpt=_PLAIN, why="As PROXY, by a command of Postfix."),
    RelayAttempt(name="forged XCLIENT with a login", before=("XCLIENT LOGIN=postmaster ADDR=127.0.0.1",),
                 rcpt=_PLAIN, why="The same, with a user."),
    RelayAttempt(name="forged XFORWARD", before=("XFORWARD NAME=localhost ADDR=127.0.0.1 SOURCE=LOCAL",),
                 rcpt=_PLAIN, why="Is for the log only."),
    RelayAttempt(name="an empty password", before=("AUTH PLAIN AHBvc3RtYXN0ZXIA",), rcpt=_PLAIN,
                 why="Some directories take an empty password for an anonymous bind."),
    RelayAttempt(name="AUTH ANONYMOUS", before=("AUTH ANONYMOUS cmVsYXk=",), rcpt=_PLAIN,
                 why="Lets everybody in where it is offered (RFC 4505)."),
    RelayAttempt(name="AUTH EXTERNAL", before=("AUTH EXTERNAL cG9zdG1hc3Rlcg==",), rcpt=_PLAIN,
                 why="Is proven by a certificate, which nobody has shown."),
    RelayAttempt(name="AUTH that was cancelled", before=("AUTH LOGIN", "*"), rcpt=_PLAIN,
                 why="A login that was begun is none."),
    RelayAttempt(name="after our Postmaster", first_rcpt="<postmaster@{domain}>", rcpt=_PLAIN,
                 why="A recipient who is taken opens no door for the next one."),
)  # fmt: skip


def _lookalike(domain: str) -> str:
    """`domain` with letters of another alphabet that look the same."""
    found = domain.translate(_CYRILLIC)
    return found if found != domain else f"{domain}\u200b"


ATTEMPTS = _SENDERS + _OUTSIDE + _INSIDE + _FORGED
