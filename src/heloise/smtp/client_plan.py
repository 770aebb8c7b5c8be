"""Does a message fit this peer, and with which commands is it sent? Pure. RFC 5321 §2.2, RFC 1870 §6, RFC 6152 §3.

Input: what the peer offers, the envelope, the facts of the content. Output: a `Plan`, or the reply that all
recipients get in the peer's place. Decided before MAIL, so that nothing is begun in vain.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter, Parameters, Recipient
from heloise.mail.reply import Reply
from heloise.smtp import client_replies
from heloise.smtp.command import Mail, Rcpt
from heloise.smtp.extension import Downgrade, Extension
from heloise.smtp.transaction import Offers


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The commands of one transaction.

    `recipients[i]` is the RCPT for recipient i of the envelope, or the reply when this one can not be sent here.
    `chunking`: the content goes by BDAT; `binary`: it may have any octets.
    """

    mail: Mail
    recipients: tuple[Rcpt | Reply, ...]
    chunking: bool
    binary: bool


def make_plan(
    registry: Iterable[Extension], offers: Offers, envelope: Envelope, facts: ContentFacts, *, prefer_chunking: bool
) -> Plan | Reply:
    """How to send it, or why not."""
    limit = offers.size_limit
    if limit is not None and facts.size > limit:
        return client_replies.too_big(facts.size, limit)
    if not envelope.reverse_path.is_ascii and not offers.has("SMTPUTF8"):
        return client_replies.SENDER_NOT_ASCII
    sendable = _sendable(envelope, offers)
    offered = [extension for extension in registry if offers.has(extension.keyword)]
    lacking = _needed_and_lacking(registry, offers, sendable, facts)
    if lacking is not None:
        return client_replies.needs_extension(lacking)
    parameters = _mail_parameters(offered, offers, sendable, facts)
    binary = parameters.value("BODY") == "BINARYMIME" and offers.has("CHUNKING")
    if facts.binary and not binary:
        return client_replies.needs_extension("BINARYMIME")
    return Plan(
        mail=Mail(envelope.reverse_path, parameters),
        recipients=_recipients(offered, offers, envelope),
        chunking=binary or (prefer_chunking and offers.has("CHUNKING")),
        binary=binary,
    )


def _fits(recipient: Recipient, offers: Offers) -> bool:
    return recipient.forward_path.is_ascii or offers.has("SMTPUTF8")


def _sendable(envelope: Envelope, offers: Offers) -> Envelope:
    """The envelope without recipients that can not be written here: the others shall not suffer for them."""
    fitting = tuple(recipient for recipient in envelope.recipients if _fits(recipient, offers))
    return envelope if len(fitting) == len(envelope.recipients) else replace(envelope, recipients=fitting)


def _needed_and_lacking(
    registry: Iterable[Extension], offers: Offers, envelope: Envelope, facts: ContentFacts
) -> str | None:
    for extension in registry:
        if offers.has(extension.keyword):
            continue
        downgrade = extension.downgrade(envelope, facts)
        match downgrade:
            case Downgrade.PROCEED | Downgrade.REPORT_RELAYED:
                continue
            case Downgrade.CONVERT:
                # Conversion belongs to whoever has the content: it converts, and plans again with the new facts.
                return extension.keyword
            case Downgrade.FAIL:
                return extension.keyword
            case _:
                assert_never(downgrade)
    return None


def _mail_parameters(
    offered: Iterable[Extension], offers: Offers, envelope: Envelope, facts: ContentFacts
) -> Parameters:
    found: dict[str, Parameter] = {}
    for extension in offered:
        for parameter in extension.mail_arguments(offers.keywords[extension.keyword], envelope, facts):
            found[parameter.keyword] = parameter
    return Parameters(tuple(found.values()))


def _recipients(offered: list[Extension], offers: Offers, envelope: Envelope) -> tuple[Rcpt | Reply, ...]:
    asked = [extension for extension in offered if extension.rcpt_keywords]
    return tuple(
        Rcpt(recipient.forward_path, _rcpt_parameters(asked, offers, envelope, recipient))
        if _fits(recipient, offers)
        else client_replies.recipient_not_ascii(recipient.forward_path)
        for recipient in envelope.recipients
    )


def _rcpt_parameters(asked: list[Extension], offers: Offers, envelope: Envelope, recipient: Recipient) -> Parameters:
    found: dict[str, Parameter] = {}
    for extension in asked:
        for parameter in extension.rcpt_arguments(offers.keywords[extension.keyword], envelope, recipient):
            found[parameter.keyword] = parameter
    return Parameters(tuple(found.values()))
