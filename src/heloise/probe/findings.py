"""What is good and bad about a server that was asked everything. Pure: an `Examination` in, `Finding`s out.

A problem loses mail, shows passwords or lets others in; a warning may; the rest is worth knowing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from heloise.mail.address import AddressError, check_domain
from heloise.mail.reply import Reply
from heloise.mail.status import Severity
from heloise.probe.examination import Examination, Question, TlsExamined
from heloise.smtp.transaction import Offers

_DAY = 86400.0
_SOON = 14 * _DAY
_SLOW = 10.0  # seconds until the greeting
_LEAST_RSA = 2048
_IN_CLEAR = frozenset({"PLAIN", "LOGIN"})
_OLD = ("TLSv1", "TLSv1.1", "SSLv2", "SSLv3")
_VERSION = re.compile(r"\b\d+\.\d+(?:\.\d+)*\b")
_OFFERED_STATUS = "ENHANCEDSTATUSCODES"


class Weight(Enum):
    """How bad it is."""

    PROBLEM = "problem"
    WARNING = "warning"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing about a server. `id` is stable, for programs; `text` a sentence, `why` what it leads to."""

    weight: Weight
    id: str
    text: str
    why: str


def findings(found: Examination, now: float) -> tuple[Finding, ...]:
    """All there is, the worst first. `now` in seconds since the epoch."""
    if found.trouble:
        text = f"There is no conversation with it: {found.trouble}"
        return (_problem("link", text, "Nothing can be delivered there now."),)
    order = list(Weight)
    made = [each for one in _FINDERS for each in one(found)] + list(_tls(found, now))
    return tuple(sorted(made, key=lambda each: order.index(each.weight)))


def _problem(name: str, text: str, why: str) -> Finding:
    return Finding(Weight.PROBLEM, name, text, why)


def _warning(name: str, text: str, why: str) -> Finding:
    return Finding(Weight.WARNING, name, text, why)


def _note(name: str, text: str, why: str) -> Finding:
    return Finding(Weight.NOTE, name, text, why)


def _greeting(found: Examination) -> Iterator[Finding]:
    greeting = found.greeting
    if greeting is None:
        return
    if greeting.severity is not Severity.COMPLETED:
        later = greeting.severity is Severity.TRANSIENT
        why = (
            "Other servers come again later." if later else "Other servers return the mail, or take another exchanger."
        )
        yield _problem("greeting.refused", f"It takes nothing from here: {greeting}", f"{why} (RFC 5321 §3.1)")
        return
    word = greeting.lines[0].partition(" ")[0]
    try:
        full = "." in check_domain(word) or word.startswith("[")
    except AddressError:
        full = False
    if not full:
        yield _warning(
            "greeting.name", "The greeting does not begin with a full host name", "Clients check it (RFC 5321 §4.2)."
        )
    if _VERSION.search(greeting.text.partition(" ")[2]):
        yield _note("greeting.version", "The greeting tells the version of the program", "So do attackers learn it.")
    if found.greeted_after > _SLOW:
        text = f"The greeting came after {found.greeted_after:.0f} seconds"
        yield _note("greeting.slow", text, "It may be a tarpit, or a server that asks silent name servers.")


def _hello(found: Examination) -> Iterator[Finding]:
    if found.hello is not None and found.hello.severity is not Severity.COMPLETED:
        text = f"It refuses EHLO: {found.hello}"
        yield _problem("ehlo.refused", text, "Every server must take it (RFC 5321 §2.2.1); only HELO is left.")
    helo = found.heard.get(Question.HELO)
    if helo is not None and (helo.reply is None or helo.reply.severity is not Severity.COMPLETED):
        text = f"It refuses HELO: {helo.reply or helo.trouble}"
        yield _warning("helo.refused", text, "Old programs know nothing else (RFC 5321 §4.1.1.1).")
    if found.hello is None or found.hello.severity is not Severity.COMPLETED:
        return
    if not found.offers.has("8BITMIME"):
        yield _note("ehlo.8bitmime", "It does not take octets above 127 (8BITMIME)", "Mail has to be encoded for it.")
    if not found.offers.has("PIPELINING"):
        yield _note("ehlo.pipelining", "It does not offer PIPELINING", "Each command waits for the answer to the last.")


def _pipelining(found: Examination) -> Iterator[Finding]:
    if found.pipelines is False:
        yield _problem(
            "pipelining.broken",
            "It offers PIPELINING, and does not answer a group of commands",
            "Clients that believe it hang (RFC 2920 §3.2).",
        )


def _authentication(found: Examination) -> Iterator[Finding]:
    mechanisms = set((found.offers.argument("AUTH") or "").upper().split())
    is_secured = found.tls is not None and found.tls.is_implicit
    if not is_secured and mechanisms & _IN_CLEAR:
        names = " and ".join(sorted(mechanisms & _IN_CLEAR))
        yield _problem(
            "auth.in-clear",
            f"It offers AUTH {names} in plaintext",
            "Everybody on the way can read the passwords (RFC 4954 §9).",
        )


def _tls(found: Examination, now: float) -> Iterator[Finding]:
    tls = found.tls
    if tls is None:
        is_spoken_to = found.hello is not None and found.hello.severity is Severity.COMPLETED
        if is_spoken_to and not found.offers.has("STARTTLS"):
            yield _warning("tls.none", "It does not offer STARTTLS", "All mail to it can be read on its way.")
        return
    if tls.trouble:
        text = f"STARTTLS is offered and comes to nothing: {tls.trouble}"
        yield _problem("tls.broken", text, "Servers that require TLS can not deliver there.")
        return
    if tls.encryption is not None and tls.encryption.version in _OLD:
        yield _warning("tls.old", f"It agrees on {tls.encryption.version} only", "That is broken by now (RFC 8996).")
    if tls.answers_plaintext:
        yield _problem(
            "tls.injection",
            "It answers under TLS what was sent in plaintext behind STARTTLS",
            "An attacker can put commands before those of the client (RFC 3207 §6, CVE-2011-0411).",
        )
    yield from _certificate(found.name, tls, now)


def _certificate(name: str, tls: TlsExamined, now: float) -> Iterator[Finding]:
    shown = tls.certificate
    if tls.unverified:
        text = f"Its certificate is not believed for {name}: {tls.unverified}"
        yield _warning("tls.unverified", text, "Servers that verify, and mail programs, will not send there.")
    if shown is None:
        return
    if now > shown.not_after:
        yield _problem("tls.expired", f"Its certificate has expired {_days(now - shown.not_after)} ago", "Renew it.")
    elif now < shown.not_before:
        yield _problem("tls.not-yet", "Its certificate is not valid yet", "Look at the clocks.")
    elif shown.not_after - now < _SOON:
        yield _warning("tls.expires", f"Its certificate expires in {_days(shown.not_after - now)}", "Renew it in time.")
    if not shown.is_for(name) and not name.startswith("["):
        names = ", ".join(shown.names[:4]) or "no name at all"
        yield _warning(
            "tls.name", f"Its certificate is for {names}, not for {name}", "It proves another host (RFC 6125)."
        )
    if 0 < shown.key_bits < _LEAST_RSA:
        yield _warning("tls.key", f"The key of its certificate is {shown.key}", "2048 bits is the least today.")
    if shown.weak_hash is not None and not shown.is_self_issued:
        yield _warning("tls.hash", f"Its certificate is signed with {shown.weak_hash}", "Such signatures are forged.")


def _days(seconds: float) -> str:
    days = int(seconds // _DAY)
    return f"{days} day{'' if days == 1 else 's'}" if days else "less than a day"


def _behaviour(found: Examination) -> Iterator[Finding]:
    unknown = _reply(found, Question.UNKNOWN)
    if unknown is not None and unknown.severity is not Severity.PERMANENT:
        text = f"An unknown command is answered by {unknown}"
        yield _warning("unknown.answered", text, "It should be a 500 (RFC 5321 §4.2.4): clients test for commands so.")
    bare = _reply(found, Question.BARE_LF)
    if bare is not None and bare.severity is Severity.COMPLETED:
        yield _warning(
            "line.bare-lf",
            "It takes a bare LF for the end of a command",
            "Where it does so in messages too, mail can be smuggled in (RFC 5321 §2.3.8, CVE-2023-51764).",
        )
    without = [each.said for each in found.heard.values() if each.reply is not None and _lacks_status(each.reply)]
    # HELO has none (RFC 2034 §4)
    without = [said for said in without if not said.startswith("HELO")]
    if found.offers.has(_OFFERED_STATUS) and without:
        text = f"It offers {_OFFERED_STATUS} and gives none to {', '.join(sorted(set(without))[:4])}"
        yield _note("status.missing", text, "RFC 2034 §4 wants one in each reply of 2yz, 4yz and 5yz.")


def _lacks_status(reply: Reply) -> bool:
    return reply.status is None and reply.code >= 200 and reply.code // 100 != 3


def _telling(found: Examination) -> Iterator[Finding]:
    vrfy, nobody = _reply(found, Question.VRFY), _reply(found, Question.VRFY_NOBODY)
    if vrfy is not None and nobody is not None and vrfy.code in (250, 251) and nobody.severity is Severity.PERMANENT:
        yield _warning("vrfy.tells", f"VRFY tells who has a mailbox: {vrfy}", "Spammers ask it (RFC 5321 §7.3).")
    expn = _reply(found, Question.EXPN)
    if expn is not None and expn.code == 250:
        yield _warning("expn.tells", f"EXPN tells who is behind a name: {expn}", "Spammers ask it (RFC 5321 §7.3).")
    etrn = _reply(found, Question.ETRN)
    if etrn is not None and etrn.severity is Severity.COMPLETED:
        text = f"ETRN is answered for a domain that does not exist: {etrn}"
        yield _note("etrn.answered", text, "Anybody can have it work through its queue (RFC 1985 §6).")
    offered = [each for each in ("XCLIENT", "VERB") if found.offers.has(each)]
    for keyword in offered:
        yield _warning(f"{keyword.lower()}.offered", f"It offers {keyword} to us", "It is for friends only.")


def _mail(found: Examination) -> Iterator[Finding]:
    nobody = _reply(found, Question.NULL_SENDER)
    if nobody is not None and nobody.severity is Severity.PERMANENT and not _wants_auth(nobody):
        text = f"It refuses mail from nobody (<>): {nobody}"
        yield _problem("null-sender.refused", text, "Reports about its own mail can not reach it (RFC 5321 §4.5.5).")
    for question in (Question.POSTMASTER, Question.DOMAIN_POSTMASTER):
        reply = _reply(found, question)
        if reply is not None and reply.severity is Severity.PERMANENT and not _wants_auth(reply):
            where = "" if question is Question.POSTMASTER else f" at {found.domain}"
            text = f"It refuses mail for Postmaster{where}: {reply}"
            yield _warning(
                "postmaster.refused", text, "Every domain that takes mail must have one (RFC 5321 §4.5.1, RFC 2142 §5)."
            )


def _wants_auth(reply: Reply) -> bool:
    """RFC 4954 §6: a server of users takes nothing from others, not even for Postmaster."""
    return reply.code == 530


def _reply(found: Examination, question: Question) -> Reply | None:
    heard = found.heard.get(question)
    return None if heard is None else heard.reply


def _exchangers(found: Examination) -> Iterator[Finding]:
    for each in found.exchangers:
        if each.host == ".":
            yield _note("mx.null", "The domain takes no mail at all (null MX)", "RFC 7505 §3.")
        elif not each.addresses:
            text = f"The exchanger {each.host} has no address" + (f": {each.trouble}" if each.trouble else "")
            yield _warning("mx.address", text, "Mail that is to go there waits, or goes to the others.")
    if len({each.host for each in found.exchangers}) == 1 and found.exchangers[0].host != ".":
        yield _note("mx.single", "There is one exchanger only", "When it is down, mail waits at its senders.")


def mechanisms(offers: Offers) -> tuple[str, ...]:
    """Those of AUTH."""
    return tuple((offers.argument("AUTH") or "").upper().split())


_FINDERS = (_greeting, _exchangers, _hello, _pipelining, _authentication, _behaviour, _telling, _mail)
