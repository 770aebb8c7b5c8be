"""The catalogue of enhanced status codes: RFC 3463 and what the registry of RFC 5248 has gathered since.

Data for `heloise explain`. A status is `class.subject.detail`; subject and detail tell what it is about, the class
(2, 4, 5) how it ended. Names are those of the registry.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from heloise.mail.status import EnhancedStatus


@dataclass(frozen=True, slots=True, kw_only=True)
class StatusDetail:
    """One subject and detail."""

    subject: int
    detail: int
    title: str
    meaning: str
    advice: str
    clause: str

    def __str__(self) -> str:
        return f"X.{self.subject}.{self.detail}"


CLASSES: Mapping[int, str] = MappingProxyType(
    {
        2: "success",
        4: "persistent transient failure: the message may still get there later",
        5: "permanent failure: the message will not get there as it is",
    }
)

SUBJECTS: Mapping[int, str] = MappingProxyType(
    {
        0: "other or undefined",
        1: "addressing",
        2: "mailbox",
        3: "mail system",
        4: "network and routing",
        5: "mail delivery protocol",
        6: "message content or media",
        7: "security or policy",
    }
)

_SPELLING = "Check the spelling of the address."
_OWNER = "Only the owner of the mailbox can change it."
_OPERATOR = "Ask the operator of that server."
_LATER = "It passes by itself, as a rule."
_CLIENT = "Mend the client."

# subject, detail | title | meaning | advice | clause ("" for RFC 3463)
_TABLE: tuple[tuple[int, int, str, str, str, str], ...] = (
    (0, 0, "Other undefined status", "Nothing more is known than the class says.", "Read the text.", ""),
    (1, 0, "Other address status", "Something about the address.", "Read the text.", ""),
    (1, 1, "Bad destination mailbox address", "There is no such mailbox in that domain.", _SPELLING, ""),
    (1, 2, "Bad destination system address", "The domain does not exist or takes no mail.", _SPELLING, ""),
    (1, 3, "Bad destination mailbox address syntax", "The address is not written as one.", _SPELLING, ""),
    (1, 4, "Destination mailbox address ambiguous", "The address fits several mailboxes.", "Say which one.", ""),
    (1, 5, "Destination address valid", "The recipient is accepted.", "Nothing to do.", ""),
    (1, 6, "Destination mailbox has moved", "The user is elsewhere now.", "Use the new address, if told.", ""),
    (1, 7, "Bad sender's mailbox address syntax", "The reverse path is not written as one.", _CLIENT, ""),
    (1, 8, "Bad sender's system address", "The domain of the sender does not exist.", "Use one that does.", ""),
    (1, 9, "Message relayed to non-compliant mailer", "From there on nothing will be heard.", "Wait.", "RFC 3886"),
    (
        1,
        10,
        "Recipient address has null MX",
        "The domain says that it takes no mail.",
        "Use another address.",
        "RFC 7505 §4",
    ),
    (2, 0, "Other or undefined mailbox status", "The mailbox exists; something is with it.", "Read the text.", ""),
    (2, 1, "Mailbox disabled, not accepting messages", "The mailbox is switched off or locked.", _OWNER, ""),
    (2, 2, "Mailbox full", "It holds as much as its quota allows.", "Its owner has to make room.", ""),
    (2, 3, "Message length exceeds administrative limit", "Too large for this mailbox.", "Send a smaller one.", ""),
    (2, 4, "Mailing list expansion problem", "The list can not be expanded.", "Ask its owner.", ""),
    (3, 0, "Other or undefined mail system status", "Something is with the mail system.", "Read the text.", ""),
    (3, 1, "Mail system full", "The disk of the server has no room.", _LATER, ""),
    (3, 2, "System not accepting network messages", "Stopped, overloaded, or closed on purpose.", _LATER, ""),
    (3, 3, "System not capable of selected features", "It lacks what the message needs.", "Send it otherwise.", ""),
    (3, 4, "Message too big for system", "Larger than the server takes.", "Send a smaller one.", ""),
    (3, 5, "System incorrectly configured", "A mistake in the configuration of the server.", _OPERATOR, ""),
    (3, 6, "Requested priority was changed", "Taken, with another priority.", "Nothing to do.", "RFC 6710"),
    (4, 0, "Other or undefined network or routing status", "Something on the way.", "Read the text.", ""),
    (4, 1, "No answer from host", "Nobody answers at that address.", _LATER, ""),
    (4, 2, "Bad connection", "The connection was lost or timed out.", _LATER, ""),
    (4, 3, "Directory server failure", "DNS or another directory did not answer.", _LATER, ""),
    (4, 4, "Unable to route", "No way to that domain is known.", "Check the domain and its MX.", ""),
    (4, 5, "Mail system congestion", "Too much mail at once.", _LATER, ""),
    (4, 6, "Routing loop detected", "The message goes in circles.", "Look at its Received fields.", ""),
    (4, 7, "Delivery time expired", "It waited as long as messages may.", "Mend the trouble told with it.", ""),
    (5, 0, "Other or undefined protocol status", "Client and server do not get along.", "Read the text.", ""),
    (5, 1, "Invalid command", "Unknown, not offered, or at the wrong time.", _CLIENT, ""),
    (5, 2, "Syntax error", "The command can not be read.", _CLIENT, ""),
    (5, 3, "Too many recipients", "More than one transaction may have.", "Send the rest in another one.", ""),
    (5, 4, "Invalid command arguments", "The command is known, its arguments are wrong.", _CLIENT, ""),
    (5, 5, "Wrong protocol version", "The two speak different versions.", _CLIENT, ""),
    (5, 6, "Authentication exchange line is too long", "A response in AUTH is too long.", _CLIENT, "RFC 4954 §6"),
    (6, 0, "Other or undefined media error", "Something about the content.", "Read the text.", ""),
    (6, 1, "Media not supported", "The content is of a kind that is not taken.", "Send another kind.", ""),
    (6, 2, "Conversion required and prohibited", "It would have to be changed, and must not.", "Send it plainer.", ""),
    (6, 3, "Conversion required but not supported", "It would have to be changed.", "Send it plainer.", ""),
    (6, 4, "Conversion with loss performed", "It was changed, and lost something.", "Nothing to do.", ""),
    (6, 5, "Conversion failed", "It could not be changed.", "Send it plainer.", ""),
    (6, 6, "Message content not available", "What BURL names could not be had.", "Send the text.", "RFC 4468"),
    (
        6,
        7,
        "Non-ASCII addresses not permitted",
        "An address outside ASCII was used without SMTPUTF8.",
        "Say SMTPUTF8 at MAIL, or use an ASCII address.",
        "RFC 6531 §4.2",
    ),
    (
        6,
        8,
        "UTF-8 string reply is required",
        "The answer has letters outside ASCII, and the client did not say it takes them.",
        "Say SMTPUTF8 with VRFY or EXPN.",
        "RFC 6531 §4.2",
    ),
    (
        6,
        9,
        "UTF-8 header message cannot be transferred",
        "The next server lacks SMTPUTF8.",
        "Use ASCII addresses and headers.",
        "RFC 6531 §4.2",
    ),
    (7, 0, "Other or undefined security status", "Something about who may do what.", "Read the text.", ""),
    (7, 1, "Delivery not authorized, message refused", "This client may not send this there.", _OPERATOR, ""),
    (7, 2, "Mailing list expansion prohibited", "The sender may not write to this list.", "Ask its owner.", ""),
    (7, 3, "Security conversion required but not possible", "From one kind to another.", "Send it plainer.", ""),
    (7, 4, "Security features not supported", "It needs what the server lacks.", "Send it otherwise.", ""),
    (7, 5, "Cryptographic failure", "Decryption or a handshake failed.", _OPERATOR, ""),
    (7, 6, "Cryptographic algorithm not supported", "The server lacks the algorithm.", "Use another one.", ""),
    (7, 7, "Message integrity failure", "The message was changed on the way.", "Send it again.", ""),
    (7, 8, "Authentication credentials invalid", "Wrong name or password.", "Ask the user.", "RFC 4954 §6"),
    (7, 9, "Authentication mechanism is too weak", "Not for this user.", "Use a stronger one.", "RFC 4954 §6"),
    (7, 10, "Encryption needed", "Only over TLS.", "Say STARTTLS first.", "RFC 5248"),
    (7, 11, "Encryption required for this mechanism", "It shows the password.", "Say STARTTLS first.", "RFC 4954 §6"),
    (7, 12, "A password transition is needed", "Once by PLAIN.", "Sign in by PLAIN over TLS.", "RFC 4954 §6"),
    (7, 13, "User account disabled", "The account is switched off.", _OPERATOR, "RFC 5248"),
    (7, 14, "Trust relationship required", "With the other server.", _OPERATOR, "RFC 5248"),
    (7, 15, "Priority level is too low", "For what the server takes now.", _LATER, "RFC 6710"),
    (7, 16, "Message is too big for the priority", "A smaller one would go.", "Lower priority.", "RFC 6710"),
    (7, 17, "Mailbox owner has changed", "Since the sender knew it.", "Check the address.", "RFC 7293"),
    (7, 18, "Domain owner has changed", "Since the sender knew it.", "Check the address.", "RFC 7293"),
    (7, 19, "RRVS test cannot be completed", "Nobody knows since when.", "Send without RRVS.", "RFC 7293"),
    (7, 20, "No passing DKIM signature found", "The receiver wants one.", "Sign the mail.", "RFC 7372 §3.1"),
    (7, 21, "No acceptable DKIM signature found", "None of a kind it trusts.", "Sign anew.", "RFC 7372 §3.1"),
    (7, 22, "No author-matched DKIM signature found", "None of the author.", "Sign as author.", "RFC 7372 §3.1"),
    (7, 23, "SPF validation failed", "This client may not send for that domain.", "Mend SPF.", "RFC 7372 §3.2"),
    (7, 24, "SPF validation error", "The SPF record can not be read.", "Mend the record.", "RFC 7372 §3.2"),
    (7, 25, "Reverse DNS validation failed", "The client's name and address differ.", "Mend DNS.", "RFC 7372 §3.3"),
    (7, 26, "Multiple authentication checks failed", "More than one.", "Read the text.", "RFC 7372 §3.4"),
    (7, 27, "Sender address has null MX", "No report could reach the sender.", "Use another.", "RFC 7505 §4"),
    (7, 28, "Mail flood detected", "Too much mail from one place.", "Send slower.", "IANA registry"),
    (7, 29, "ARC validation failure", "The chain of those who passed it on is broken.", _OPERATOR, "RFC 8617"),
    (7, 30, "REQUIRETLS support required", "The next server lacks it.", "Send without REQUIRETLS.", "RFC 8689 §7"),
)

STATUS_DETAILS: Mapping[tuple[int, int], StatusDetail] = MappingProxyType(
    {
        (subject, detail): StatusDetail(
            subject=subject,
            detail=detail,
            title=title,
            meaning=meaning,
            advice=advice,
            clause=clause or f"RFC 3463 §3.{subject + 1}",
        )
        for subject, detail, title, meaning, advice, clause in _TABLE
    }
)


def find_detail(status: EnhancedStatus) -> StatusDetail | None:
    """What is known of a status, whatever its class."""
    return STATUS_DETAILS.get((status.subject, status.detail))
