"""Does a message fit this peer, and with which commands is it sent? Pure. RFC 5321 §2.2, RFC 1870 §6, RFC 6152 §3.

Input: what the peer offers, the envelope, the facts of the content. Output: a `Plan`, or the reply that all
recipients get in the peer's place. Decided before MAIL, so that nothing is begun in vain.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import assert_never

from heloise.mail.content import ContentFacts
from heloise.mail.envelope import NO_PARAMETERS, Envelope, Parameter, Parameters, Recipient
from heloise.mail.reply import Reply
from heloise.smtp import client_replies
from heloise.smtp.command import Mail, Rcpt
from heloise.smtp.extension import Downgrade, Extension, always_proceed, no_mail_arguments
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


@dataclass(frozen=True, slots=True, kw_only=True)
class WireForm:
    """What the content has to be for a peer, and is not or may not be.

    `seven_bit`: no octet above 127; `lines`: no bare CR or LF, no NUL; `ascii_header`: no octet above 127 in a header.
    """

    seven_bit: bool = False
    lines: bool = False
    ascii_header: bool = False


ANY_FORM = WireForm()  # asks for nothing


class Planner:
    """Plans the transactions of one session: sorts the extensions once into those the peer offers and the others, and
    passes over those that have nothing to say about any message."""

    def __init__(
        self, registry: Iterable[Extension], offers: Offers, *, prefer_chunking: bool, is_known: bool = False
    ) -> None:
        self._offers = offers
        self._is_known = is_known  # the peer knows who we are, by AUTH
        self._prefer_chunking = prefer_chunking
        self._size_limit = offers.size_limit
        self._utf8 = offers.has("SMTPUTF8")
        self._chunking = offers.has("CHUNKING")
        self._lacking: list[Extension] = []
        self._offered: list[tuple[Extension, str]] = []
        for extension in registry:
            argument = offers.argument(extension.keyword)
            if argument is None:
                if extension.downgrade is not always_proceed:
                    self._lacking.append(extension)
            else:
                self._offered.append((extension, argument))
        self._asked_at_mail = [each for each in self._offered if each[0].mail_arguments is not no_mail_arguments]
        self._asked_at_rcpt = [
            (extension, argument) for extension, argument in self._offered if extension.rcpt_keywords
        ]

    def plan(self, envelope: Envelope, facts: ContentFacts) -> Plan | Reply:
        """How to send it, or why not."""
        if self._size_limit is not None and facts.size > self._size_limit:
            return client_replies.too_big(facts.size, self._size_limit)
        if not self._utf8 and not envelope.reverse_path.is_ascii:
            return client_replies.SENDER_NOT_ASCII
        sendable = self._sendable(envelope)
        lacking = self._needed_and_lacking(sendable, facts)
        if lacking is not None:
            return client_replies.needs_extension(lacking)
        parameters = self._mail_parameters(sendable, facts)
        binary = self._chunking and parameters.value("BODY") == "BINARYMIME"
        if facts.binary and not binary:
            return client_replies.needs_extension("BINARYMIME")
        return Plan(
            mail=Mail(envelope.reverse_path, parameters),
            recipients=tuple([self._recipient(envelope, recipient) for recipient in envelope.recipients]),
            chunking=binary or (self._prefer_chunking and self._chunking),
            binary=binary,
        )

    def form(self, envelope: Envelope, facts: ContentFacts) -> WireForm:
        """Into which form the content has to be brought before it can be planned for, and sent."""
        if not (facts.eight_bit or facts.binary):
            return ANY_FORM  # RFC 2045 §2.7: seven-bit lines go anywhere
        to_convert = {
            extension.keyword
            for extension in self._lacking
            if extension.downgrade(envelope, facts) is Downgrade.CONVERT
        }
        seven_bit = "8BITMIME" in to_convert
        return WireForm(
            seven_bit=seven_bit,
            lines=seven_bit or "BINARYMIME" in to_convert or (facts.binary and not self._chunking),
            # RFC 6531 §3.2: the header may be why SMTPUTF8 was said, and nobody knows without looking at it.
            ascii_header=facts.eight_bit and not self._utf8 and "SMTPUTF8" in envelope.parameters,
        )

    def _sendable(self, envelope: Envelope) -> Envelope:
        """The envelope without recipients that can not be written here: the others shall not suffer for them."""
        if self._utf8:
            return envelope
        fitting = tuple([recipient for recipient in envelope.recipients if recipient.forward_path.is_ascii])
        return envelope if len(fitting) == len(envelope.recipients) else replace(envelope, recipients=fitting)

    def _needed_and_lacking(self, envelope: Envelope, facts: ContentFacts) -> str | None:
        for extension in self._lacking:
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

    def _mail_parameters(self, envelope: Envelope, facts: ContentFacts) -> Parameters:
        found: dict[str, Parameter] = {}
        for extension, argument in self._asked_at_mail:
            for parameter in extension.mail_arguments(argument, envelope, facts):
                found[parameter.keyword] = parameter
        if self._is_known and "AUTH" not in found:
            found["AUTH"] = Parameter("AUTH", "<>")  # RFC 4954 §5: we do not vouch for who wrote it
        return Parameters(tuple(found.values())) if found else NO_PARAMETERS

    def _recipient(self, envelope: Envelope, recipient: Recipient) -> Rcpt | Reply:
        if not (self._utf8 or recipient.forward_path.is_ascii):
            return client_replies.recipient_not_ascii(recipient.forward_path)
        found: dict[str, Parameter] = {}
        for extension, argument in self._asked_at_rcpt:
            for parameter in extension.rcpt_arguments(argument, envelope, recipient):
                found[parameter.keyword] = parameter
        return Rcpt(recipient.forward_path, Parameters(tuple(found.values())) if found else NO_PARAMETERS)
