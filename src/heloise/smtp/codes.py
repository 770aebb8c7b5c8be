"""The catalogue of reply codes: what each means, what a client does, where it is defined, which causes give it here.

Data for `heloise explain` and the protocol pages; the engines do not read it. First the codes of RFC 5321 §4.2.3,
then those that extensions and sendmail add. `SEVERITIES` tells of codes that are not in it, by their first digit.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from heloise.mail.status import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplyCode:
    """One code. `also` is what it means to other commands than those it was made for.

    `causes` are ids of `heloise.mail.causes`; empty for a code that only other servers say.
    """

    code: int
    title: str
    meaning: str
    advice: str
    clause: str
    also: str = ""
    causes: tuple[str, ...] = ()

    @property
    def severity(self) -> Severity:
        """What the first digit says."""
        return Severity(self.code // 100)

    def __str__(self) -> str:
        return f"{self.code:03d}"


SEVERITIES: Mapping[Severity, str] = MappingProxyType(
    {
        Severity.PROGRESS: "Progress, told after VERB; the reply proper is still to come.",
        Severity.PRELIMINARY: "Preliminary; SMTP has no such replies.",
        Severity.COMPLETED: "Done: the server did what it was asked to.",
        Severity.INTERMEDIATE: "So far so good: the server waits for more.",
        Severity.TRANSIENT: "Not done, for now: the same may work later, so a mail server keeps the message and tries "
        "again.",
        Severity.PERMANENT: "Not done, for good: the same would fail again, so the sender is told.",
    }
)

_GO_ON = "Go on."
_AGAIN = "Keep the message and try again later; do not trouble the sender yet."
_RETURN = "Do not try again; tell the sender."
_MEND = "This is a mistake in the client: mend it. Trying again as it is does not help."


def _code(
    code: int, title: str, meaning: str, advice: str, clause: str, causes: str = "", *, also: str = ""
) -> ReplyCode:
    return ReplyCode(
        code=code, title=title, meaning=meaning, advice=advice, clause=clause, also=also, causes=tuple(causes.split())
    )


_CLASSIC = (
    _code(
        211,
        "System status",
        "How the server is: its version, how long it has been up, what is in the queue. Said to HELP STATUS.",
        "For people; a client skips it.",
        "RFC 5321 §4.2.3",
        "help.status",
    ),
    _code(
        214,
        "Help message",
        "What commands there are, or how one of them is written. Said to HELP.",
        "For people; a client skips it.",
        "RFC 5321 §4.1.1.8",
        "help.topics",
    ),
    _code(
        220,
        "Service ready",
        "The greeting. The first word is the name of the server.",
        "Say EHLO.",
        "RFC 5321 §4.2",
        "session.greeting tls.go-ahead",
        also="After STARTTLS: begin the handshake (RFC 3207 §4).",
    ),
    _code(
        221,
        "Service closing transmission channel",
        "The answer to QUIT: the server closes the connection.",
        "Close the connection.",
        "RFC 5321 §4.1.1.10",
        "session.closing",
    ),
    _code(
        250,
        "Requested mail action okay, completed",
        "Done. After the end of a message it means more: the message is on stable storage, and the server is "
        "responsible for it from now on.",
        "Go on; after the end of a message, forget it: it must not be sent again.",
        "RFC 5321 §4.2.3, §4.2.5",
        "hello.accepted mail.accepted recipient.accepted message.taken chunk.taken reset.done noop.done verb.on "
        "verb.off onex.promised etrn.started atrn.turned vrfy.confirmed expn.expanded local.delivered local.discarded "
        "peer.said client.forwarded",
    ),
    _code(
        251,
        "User not local; will forward",
        "The user has moved. The mail is taken and sent on to the address in the reply.",
        "Go on as after 250; a person may note the new address.",
        "RFC 5321 §3.4",
        "recipient.forwarded etrn.nothing-waiting",
        also="To ETRN: no mail waits for the node (RFC 1985 §5).",
    ),
    _code(
        252,
        "Cannot VRFY user, but will accept message and attempt delivery",
        "The server does not know, or does not say, whether the mailbox exists.",
        "Send the mail, and see.",
        "RFC 5321 §3.5.3",
        "vrfy.cannot-tell etrn.under-way",
        also="To ETRN: delivery for the node has begun (RFC 1985 §5).",
    ),
    _code(
        354,
        "Start mail input",
        "The server waits for the message; it ends with a line that has only a dot.",
        "Send the message with doubled leading dots, then CRLF . CRLF.",
        "RFC 5321 §4.1.1.4",
        "data.go-ahead",
    ),
    _code(
        421,
        "Service not available, closing transmission channel",
        "The server ends the session: it is being stopped, is too busy, or has lost its patience with the client.",
        _AGAIN,
        "RFC 5321 §3.8, §4.2.3",
        "session.shutdown session.idle session.too-many-errors session.too-many-connections session.flood "
        "session.idle-commands session.refused-recipients "
        "session.fault command.syntax link.refused link.timed-out link.lost link.lost-after-dot tls.injected "
        "quota.exceeded milter.later budget.memory budget.descriptors",
    ),
    _code(
        450,
        "Requested mail action not taken: mailbox unavailable",
        "The mailbox can not be used for now: it is locked, or a rule asks for patience (greylisting).",
        _AGAIN,
        "RFC 5321 §4.2.3",
        "mailbox.locked policy.not-now quota.exceeded atrn.refused atrn.waits peer.said",
        also="To ATRN: a domain is not the client's own (RFC 2645 §5.2.1).",
    ),
    _code(
        451,
        "Requested action aborted: local error in processing",
        "Something went wrong on the server; nothing was kept.",
        _AGAIN,
        "RFC 5321 §4.2.3",
        "session.fault storage.fault lookup.failed local.trouble dns.failure delivery.fault delivery.congested "
        "peer.nonsense policy.not-now policy.overrun policy.fault "
        "sender.dns-failure greylist.wait atrn.trouble route.not-configured program.not-started "
        "milter.later milter.trouble rspamd.later rspamd.trouble",
    ),
    _code(
        452,
        "Requested action not taken: insufficient system storage",
        "There is no room for the message now.",
        _AGAIN,
        "RFC 5321 §4.2.3",
        "storage.full recipient.too-many budget.memory budget.descriptors",
        also="To RCPT: the transaction has as many recipients as are taken; send to those, then to the rest at once "
        "(§4.5.3.1.10).",
    ),
    _code(
        500,
        "Syntax error, command unrecognized",
        "There is no such command, or the line can not be read as one: too long, empty, or with a bare CR or LF.",
        _MEND,
        "RFC 5321 §4.2.4",
        "command.unknown command.empty command.syntax line.too-long line.ending sequence.wrong-hello "
        "auth.line-too-long",
    ),
    _code(
        501,
        "Syntax error in parameters or arguments",
        "The command is known; what follows it is not written as its grammar asks.",
        _MEND,
        "RFC 5321 §4.2.4",
        "command.argument command.needs-argument command.syntax hello.name path.syntax parameter.syntax "
        "parameter.held-too-long "
        "parameter.twice "
        "auth.cancelled auth.syntax client.attribute",
    ),
    _code(
        502,
        "Command not implemented",
        "The command is known, but not offered, or not to this client.",
        "Do without it; the answer to EHLO tells what there is.",
        "RFC 5321 §4.2.4",
        "command.not-implemented command.disabled atrn.only",
    ),
    _code(
        503,
        "Bad sequence of commands",
        "The command came at the wrong time. Most often an earlier one was refused and the client went on.",
        "Look at the first refused command before it.",
        "RFC 5321 §4.1.4",
        "sequence.hello-first sequence.nested-mail sequence.mail-first sequence.rcpt-first sequence.in-transaction "
        "sequence.chunking sequence.binary-data sequence.refused-session sequence.onex-spent atrn.not-last "
        "auth.already tls.already",
    ),
    _code(
        504,
        "Command parameter not implemented",
        "The parameter is known, this value of it is not supported.",
        "Use another value, or none.",
        "RFC 5321 §4.2.4",
        "parameter.value help.unknown-topic auth.mechanism",
        also="To HELP: there is no help on that.",
    ),
    _code(
        550,
        "Requested action not taken: mailbox unavailable",
        "There is no such mailbox, or the client may not send to it, or a rule forbids the mail. The enhanced status "
        "tells which: 5.1.1 unknown, 5.7.1 not allowed.",
        _RETURN,
        "RFC 5321 §4.2.3",
        "client.not-allowed delivery.needs-tls "
        "recipient.unknown relay.denied srs.forged srs.expired recipient.not-ascii policy.refused policy.points "
        "hello.ours hello.literal hello.short hello.unresolved client.no-name client.listed sender.null-mx "
        "dns.no-such-domain "
        "route.none peer.said "
        "milter.rejected milter.trouble rspamd.trouble",
    ),
    _code(
        551,
        "User not local; please try",
        "The user has moved, and mail for the old address is not taken; the reply has the new one.",
        "Tell the sender the new address. A mail server does not send there by itself (§7.4).",
        "RFC 5321 §3.4",
        "recipient.moved",
    ),
    _code(
        552,
        "Requested mail action aborted: exceeded storage allocation",
        "The message is larger than the server takes (5.3.4), or the mailbox is full (5.2.2).",
        "Send a smaller message; SIZE in the answer to EHLO tells the limit. A full mailbox: its owner makes room.",
        "RFC 5321 §4.2.3; RFC 1870 §6.1",
        "size.over-limit mailbox.full delivery.too-big",
    ),
    _code(
        553,
        "Requested action not taken: mailbox name not allowed",
        "The address has a form that is not taken here.",
        "Write the address plainly.",
        "RFC 5321 §4.2.3",
        "recipient.name-not-allowed recipient.not-ascii vrfy.ambiguous delivery.needs-extension program.option "
        "auth.sender sender.no-such-domain",
        also="To VRFY: the name fits several mailboxes; say which (§3.5.1).",
    ),
    _code(
        554,
        "Transaction failed",
        "No more can be said by a code: as a greeting, no service for this client; after a message, its content can "
        "not be taken; at DATA, no recipient was accepted.",
        _RETURN,
        "RFC 5321 §3.1, §4.2.3",
        "session.refused proxy.not-one alias.loop data.no-recipients content.line-ending content.line-too-long "
        "content.loop delivery.needs-extension delivery.header-not-ascii delivery.sealed delivery.unconvertible "
        "delivery.expired route.loops-back policy.refused "
        "rspamd.rejected",
    ),
)

_COMPANIONS = (
    _code(
        50,
        "Progress",
        "What happens while the client waits, after VERB. It is no reply: that follows.",
        "Show it or skip it.",
        "sendmail VERB",
        "verb.progress",
    ),
    _code(
        235,
        "Authentication succeeded",
        "The server knows now who the client is.",
        _GO_ON,
        "RFC 4954 §6",
        "auth.accepted",
    ),
    _code(
        253,
        "Pending messages for node started",
        "To ETRN: so many messages waited for the node, and their delivery has begun.",
        "Wait for the mail to come, on a connection of its own.",
        "RFC 1985 §5",
        "etrn.started",
    ),
    _code(
        334,
        "Server challenge",
        "In the middle of AUTH: the text is a challenge in base64.",
        "Send the response, or * to give up.",
        "RFC 4954 §4",
        "auth.challenge",
    ),
    _code(
        432,
        "A password transition is needed",
        "The user has to sign in once by another mechanism before this one works.",
        "Sign in by PLAIN over TLS once.",
        "RFC 4954 §6",
    ),
    _code(
        453,
        "You have no mail",
        "To ATRN: no mail waits for these domains.",
        "Come back later.",
        "RFC 2645 §5.2.1",
        "atrn.nothing-waiting",
    ),
    _code(
        454,
        "Temporary authentication failure; TLS not available",
        "After AUTH: the server could not ask who has which password. After STARTTLS: it can not do TLS now.",
        _AGAIN,
        "RFC 4954 §6; RFC 3207 §4",
        "auth.locked auth.trouble tls.unavailable tls.not-offered tls.failed "
        "login.not-offered login.needs-tls login.refused login.failed login.unknown",
    ),
    _code(
        455,
        "Server unable to accommodate parameters",
        "A parameter of MAIL or RCPT is known but can not be honoured now.",
        _AGAIN,
        "RFC 5321 §4.1.1.11",
    ),
    _code(
        458,
        "Unable to queue messages for node",
        "To ETRN: the queue could not be asked, or was asked too often.",
        "Ask again later.",
        "RFC 1985 §5",
        "etrn.trouble etrn.too-often",
    ),
    _code(
        459,
        "Node not allowed",
        "To ETRN: the server does not keep mail for this node, or does not start it on request.",
        "Ask the operator of the server.",
        "RFC 1985 §5",
        "etrn.refused atrn.waits",
    ),
    _code(
        521,
        "Host does not accept mail",
        "The machine takes no mail, for nobody.",
        _RETURN,
        "RFC 7504 §3",
    ),
    _code(
        530,
        "Authentication required",
        "The client has to say who it is (5.7.0), or to use TLS first (5.7.0 Must issue a STARTTLS command first).",
        "Say STARTTLS, then AUTH.",
        "RFC 4954 §6; RFC 3207 §4; RFC 2645 §5.2.1",
        "atrn.who auth.required",
    ),
    _code(
        534,
        "Authentication mechanism is too weak",
        "This user may not sign in by a mechanism that weak.",
        "Use a stronger one of those that EHLO lists.",
        "RFC 4954 §6",
    ),
    _code(
        535,
        "Authentication credentials invalid",
        "The name or the password is wrong.",
        "Ask the user; do not try the same again, or the account may be locked.",
        "RFC 4954 §6",
        "auth.refused",
    ),
    _code(
        538,
        "Encryption required for requested authentication mechanism",
        "This mechanism shows the password, so it works only over TLS.",
        "Say STARTTLS first.",
        "RFC 4954 §6",
        "auth.needs-tls",
    ),
    _code(
        555,
        "MAIL FROM/RCPT TO parameters not recognized or not implemented",
        "The server did not offer this parameter to this client.",
        "Use only what the answer to EHLO offers.",
        "RFC 5321 §4.1.1.11",
        "parameter.unknown parameter.too-soon",
    ),
    _code(
        556,
        "Domain does not accept mail",
        "The domain of the recipient says by a null MX that it takes no mail.",
        _RETURN,
        "RFC 7504 §4; RFC 7505 §4.1",
        "route.null-mx",
    ),
)

REPLY_CODES: Mapping[int, ReplyCode] = MappingProxyType({item.code: item for item in (*_CLASSIC, *_COMPANIONS)})


def codes_of(cause_id: str) -> tuple[ReplyCode, ...]:
    """The codes a cause gives."""
    return tuple(item for item in REPLY_CODES.values() if cause_id in item.causes)
