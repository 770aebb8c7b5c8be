"""Bounces without the fields of RFC 3464: qmail, Exim, and many that only say it in words. By guess, in text."""

import re
from collections.abc import Iterator, Mapping

from heloise.dsn.reading import ReadRecipient, fit, read_action, read_status
from heloise.mail.outcome import Action

_DAEMON = re.compile(r"mailer-?daemon|postmaster|mail ?delivery", re.IGNORECASE)
_SUBJECT = re.compile(
    r"undeliver|deliver\w* (?:status|fail|problem|delay)|fail\w* (?:notice|deliver)|return\w* (?:mail|to sender)"
    r"|could not be delivered|delayed",
    re.IGNORECASE,
)
_ADDRESS = r"[^\s<>()\[\],;:@\"]{1,200}@[^\s<>()\[\],;:@\"]{1,255}"
# `<bob@remote.test>:` and an address alone on an indented line: how nearly all begin what they say of a recipient.
_BEGINS = re.compile(rf"(?:\s{{0,20}}<({_ADDRESS})>.{{0,2000}}|\s{{1,20}}({_ADDRESS})\s{{0,20}})")
_CODE = re.compile(r"(?<![\d.])[245]\d\d[ -](?:[245]\.\d{1,3}\.\d{1,3}[ -])?\S.{0,1000}", re.ASCII)
_MOST = 1000  # recipients
_MOST_LINES = 5000


def looks_like_a_bounce(header: Mapping[str, str]) -> bool:
    """By its header (names in lower case): from a mail system, about a delivery."""
    if "x-failed-recipients" in header:
        return True
    from_nobody = header.get("return-path", "").strip() == "<>" or _DAEMON.search(header.get("from", "")) is not None
    return from_nobody and _SUBJECT.search(header.get("subject", "")) is not None


def guess_recipients(header: Mapping[str, str], text: str) -> tuple[ReadRecipient, ...]:
    """Who is meant, and why, as far as the text tells."""
    delayed = "delay" in header.get("subject", "").lower()
    named = [each.strip() for each in header.get("x-failed-recipients", "").split(",") if "@" in each]
    said = dict(_said(text))
    found: dict[str, str] = {address: said.get(address, "") for address in named} or said
    return tuple(_recipient(address, words, delayed=delayed) for address, words in list(found.items())[:_MOST])


def _recipient(address: str, words: str, *, delayed: bool) -> ReadRecipient:
    code = _CODE.search(words)
    diagnostic = fit(code[0] if code is not None else words)
    status = read_status(diagnostic)
    action = Action.DELAYED if delayed else read_action("", status)
    return ReadRecipient(
        address=fit(address),
        action=action if action in (Action.DELAYED, Action.FAILED) else Action.FAILED,
        status=status,
        diagnostic=diagnostic or None,
        diagnostic_type="smtp" if code is not None else None,
    )


def _said(text: str) -> Iterator[tuple[str, str]]:
    """Each address with the words below it, up to the next address or the copy of the message."""
    address, words = "", list[str]()
    for line in text.split("\n")[:_MOST_LINES]:
        if line.startswith("---") and address:
            break
        begins = _BEGINS.match(line)
        if begins is None:
            words.append(line)
            continue
        if address:
            yield address, " ".join(words)
        address = begins[1] or begins[2]
        words = [line.partition(">")[2].lstrip(": ")] if begins[1] else []
    if address:
        yield address, " ".join(words)
