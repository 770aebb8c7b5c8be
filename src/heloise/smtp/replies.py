"""Every reply we say, as a constant or a constructor: code, enhanced status, text and cause together.

A three-digit literal anywhere else is a mistake. Texts are short and name no configuration; the cause has the rest.
Greeting and hello replies have no enhanced status, 3yz neither (RFC 2034 §4).
"""

import re
from base64 import b64encode
from collections.abc import Sequence

from heloise.mail import causes
from heloise.mail.cause import Cause, CauseKind, Rule
from heloise.mail.path import ForwardPath
from heloise.mail.reply import Reply, printable
from heloise.mail.status import EnhancedStatus

_STATUS_LINE = re.compile(r"([2-5][0-9]{2})(?:[ -](.*))?\Z", re.DOTALL)


def reply(code: int, status: str | None, text: str, cause: Cause | CauseKind) -> Reply:
    """A reply of one line. Raises ValueError when code, status and text do not fit."""
    return Reply(
        code=code,
        status=None if status is None else EnhancedStatus.parse(status),
        lines=(printable(text),),
        cause=cause.because() if isinstance(cause, CauseKind) else cause,
    )


def fault(code: int, status: EnhancedStatus | None, text: str, cause: Cause) -> Reply:
    """What a fault rule says: any code, whether or not it belongs there. Raises ValueError when they do not fit."""
    return Reply(code=code, status=status, lines=(printable(text),), cause=cause)


def said_by_handler(text: str, octets: bytes) -> Reply:
    """What a handler written for aiosmtpd says, with `octets` on the wire. Raises ValueError when it is no reply."""
    found = _STATUS_LINE.match(text)
    if found is None:
        raise ValueError(f"a reply begins with a code of three digits: {text!r}")
    lines = (printable(found[2] or ""),)
    return Reply(code=int(found[1]), status=None, lines=lines, cause=causes.HANDLER_SAID.because()).spoken_as(octets)


def impatient(kind: CauseKind) -> Reply:
    """421 for a client that does not wait where it has to: what it said is not to be taken for commands."""
    return reply(421, "4.5.0", "You did not wait for the reply, closing", kind)


def unfit_content(kind: CauseKind) -> Reply:
    """554 for a message that is not as it should be, where that is looked at."""
    return reply(554, "5.6.0", kind.meaning, kind)


# 2yz and 3yz
CLOSING = reply(221, "2.0.0", "Goodbye", causes.SESSION_CLOSING)
RESET = reply(250, "2.0.0", "Reset", causes.RESET_DONE)
NOOP = reply(250, "2.0.0", "Here I am", causes.NOOP_DONE)
SENDER_OK = reply(250, "2.1.0", "Sender ok", causes.MAIL_ACCEPTED)
RECIPIENT_OK = reply(250, "2.1.5", "Recipient ok", causes.RECIPIENT_ACCEPTED)
GO_AHEAD = reply(354, None, "Send the message, end with a dot on a line by itself", causes.DATA_GO_AHEAD)
VERBOSE = reply(250, "2.0.0", "Verbose mode", causes.VERB_ON)
NOT_VERBOSE = reply(250, "2.0.0", "Verbose mode off", causes.VERB_OFF)
ONE_TRANSACTION = reply(250, "2.0.0", "Only one transaction", causes.ONEX_PROMISED)

# 4yz
SHUTDOWN = reply(421, "4.3.2", "The server is being stopped, try again later", causes.SESSION_SHUTDOWN)
IDLE = reply(421, "4.4.2", "Silent for too long, closing", causes.SESSION_IDLE)
ONE_TRANSACTION_IDLE = reply(421, "4.4.2", "The one transaction is done, closing", causes.SESSION_IDLE)
TOO_MANY_ERRORS = reply(421, "4.7.0", "Too many errors, closing", causes.SESSION_TOO_MANY_ERRORS)
TOO_MANY_IDLE_COMMANDS = reply(421, "4.7.0", "Too many commands and no mail, closing", causes.SESSION_IDLE_COMMANDS)
TOO_MANY_REFUSED_RECIPIENTS = reply(
    421, "4.7.0", "Too many recipients that are refused, closing", causes.SESSION_REFUSED_RECIPIENTS
)
TOO_MANY_CONNECTIONS = reply(421, "4.3.2", "Too many connections, try again later", causes.SESSION_TOO_MANY_CONNECTIONS)
FLOOD = reply(421, "4.5.2", "Endless command line, closing", causes.SESSION_FLOOD)
CHUNK_UNREADABLE = reply(421, "4.5.2", "The size of the chunk is unknown, closing", causes.COMMAND_SYNTAX)
SESSION_FAULT = reply(451, "4.3.0", "Local error, try again later", causes.SESSION_FAULT)
SESSION_FAULT_CLOSING = reply(421, "4.3.0", "Local error, closing", causes.SESSION_FAULT)
STORAGE_FULL = reply(452, "4.3.1", "No room for the message now", causes.STORAGE_FULL)
STORAGE_FAULT = reply(451, "4.3.0", "The message could not be stored", causes.STORAGE_FAULT)
CONTENT_GONE = reply(451, "4.3.0", "The content of this message is not in the spool any more", causes.STORAGE_FAULT)

FORWARDED = reply(250, "2.0.0", "Taken down", causes.XFORWARD_TAKEN)
MILTER_LATER = reply(451, "4.7.1", "Service unavailable, try again later", causes.MILTER_LATER)
MILTER_CLOSING = reply(421, "4.7.0", "Service unavailable, closing", causes.MILTER_LATER)
MILTER_REJECTED = reply(550, "5.7.1", "Refused", causes.MILTER_REJECTED)
RSPAMD_REJECTED = reply(554, "5.7.1", "Spam message rejected", causes.RSPAMD_REJECTED)
NOT_A_SPOKESMAN = reply(550, "5.7.0", "You may not speak for others", causes.CLIENT_NOT_ALLOWED)

# 5yz: grammar
COMMAND_UNKNOWN = reply(500, "5.5.1", "No such command", causes.COMMAND_UNKNOWN)
COMMAND_EMPTY = reply(500, "5.5.2", "An empty line is no command", causes.COMMAND_EMPTY)
COMMAND_SYNTAX = reply(500, "5.5.2", "The command can not be read", causes.COMMAND_SYNTAX)
LINE_TOO_LONG = reply(500, "5.5.2", "The line is too long", causes.LINE_TOO_LONG)
LINE_ENDING = reply(500, "5.5.2", "Bare CR, bare LF or NUL in a command", causes.LINE_ENDING)
NO_ARGUMENT_ALLOWED = reply(501, "5.5.4", "This command takes no argument", causes.COMMAND_ARGUMENT)
PARAMETER_TWICE = reply(501, "5.5.4", "A parameter is given twice", causes.PARAMETER_TWICE)
NOT_IMPLEMENTED = reply(502, "5.5.1", "Command not implemented", causes.COMMAND_NOT_IMPLEMENTED)
MAIL_IS_FETCHED_HERE = reply(502, "5.5.1", "Mail is fetched here, not brought", causes.ATRN_ONLY)

# 5yz: sequence
HELLO_FIRST = reply(503, "5.5.1", "Say EHLO or HELO first", causes.SEQUENCE_HELLO_FIRST)
TLS_ALREADY = reply(503, "5.5.1", "The session runs under TLS already", causes.TLS_ALREADY)
TURN_NOT_LAST = reply(503, "5.5.1", "Nothing may follow ATRN before its reply", causes.ATRN_NOT_ALONE)
NESTED_MAIL = reply(503, "5.5.1", "A transaction is open already", causes.SEQUENCE_NESTED_MAIL)
MAIL_FIRST = reply(503, "5.5.1", "MAIL first", causes.SEQUENCE_MAIL_FIRST)
RCPT_FIRST = reply(503, "5.5.1", "RCPT first", causes.SEQUENCE_RCPT_FIRST)
IN_TRANSACTION = reply(503, "5.5.1", "Not inside a transaction", causes.SEQUENCE_IN_TRANSACTION)
CHUNKING_MIXED = reply(503, "5.5.1", "Only BDAT may follow BDAT, or RSET", causes.SEQUENCE_CHUNKING)
BINARY_BY_DATA = reply(503, "5.5.1", "BODY=BINARYMIME goes by BDAT only", causes.SEQUENCE_BINARY_DATA)
REFUSED_SESSION = reply(503, "5.5.1", "This session was refused, say QUIT", causes.SEQUENCE_REFUSED_SESSION)
ONE_TRANSACTION_SPENT = reply(503, "5.5.1", "The one transaction is done", causes.SEQUENCE_ONEX_SPENT)
WRONG_HELLO_LMTP = reply(500, "5.5.1", "This is LMTP, say LHLO", causes.SEQUENCE_WRONG_HELLO)
WRONG_HELLO_SMTP = reply(500, "5.5.1", "This is SMTP, say EHLO", causes.SEQUENCE_WRONG_HELLO)

# AUTH
AUTH_ACCEPTED = reply(235, "2.7.0", "Authenticated", causes.AUTH_ACCEPTED)
AUTH_LOCKED = reply(454, "4.7.0", "Too many wrong passwords, try again later", causes.AUTH_LOCKED)
AUTH_TROUBLE = reply(454, "4.7.0", "The users can not be looked up now", causes.AUTH_TROUBLE)
AUTH_LINE_TOO_LONG = reply(500, "5.5.6", "The response is too long", causes.AUTH_LINE_TOO_LONG)
AUTH_CANCELLED = reply(501, "5.7.0", "Cancelled", causes.AUTH_CANCELLED)
AUTH_BASE64 = reply(501, "5.5.2", "The response is not base64", causes.AUTH_SYNTAX)
AUTH_ALREADY = reply(503, "5.5.1", "You are authenticated already", causes.AUTH_ALREADY)
AUTH_NEEDS_EHLO = reply(503, "5.5.1", "Say EHLO first", causes.SEQUENCE_HELLO_FIRST)
AUTH_REQUIRED = reply(530, "5.7.0", "Authentication required", causes.AUTH_REQUIRED)
AUTH_REFUSED = reply(535, "5.7.8", "Wrong name or password", causes.AUTH_REFUSED)

# 5yz: the transaction
SIZE_OVER_LIMIT = reply(552, "5.3.4", "The message is too large", causes.SIZE_OVER_LIMIT)
NO_VALID_RECIPIENTS = reply(554, "5.5.1", "No valid recipients", causes.DATA_NO_RECIPIENTS)
CONTENT_LINE_ENDING = reply(554, "5.6.0", "Bare CR or LF in the message", causes.CONTENT_LINE_ENDING)
CONTENT_LINE_TOO_LONG = reply(554, "5.6.0", "Endless line in the message", causes.CONTENT_LINE_TOO_LONG)
LOOP = reply(554, "5.4.6", "Too many hops, the message goes in circles", causes.CONTENT_LOOP)
SENDER_NOT_ASCII = reply(550, "5.6.7", "An address outside ASCII needs SMTPUTF8", causes.RECIPIENT_NOT_ASCII)
RECIPIENT_NOT_ASCII = reply(553, "5.6.7", "An address outside ASCII needs SMTPUTF8", causes.RECIPIENT_NOT_ASCII)


def greeting(hostname: str, words: str) -> Reply:
    """220, RFC 5321 §4.2: the host name comes first; ESMTP tells old clients to try EHLO."""
    return reply(220, None, f"{hostname} {words}", causes.SESSION_GREETING)


def bad_attribute(problem: str) -> Reply:
    """501 to XCLIENT and XFORWARD."""
    return reply(501, "5.5.4", f"Bad attribute: {problem}", causes.CLIENT_ATTRIBUTE.because(problem=problem))


def session_refused(hostname: str, cause: Cause | CauseKind = causes.SESSION_REFUSED) -> Reply:
    """554 at the greeting, RFC 5321 §3.1."""
    return reply(554, None, f"{hostname} takes no mail from you", cause)


def hello(hostname: str, client: str, keywords: Sequence[str]) -> Reply:
    """250 to EHLO, HELO or LHLO; keywords are lines of their own."""
    lines = (printable(f"{hostname} greets {client}"), *keywords)
    return Reply(code=250, status=None, lines=lines, cause=causes.HELLO_ACCEPTED.because())


def auth_challenge(octets: bytes) -> Reply:
    """334, RFC 4954 §4: the text is base64, and empty when there is nothing to ask but the response itself."""
    return reply(334, None, b64encode(octets).decode("ascii"), causes.AUTH_CHALLENGE)


def auth_malformed(mechanism: str, problem: str) -> Reply:
    """501 5.5.2: `problem` says what is wrong, without the response."""
    cause = causes.AUTH_SYNTAX.because(mechanism=mechanism, problem=problem)
    return reply(501, "5.5.2", "The response is not what the mechanism asks for", cause)


def auth_mechanism(name: str, offered: Sequence[str]) -> Reply:
    """504 5.5.4: not this mechanism."""
    cause = causes.AUTH_MECHANISM.because(mechanism=printable(name), offered=" ".join(offered))
    return reply(504, "5.5.4", "Not this mechanism", cause)


def auth_needs_tls(mechanism: str, rule: Rule | None) -> Reply:
    """538 5.7.11: not in clear."""
    return reply(538, "5.7.11", "Encryption required", causes.AUTH_NEEDS_TLS.because(rule, mechanism=mechanism))


def not_your_address(user: str, sender: str, rule: Rule | None) -> Reply:
    """553 5.7.1: an authenticated client wants to send as somebody else."""
    return reply(553, "5.7.1", "Not an address of yours", causes.AUTH_SENDER.because(rule, user=user, sender=sender))


def bad_hello_name(argument: bytes) -> Reply:
    """501: EHLO without a name, or with something that is none."""
    name = argument.decode("utf-8", "replace")
    text = "Give a domain or an address literal" if name else "EHLO needs your host name"
    return reply(501, "5.5.4", text, causes.HELLO_NAME.because(name=printable(name)))


def syntax(form: str) -> Reply:
    """501: the command is written differently."""
    return reply(501, "5.5.4", f"Syntax: {form}", causes.COMMAND_SYNTAX.because(form=form))


def needs_argument(form: str) -> Reply:
    """501: the argument is missing."""
    return reply(501, "5.5.4", f"Syntax: {form}", causes.COMMAND_NEEDS_ARGUMENT.because(form=form))


def bad_reverse_path(problem: str) -> Reply:
    """501 5.1.7."""
    return reply(501, "5.1.7", "Bad reverse path", causes.PATH_SYNTAX.because(problem=printable(problem)))


def bad_forward_path(problem: str) -> Reply:
    """501 5.1.3."""
    return reply(501, "5.1.3", "Bad forward path", causes.PATH_SYNTAX.because(problem=printable(problem)))


def bad_parameter(problem: str) -> Reply:
    """501: the value of a parameter is wrong, or the parameter can not be read."""
    return reply(501, "5.5.4", printable(problem), causes.PARAMETER_SYNTAX.because(problem=printable(problem)))


def unknown_parameter(keyword: str, rule: Rule | None = None) -> Reply:
    """555, RFC 5321 §4.1.1.11."""
    cause = causes.PARAMETER_UNKNOWN.because(rule, keyword=keyword)
    return reply(555, "5.5.4", f"Parameter {keyword} is not offered", cause)


def unsupported_value(keyword: str, value: str) -> Reply:
    """504: a known parameter with a value that is not supported."""
    cause = causes.PARAMETER_VALUE.because(keyword=keyword, value=printable(value))
    return reply(504, "5.5.4", f"This {keyword} is not supported", cause)


def disabled(verb: str, cause: Cause | None = None) -> Reply:
    """502 5.7.0: works here, not for this client."""
    cause = cause or causes.COMMAND_DISABLED.because(verb=verb)
    return reply(502, "5.7.0", f"{verb} is not available to you", cause)


def size_over_limit(size: int, limit: int, rule: Rule | None = None) -> Reply:
    """552 5.3.4 with the figures in the cause."""
    return SIZE_OVER_LIMIT.with_cause(causes.SIZE_OVER_LIMIT.because(rule, size=size, limit=limit))


def held_too_long(seconds: float, limit: float, rule: Rule | None = None) -> Reply:
    """501 5.5.4, RFC 4865 §3: HOLDFOR or HOLDUNTIL are beyond the limit; all in seconds."""
    cause = causes.PARAMETER_HELD_TOO_LONG.because(rule, seconds=f"{seconds:.0f}", future_release=f"{limit:.0f}")
    return reply(501, "5.5.4", f"A message is held for {limit:.0f} seconds at most", cause)


def deliver_by_too_soon(seconds: int, least: int, rule: Rule | None = None) -> Reply:
    """555 5.5.4, RFC 2852 §4.1: BY with R gives less than the least; both in seconds."""
    cause = causes.PARAMETER_TOO_SOON.because(rule, seconds=seconds, deliver_by_minimum=least)
    return reply(555, "5.5.4", f"BY with R gives {least} seconds at least", cause)


def too_many_recipients(limit: int, rule: Rule | None = None) -> Reply:
    """452 4.5.3, never 552: RFC 5321 §4.5.3.1.10."""
    return reply(452, "4.5.3", "Too many recipients", causes.RECIPIENT_TOO_MANY.because(rule, limit=limit))


def recipient_unknown(path: ForwardPath, cause: Cause | None = None) -> Reply:
    """550 5.1.1."""
    return reply(550, "5.1.1", f"{path} is unknown here", cause or causes.RECIPIENT_UNKNOWN.because(recipient=path))


def return_address_forged(path: ForwardPath, cause: Cause) -> Reply:
    """550 5.7.1: an address of the Sender Rewriting Scheme that was not made here."""
    return reply(550, "5.7.1", f"{path} was not made here", cause)


def return_address_expired(path: ForwardPath, cause: Cause) -> Reply:
    """550 5.1.1: one that was made here, but too long ago."""
    return reply(550, "5.1.1", f"{path} has expired", cause)


def relay_denied(path: ForwardPath, cause: Cause | None = None) -> Reply:
    """550 5.7.1."""
    return reply(550, "5.7.1", f"Relaying to {path} denied", cause or causes.RELAY_DENIED.because(recipient=path))


def will_forward(path: ForwardPath, cause: Cause | None = None) -> Reply:
    """251, RFC 5321 §3.4: taken, and sent on to `path`."""
    cause = cause or causes.RECIPIENT_FORWARDED.because(to=path)
    return reply(251, "2.1.5", f"User not local; will forward to {path}", cause)


def please_try(path: ForwardPath, cause: Cause | None = None) -> Reply:
    """551, RFC 5321 §3.4: not taken; `path` is where the user is now."""
    return reply(551, "5.1.6", f"User not local; please try {path}", cause or causes.RECIPIENT_MOVED.because(to=path))


def name_not_allowed(path: ForwardPath, cause: Cause | None = None) -> Reply:
    """553 5.1.3: a form of name that is not taken here, such as one with a route in it."""
    return reply(553, "5.1.3", f"{path}: name not allowed", cause or causes.RECIPIENT_NAME.because(recipient=path))


def alias_loop(path: ForwardPath, cause: Cause | None = None) -> Reply:
    """554 5.4.6: the name leads back to itself. RFC 5321 §6.3."""
    return reply(554, "5.4.6", f"{path} leads back to itself", cause or causes.ALIAS_LOOP.because(recipient=path))


def mailbox_locked(path: ForwardPath, cause: Cause | None = None) -> Reply:
    """450 4.2.1."""
    return reply(450, "4.2.1", f"{path} is locked for now", cause or causes.MAILBOX_LOCKED.because(recipient=path))


def mailbox_full(path: ForwardPath, cause: Cause | None = None) -> Reply:
    """552 5.2.2."""
    return reply(552, "5.2.2", f"{path} is full", cause or causes.MAILBOX_FULL.because(recipient=path))


def lookup_failed(path: ForwardPath | str, cause: Cause | None = None) -> Reply:
    """451 4.3.0: a table could not be asked."""
    cause = cause or causes.LOOKUP_FAILED.because(recipient=path)
    return reply(451, "4.3.0", f"{path} can not be looked up now", cause)


def verified(whom: str, cause: Cause | None = None) -> Reply:
    """250 to VRFY; `whom` is written `Name <box@domain>`. RFC 5321 §3.5.2."""
    return reply(250, "2.1.5", whom, cause or causes.VRFY_CONFIRMED.because(mailbox=whom))


def cannot_verify(cause: Cause | None = None, status: str = "2.1.5") -> Reply:
    """252, RFC 5321 §3.5.3: send the mail and see. `status` is 2.6.8 when only SMTPUTF8 could say more."""
    cause = cause or causes.VRFY_CANNOT_TELL.because()
    return reply(252, status, "Cannot tell, but will take mail and try to deliver it", cause)


def ambiguous(who: Sequence[str], cause: Cause | None = None) -> Reply:
    """553 5.1.4 with the mailboxes the name may mean. RFC 5321 §3.5.1."""
    return Reply(
        code=553,
        status=EnhancedStatus(5, 1, 4),
        lines=("User ambiguous; it may be", *map(printable, who)),
        cause=cause or causes.VRFY_AMBIGUOUS.because(candidates=len(who)),
    )


def name_unknown(name: str, cause: Cause | None = None) -> Reply:
    """550 5.1.1 to VRFY and EXPN of something that is no path."""
    name = printable(name, 200)
    return reply(550, "5.1.1", f"{name} is unknown here", cause or causes.RECIPIENT_UNKNOWN.because(name=name))


def expanded(members: Sequence[str], cause: Cause | None = None) -> Reply:
    """250 to EXPN, a member a line. RFC 5321 §3.5.2."""
    return Reply(
        code=250,
        status=EnhancedStatus(2, 1, 5),
        lines=tuple(map(printable, members)),
        cause=cause or causes.EXPN_EXPANDED.because(members=len(members)),
    )


_TAKEN = reply(250, "2.0.0", "taken", causes.MESSAGE_TAKEN)


def message_taken(message_id: str) -> Reply:
    """250 after the final dot: the moment responsibility passes. RFC 5321 §4.2.5."""
    cause = Cause(kind=causes.MESSAGE_TAKEN, inputs=(("message", message_id),))
    return _TAKEN.with_line(f"{printable(message_id)} taken", cause)


def chunk_taken(size: int) -> Reply:
    """250 to a BDAT that is not the last."""
    return reply(250, "2.0.0", f"{size} octets taken", causes.CHUNK_TAKEN)


def progress(text: str) -> Reply:
    """050, sendmail's VERB: one complete line, so a reader may skip it."""
    return reply(50, None, text, causes.VERB_PROGRESS)


def queue_run_started(node: str, count: int) -> Reply:
    """253, RFC 1985 §5: so many messages for the node are being delivered."""
    cause = causes.ETRN_STARTED.because(node=node, count=count)
    return reply(253, "2.0.0", f"{count} pending messages for {node} started", cause)


def queue_run_begun(node: str) -> Reply:
    """250, RFC 1985 §5: more messages for the node than were counted are being delivered."""
    return reply(250, "2.0.0", f"Queuing for node {node} started", causes.ETRN_STARTED.because(node=node))


def queue_run_under_way(node: str) -> Reply:
    """252, RFC 1985 §5: what there is for the node is being delivered already."""
    return reply(252, "2.0.0", f"Pending messages for {node} started", causes.ETRN_UNDER_WAY.because(node=node))


def nothing_waiting(node: str) -> Reply:
    """251, RFC 1985 §5."""
    return reply(251, "2.0.0", f"No messages waiting for {node}", causes.ETRN_NOTHING.because(node=node))


def queue_run_refused(node: str, cause: Cause | None = None) -> Reply:
    """459, RFC 1985 §5: we do not queue for this node on request."""
    cause = cause or causes.ETRN_REFUSED.because(node=node)
    return reply(459, "4.7.0", f"Node {node} not allowed", cause)


def queue_run_trouble(node: str, problem: str) -> Reply:
    """458, RFC 1985 §5: the queue could not be asked."""
    cause = causes.ETRN_TROUBLE.because(node=node, problem=printable(problem))
    return reply(458, "4.3.0", f"Unable to queue messages for {node}", cause)


def queue_run_too_often(node: str, cause: Cause) -> Reply:
    """458, RFC 1985 §5: the node was started a moment ago."""
    return reply(458, "4.7.0", f"Unable to queue messages for {node} again so soon", cause)


TLS_GO_AHEAD = reply(220, "2.0.0", "Begin the TLS handshake", causes.TLS_GO_AHEAD)
TLS_UNAVAILABLE = reply(454, "4.7.0", "TLS is not available now", causes.TLS_UNAVAILABLE)
TLS_INJECTED = reply(421, "4.7.0", "Nothing may follow STARTTLS before the handshake", causes.TLS_INJECTED)


def turned_around(domains: Sequence[str]) -> Reply:
    """250, RFC 2645 §5.2.1: roles are reversed after it."""
    cause = causes.ATRN_TURNED.because(domains=", ".join(domains))
    return reply(250, "2.0.0", "OK now reversing the connection", cause)


def no_mail_on_demand(domains: Sequence[str]) -> Reply:
    """453, RFC 2645 §5.2.1."""
    return reply(453, "4.2.0", "You have no mail", causes.ATRN_NOTHING.because(domains=", ".join(domains)))


def on_demand_refused(domain: str, cause: Cause) -> Reply:
    """450, RFC 2645 §5.2.1: the client gets no mail for any domain when one is not its own."""
    return reply(450, "4.7.1", f"ATRN request refused: {domain} is not yours", cause)


def who_are_you(client: str) -> Reply:
    """530, RFC 2645 §5.2.1: nobody knows which mail is this client's."""
    return reply(530, "5.7.0", "Authentication required", causes.ATRN_WHO.because(client=client))


def waits_for_its_site(domain: str) -> Reply:
    """In the place of a next hop, which comes to us: RFC 2645 §4."""
    return reply(450, "4.4.1", f"The mail waits until {domain} comes for it", causes.ATRN_WAITS.because(domain=domain))


def on_demand_trouble(problem: str) -> Reply:
    """451, RFC 2645 §5.2.1: nobody can tell whether mail is queued."""
    cause = causes.ATRN_TROUBLE.because(problem=printable(problem))
    return reply(451, "4.3.0", "Unable to process ATRN request now", cause)


def status(lines: Sequence[str]) -> Reply:
    """211, RFC 5321 §4.2.3: how the server is."""
    return Reply(
        code=211,
        status=EnhancedStatus(2, 0, 0),
        lines=tuple(printable(line) for line in lines),
        cause=causes.HELP_STATUS.because(),
    )


# What we say in the place of a next hop: never on the wire, but in the log, in 050 lines and in reports.


def not_connected(words: str, cause: Cause) -> Reply:
    """421 4.4.1: no next hop could be talked to."""
    return reply(421, "4.4.1", words, cause)


def no_such_domain(domain: str) -> Reply:
    """550 5.1.2: the domain of a recipient does not exist. RFC 5321 §5.1."""
    return reply(550, "5.1.2", f"There is no domain {domain}", causes.DNS_NO_SUCH_DOMAIN.because(domain=domain))


def dns_failure(domain: str, trouble: str) -> Reply:
    """451 4.4.3: the name servers did not answer."""
    cause = causes.DNS_FAILURE.because(domain=domain, trouble=trouble)
    return reply(451, "4.4.3", f"The name servers of {domain} do not answer", cause)


def null_mx(domain: str) -> Reply:
    """556 5.1.10: the domain takes no mail. RFC 7505 §4.2."""
    return reply(556, "5.1.10", f"{domain} takes no mail at all", causes.ROUTE_NULL_MX.because(domain=domain))


def no_route(domain: str) -> Reply:
    """550 5.4.4: the domain exists, but nothing that takes mail for it does."""
    return reply(550, "5.4.4", f"There is no way to {domain}", causes.ROUTE_NONE.because(domain=domain))


def loops_back(domain: str, host: str) -> Reply:
    """554 5.4.6: the mail exchanger is this server. RFC 5321 §5.1."""
    cause = causes.ROUTE_LOOPS_BACK.because(domain=domain, host=host)
    return reply(554, "5.4.6", f"Mail for {domain} loops back to {host}", cause)


def destination_busy(name: str) -> Reply:
    """451 4.4.5: the message waits for its turn at a slow next hop."""
    cause = causes.DELIVERY_CONGESTED.because(destination=name)
    return reply(451, "4.4.5", "The message waits for its turn: the next hop takes mail slowly", cause)


def expired(last: str, cause: Cause) -> Reply:
    """554 5.4.7: given up; `last` is the last trouble in full."""
    return reply(554, "5.4.7", f"Given up after the last trouble: {last}", cause)


def delivery_fault(error: BaseException) -> Reply:
    """451 4.3.0: an attempt ended in an error of our own."""
    cause = causes.DELIVERY_FAULT.because(error=printable(f"{type(error).__name__}: {error}"))
    return reply(451, "4.3.0", "The attempt failed by an error of this server", cause)


def delivered(account: str) -> Reply:
    """250 2.1.5: the message lies in the mailbox."""
    return reply(250, "2.1.5", "Delivered", causes.LOCAL_DELIVERED.because(account=account))


def discarded() -> Reply:
    """250 2.0.0: thrown away as the route says."""
    return reply(250, "2.0.0", "Thrown away on purpose", causes.LOCAL_DISCARDED)


def local_trouble(account: str, trouble: str) -> Reply:
    """451 4.3.0: the mailbox could not be written to."""
    cause = causes.LOCAL_TROUBLE.because(account=account, trouble=printable(trouble))
    return reply(451, "4.3.0", "The mailbox can not be written to now", cause)


def not_configured(route: str) -> Reply:
    """451 4.3.5: the program or service of a route is not in the configuration any more."""
    cause = causes.ROUTE_NOT_CONFIGURED.because(route=route)
    return reply(451, "4.3.5", f"There is no {route} in the configuration", cause)


def taken_over(name: str, cause: Cause) -> Reply:
    """250 2.0.0: a program or a web service has the message."""
    return reply(250, "2.0.0", f"Taken by {name}", cause)


def refused_by_agent(status: EnhancedStatus, text: str, cause: Cause) -> Reply:
    """451, 550, 552 or 554 with the status that a program or a web service gave, or that its answer stands for."""
    permanent = {1: 550}.get(status.subject, 552 if str(status) in ("5.2.2", "5.3.4") else 554)
    return reply(permanent if status.klass == 5 else 451, str(status), text, cause)


def program_trouble(text: str, cause: Cause) -> Reply:
    """451 4.3.0: a program did not come to an end of its own."""
    return reply(451, "4.3.0", text, cause)


def program_not_started(name: str, trouble: str) -> Reply:
    """451 4.3.5: a program could not be run."""
    cause = causes.PROGRAM_NOT_STARTED.because(pipe=name, trouble=printable(trouble))
    return reply(451, "4.3.5", f"{name} can not be run: {trouble}", cause)


def looks_like_an_option(path: ForwardPath) -> Reply:
    """553 5.1.3: a program would take a part of the address for an option."""
    cause = causes.PROGRAM_OPTION.because(recipient=path)
    return reply(553, "5.1.3", f"{path} begins with a hyphen, which a program would misread", cause)


def delivered_before(path: ForwardPath) -> Reply:
    """554 5.4.6: the message says in Delivered-To that this recipient had it already. RFC 5321 §6.3."""
    cause = causes.CONTENT_LOOP.because(delivered_to=path)
    return reply(554, "5.4.6", f"The message was delivered to {path} before, it goes in circles", cause)


def too_big_for(name: str, *, size: int, maximum: int) -> Reply:
    """552 5.3.4: a web service is to get no message that large."""
    cause = causes.DELIVERY_TOO_BIG.because(hook=name, size=size, limit=maximum)
    return reply(552, "5.3.4", f"The message is too big for {name}", cause)


def local_no_room(account: str, trouble: str) -> Reply:
    """452 4.3.1: no room on the disk that holds the mailbox."""
    cause = causes.STORAGE_FULL.because(account=account, trouble=printable(trouble))
    return reply(452, "4.3.1", "There is no room for the message now", cause)


def storage_full(problem: str) -> Reply:
    """452 4.3.1 with what the disk said."""
    return STORAGE_FULL.with_cause(causes.STORAGE_FULL.because(problem=printable(problem)))


def storage_fault(problem: str) -> Reply:
    """451 4.3.0 with what the disk or the store said."""
    return STORAGE_FAULT.with_cause(causes.STORAGE_FAULT.because(problem=printable(problem)))


def no_room(*, free: int, minimum_free: int, size: int) -> Reply:
    """452 4.3.1 before the disk is really full; all in octets."""
    return STORAGE_FULL.with_cause(causes.STORAGE_FULL.because(free=free, minimum_free=minimum_free, size=size))


# What a check, a filter or a hook says


def policy_refusal(code: int, status: str, text: str, cause: Cause) -> Reply:
    """4yz or 5yz in the words of whoever refuses. Raises ValueError for another code, or a status of another class."""
    if not 400 <= code <= 599:
        raise ValueError(f"a refusal is 4yz or 5yz, not {code}")
    return reply(code, status, text, cause)


def too_many_points(cause: Cause) -> Reply:
    """550 5.7.1."""
    return reply(550, "5.7.1", "Too much speaks against this client or this message", cause)


def policy_overrun(check: str, seconds: float) -> Reply:
    """451 4.3.0: somebody who has to be asked takes too long."""
    cause = causes.POLICY_OVERRUN.because(check=printable(check), deadline=f"{seconds:g}")
    return reply(451, "4.3.0", "A check takes too long, try again later", cause)


def policy_fault(check: str, fault: str) -> Reply:
    """451 4.3.0: somebody who has to be asked has failed; `fault` is an id in the log."""
    cause = causes.POLICY_FAULT.because(check=printable(check), fault=fault)
    return reply(451, "4.3.0", f"A check failed, try again later (fault {fault})", cause)


def instead_of_greeting(hostname: str, refusal: Reply) -> Reply:
    """A refusal at the greeting, where only 554 and 421 can be said. RFC 5321 §3.1."""
    if refusal.code >= 500:
        return reply(554, None, f"{hostname} {refusal.text}", refusal.cause)
    return reply(421, str(refusal.status or "4.7.0"), refusal.text, refusal.cause)


def message_discarded(message_id: str, cause: Cause) -> Reply:
    """250 2.0.0 to a message that is taken and thrown away; the client is not told so."""
    return message_taken(message_id).with_cause(cause)


def hello_refused(cause: Cause) -> Reply:
    """550 5.7.1: a name that can not be the client's."""
    return reply(550, "5.7.1", "You can not be who you say you are", cause)


def client_without_name(client: str, cause: Cause) -> Reply:
    """550 5.7.25, RFC 7372 §3.1."""
    return reply(550, "5.7.25", f"{client} has no name in the DNS that leads back to it", cause)


def client_listed(client: str, zone: str, cause: Cause) -> Reply:
    """550 5.7.1, RFC 5782 §2.1: whoever is in a list is told in which."""
    return reply(550, "5.7.1", f"{client} is listed in {zone}", cause)


def sender_without_domain(domain: str, cause: Cause) -> Reply:
    """553 5.1.8, RFC 3463 §3.2."""
    return reply(553, "5.1.8", f"There is no domain {domain}", cause)


def sender_null_mx(domain: str, cause: Cause) -> Reply:
    """550 5.7.27, RFC 7505 §4.2."""
    return reply(550, "5.7.27", f"{domain} takes no mail, so nobody there could be answered", cause)


def sender_not_found_out(domain: str, cause: Cause) -> Reply:
    """451 4.1.8: nobody can tell whether there is such a domain."""
    return reply(451, "4.1.8", f"The name servers of {domain} do not answer", cause)


def greylisted(wait: float, cause: Cause) -> Reply:
    """451 4.7.1, RFC 6647 §2.4."""
    return reply(451, "4.7.1", f"Not seen before, try again in {max(wait, 1):.0f} seconds", cause)


def quota_exceeded(what: str, cause: Cause, *, ends: bool) -> Reply:
    """421 4.7.0 when the session ends with it, else 450 4.7.1."""
    if ends:
        return reply(421, "4.7.0", f"Too many {what} of late, try again later", cause)
    return reply(450, "4.7.1", f"Too many {what} of late, try again later", cause)


_SAID = re.compile(
    r"(?P<code>[45][0-9]{2})(?:[ -](?:(?P<status>[245]\.[0-9]{1,3}\.[0-9]{1,3})(?: |$))?(?P<text>.*))?", re.ASCII
)


def in_words_of(said: str | None, usual: Reply, cause: Cause) -> Reply:
    """A refusal that a program of ours has written in SMTP's own form (`550 5.7.1 text`, several lines with line breaks
    between); `usual` where it chose no words, or none that can be said."""
    if said is None:
        return usual.with_cause(cause)
    lines = [_SAID.fullmatch(line) for line in said.splitlines()]
    first = lines[0] if lines else None
    if first is None or usual.code // 100 != int(first["code"][0]):
        return usual.with_cause(cause)
    code, status = int(first["code"]), first["status"]
    fits = status is not None and status[0] == first["code"][0]
    texts = [printable(line["text"] or "") for line in lines if line is not None]
    return Reply(
        code=code,
        status=EnhancedStatus.parse(status) if fits and status is not None else usual.status,
        lines=tuple(texts),
        cause=cause,
    )


def no_resources_for_session(cause: Cause) -> Reply:
    """421 4.3.2 at the greeting, before something is used up."""
    return reply(421, "4.3.2", "The server is busy, try again later", cause)


def no_resources_for_message(cause: Cause) -> Reply:
    """452 4.3.1 to MAIL, before something is used up."""
    return reply(452, "4.3.1", "The server is busy, try again later", cause)
