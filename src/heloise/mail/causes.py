"""The catalogue of causes: every reason heloise can have for a reply, with the clause, the meaning and some advice.

`heloise explain ID` reads this, and so do the protocol pages. An id is never changed or reused once released.
"""

from heloise.mail.cause import CauseKind


def _kind(id: str, clause: str, meaning: str, advice: str) -> CauseKind:  # noqa: A002
    return CauseKind(id=id, clause=clause, meaning=meaning, advice=advice)


NOTHING = "Nothing to do."
OPERATOR = "The operator finds the rule under the file and line that the log gives with this cause."
LATER = "Try again later; a mail server does so by itself."

# Sessions
SESSION_GREETING = _kind("session.greeting", "RFC 5321 §3.1", "The server is ready for EHLO.", "Say EHLO.")
SESSION_CLOSING = _kind("session.closing", "RFC 5321 §4.1.1.10", "The client said QUIT.", "Close the connection.")
SESSION_REFUSED = _kind(
    "session.refused", "RFC 5321 §3.1", "This server takes no mail from this client.", "Say QUIT; try another server."
)
BUDGET_MEMORY = _kind(
    "budget.memory",
    "RFC 5321 §3.8",
    "The server has as much memory as it may, and takes nobody and nothing in until there is less.",
    "The budget is [limits] memory. " + LATER,
)
BUDGET_DESCRIPTORS = _kind(
    "budget.descriptors",
    "RFC 5321 §3.8",
    "The server has nearly as many files and connections open as the system allows.",
    "The operator allows more (ulimit -n, LimitNOFILE), or fewer sessions ([limits] connections). " + LATER,
)
SESSION_EARLY = _kind(
    "session.early-talker",
    "RFC 5321 §3.1",
    "The client spoke before it was greeted, as programs do that send without listening.",
    "Wait for the greeting.",
)
SESSION_SHUTDOWN = _kind(
    "session.shutdown", "RFC 5321 §3.8", "The server is being stopped. What it said 250 to is safe.", LATER
)
SESSION_IDLE = _kind(
    "session.idle", "RFC 5321 §4.5.3.2.7", "The client was silent for longer than the server waits.", LATER
)
SESSION_TOO_MANY_ERRORS = _kind(
    "session.too-many-errors",
    "RFC 5321 §4.3.2",
    "The client made more mistakes in this session than the server bears.",
    "Look at the first refused command of the session, not at the last.",
)
SESSION_IDLE_COMMANDS = _kind(
    "session.idle-commands",
    "RFC 5321 §7.8",
    "The client gave many commands in a short time, and no message.",
    "One session may bring many messages; a connection is not kept alive by a flood of NOOP or RSET.",
)
SESSION_REFUSED_RECIPIENTS = _kind(
    "session.refused-recipients",
    "RFC 5321 §7.8",
    "So many recipients were refused, one after the other, that the client seems to guess names.",
    "The replies to the recipients say why each was refused; take those that do not exist off the list.",
)
SESSION_TOO_MANY_CONNECTIONS = _kind(
    "session.too-many-connections", "RFC 5321 §3.8", "The server has as many sessions open as it may.", LATER
)
SESSION_FLOOD = _kind(
    "session.flood",
    "RFC 5321 §4.5.3.1.4",
    "The client sent an endless line without CRLF where a command belongs.",
    "End each command with CRLF.",
)
SESSION_FAULT = _kind(
    "session.fault", "RFC 5321 §4.3.2", "The server met an error of its own.", "The log has the details. " + LATER
)

# Hello
HELLO_ACCEPTED = _kind("hello.accepted", "RFC 5321 §4.1.1.1", "The client is known by name now.", "Go on with MAIL.")
HELLO_NAME = _kind(
    "hello.name",
    "RFC 5321 §4.1.1.1",
    "EHLO, HELO and LHLO take one domain or address literal.",
    "Give the client's own full host name, or its address as [192.0.2.1] or [IPv6:2001:db8::1].",
)

# Grammar
COMMAND_UNKNOWN = _kind(
    "command.unknown", "RFC 5321 §4.2.4", "There is no such command here.", "HELP lists the commands there are."
)
COMMAND_EMPTY = _kind("command.empty", "RFC 5321 §4.1.1", "The line has no command.", "Send a command.")
COMMAND_ARGUMENT = _kind(
    "command.argument", "RFC 5321 §4.3.2", "This command takes no argument.", "Send it without one."
)
COMMAND_NEEDS_ARGUMENT = _kind(
    "command.needs-argument", "RFC 5321 §4.1.1", "This command needs an argument.", "HELP and its name tell which."
)
COMMAND_SYNTAX = _kind(
    "command.syntax", "RFC 5321 §4.1.1", "The command is not written as its grammar asks.", "HELP shows the form."
)
COMMAND_NOT_IMPLEMENTED = _kind(
    "command.not-implemented",
    "RFC 5321 §4.2.4",
    "The command is known but not offered: SEND, SOML, SAML and TURN are obsolete (appendix F); STARTTLS and AUTH are "
    "there only when EHLO says so.",
    "Do without it.",
)
COMMAND_DISABLED = _kind(
    "command.disabled",
    "RFC 5321 §7.3",
    "The command works here, but not for this client: it would tell about users or about the network.",
    "Ask the operator. " + OPERATOR,
)
LINE_TOO_LONG = _kind(
    "line.too-long", "RFC 5321 §4.5.3.1.4", "The command line is longer than the server takes.", "Send a shorter one."
)
LINE_ENDING = _kind(
    "line.ending",
    "RFC 5321 §2.3.8",
    "A command line has a bare CR or a bare LF, or a NUL. Only CRLF ends a line.",
    "End lines with CRLF, and have neither CR nor LF nor NUL inside.",
)
PATH_SYNTAX = _kind(
    "path.syntax",
    "RFC 5321 §4.1.2",
    "The path after MAIL FROM: or RCPT TO: is not written as <local-part@domain>.",
    "Put the address in angle brackets; quote a local part that has blanks or brackets.",
)
PARAMETER_SYNTAX = _kind(
    "parameter.syntax", "RFC 5321 §4.1.2", "The value of a parameter is not what its RFC asks.", "Mend the value."
)
PARAMETER_TWICE = _kind(
    "parameter.twice", "RFC 5321 §4.1.1.11", "A parameter is given twice.", "Give each parameter once."
)
PARAMETER_UNKNOWN = _kind(
    "parameter.unknown",
    "RFC 5321 §4.1.1.11",
    "The server did not offer this parameter to this client, or not on this command.",
    "Use only what the answer to EHLO offers.",
)
PARAMETER_VALUE = _kind(
    "parameter.value", "RFC 5321 §4.2.4", "The parameter is known, this value of it is not supported.", "Use another."
)

# Sequence
SEQUENCE_HELLO_FIRST = _kind("sequence.hello-first", "RFC 5321 §4.1.4", "MAIL came before EHLO or HELO.", "Say EHLO.")
SEQUENCE_NESTED_MAIL = _kind(
    "sequence.nested-mail", "RFC 5321 §4.1.4", "A transaction is open already.", "Finish it, or say RSET."
)
SEQUENCE_MAIL_FIRST = _kind(
    "sequence.mail-first",
    "RFC 5321 §4.1.4",
    "RCPT, DATA or BDAT came without an accepted MAIL.",
    "Look at the answer to MAIL: if that was refused, this is only its echo.",
)
SEQUENCE_RCPT_FIRST = _kind(
    "sequence.rcpt-first", "RFC 5321 §4.1.1.4", "DATA or BDAT came before any RCPT.", "Name a recipient first."
)
SEQUENCE_IN_TRANSACTION = _kind(
    "sequence.in-transaction", "RFC 1985 §5", "This command may not stand inside a transaction.", "Say RSET first."
)
SEQUENCE_CHUNKING = _kind(
    "sequence.chunking",
    "RFC 3030 §2",
    "DATA and BDAT were mixed, or something other than BDAT came between chunks, or a chunk failed before.",
    "Say RSET and send the message again.",
)
SEQUENCE_BINARY_DATA = _kind(
    "sequence.binary-data", "RFC 3030 §3", "A BODY=BINARYMIME message can not be sent by DATA.", "Use BDAT."
)
SEQUENCE_REFUSED_SESSION = _kind(
    "sequence.refused-session", "RFC 5321 §3.1", "The session was refused at the greeting.", "Say QUIT."
)
SEQUENCE_ONEX_SPENT = _kind(
    "sequence.onex-spent", "sendmail ONEX", "The client promised one transaction, and has had it.", "Say QUIT."
)
SEQUENCE_WRONG_HELLO = _kind(
    "sequence.wrong-hello", "RFC 2033 §4.1", "LMTP is begun by LHLO, SMTP by EHLO or HELO.", "Use the right one."
)

# The transaction
MAIL_ACCEPTED = _kind("mail.accepted", "RFC 5321 §4.1.1.2", "A transaction is open.", "Go on with RCPT.")
RECIPIENT_ACCEPTED = _kind(
    "recipient.accepted", "RFC 5321 §4.1.1.3", "Mail for this recipient is taken.", "Go on with RCPT or DATA."
)
RECIPIENT_FORWARDED = _kind(
    "recipient.forwarded",
    "RFC 5321 §3.4",
    "The user has moved; mail for the old address is taken and sent on to the new one.",
    "Nothing to do; a person may note the new address.",
)
RECIPIENT_MOVED = _kind(
    "recipient.moved",
    "RFC 5321 §3.4",
    "The user has moved and mail for the old address is not taken; the reply names the new one.",
    "Write to the new address. A mail server does not do so by itself (§7.4).",
)
RECIPIENT_UNKNOWN = _kind(
    "recipient.unknown", "RFC 5321 §4.2.3", "There is no such mailbox in a domain that is ours.", "Check the spelling."
)
RECIPIENT_TOO_MANY = _kind(
    "recipient.too-many",
    "RFC 5321 §4.5.3.1.10",
    "The transaction has as many recipients as the server takes.",
    "Send what was accepted, then the rest in another transaction at once.",
)
RECIPIENT_NAME = _kind(
    "recipient.name-not-allowed",
    "RFC 5321 §4.2.3",
    "The mailbox name has a form that is not allowed here, such as a route written into the local part.",
    "Write the address plainly.",
)
RECIPIENT_NOT_ASCII = _kind(
    "recipient.not-ascii",
    "RFC 6531 §3.4",
    "An address outside ASCII was given without SMTPUTF8 on MAIL.",
    "Offer SMTPUTF8 on MAIL, if the server lists it.",
)
SRS_FORGED = _kind(
    "srs.forged",
    "RFC 5321 §4.2.3",
    "The address looks like one that this server gives to mail it forwards, so that reports find the way back, but it "
    "was not made here, or was changed on its way.",
    "Write to the address of the sender himself.",
)
SRS_EXPIRED = _kind(
    "srs.expired",
    "RFC 5321 §4.2.3",
    "The address was made here for the reports about one forwarded message, longer ago than reports take.",
    "Write to the address of the sender himself. The time is [srs] max_age.",
)
RELAY_DENIED = _kind(
    "relay.denied",
    "RFC 5321 §3.6.2",
    "The domain is not ours, and this client may not send mail through us.",
    "The operator allows a client by [relay] networks. " + OPERATOR,
)
MAILBOX_LOCKED = _kind(
    "mailbox.locked", "RFC 5321 §4.2.3", "The mailbox is locked for now, by an operator or a backup.", LATER
)
MAILBOX_FULL = _kind(
    "mailbox.full", "RFC 5321 §4.2.3", "The mailbox holds as much as its quota allows.", "Its owner has to make room."
)
ALIAS_LOOP = _kind(
    "alias.loop", "RFC 5321 §6.3", "The alias leads back to itself.", "The operator has to mend it. " + OPERATOR
)
LOOKUP_FAILED = _kind("lookup.failed", "RFC 5321 §4.2.4", "A table that had to be asked could not be read.", LATER)
SIZE_OVER_LIMIT = _kind(
    "size.over-limit",
    "RFC 1870 §6.1",
    "The message is larger than the server takes; EHLO shows the limit after SIZE.",
    "Send a smaller message.",
)
PARAMETER_HELD_TOO_LONG = _kind(
    "parameter.held-too-long",
    "RFC 4865 §3",
    "The message is to be held for longer than the server holds any; EHLO shows the limit after FUTURERELEASE.",
    "Ask for an earlier release, or send it later.",
)
PARAMETER_TOO_SOON = _kind(
    "parameter.too-soon",
    "RFC 2852 §4.1",
    "The message is to be returned sooner than the server promises to; EHLO shows the least after DELIVERBY.",
    "Give it more time, or do without.",
)
STORAGE_FULL = _kind(
    "storage.full",
    "RFC 1870 §6.1",
    "There is no room for the message now. What was accepted before is safe.",
    "The operator has to make room. " + LATER,
)
STORAGE_FAULT = _kind(
    "storage.fault", "RFC 5321 §4.2.4", "The message could not be put on stable storage; nothing was kept.", LATER
)
DATA_GO_AHEAD = _kind(
    "data.go-ahead", "RFC 5321 §4.1.1.4", "Send the text, and a line with only a dot at its end.", "Send the text."
)
DATA_NO_RECIPIENTS = _kind(
    "data.no-recipients",
    "RFC 5321 §3.3",
    "Every recipient was refused, so there is nobody to send the text to.",
    "Look at the answers to RCPT.",
)
MESSAGE_TAKEN = _kind(
    "message.taken",
    "RFC 5321 §4.2.5",
    "The message is on stable storage; the server is responsible for it now.",
    "Forget the message: it must not be sent again.",
)
CHUNK_TAKEN = _kind("chunk.taken", "RFC 3030 §2", "The octets of this chunk were taken.", "Go on with BDAT.")
CONTENT_LINE_ENDING = _kind(
    "content.line-ending",
    "RFC 5321 §2.3.8",
    "The text has a bare CR or a bare LF. Another server might take it for the end of the text, and what follows for "
    "commands (SMTP smuggling); so the message is refused as a whole.",
    "End lines with CRLF; send a text that needs other line endings by BDAT with BODY=BINARYMIME. For programs that "
    'can not be mended an operator may have bare LFs mended: [[network]] line_endings = "normalize".',
)
CONTENT_LINE_TOO_LONG = _kind(
    "content.line-too-long", "RFC 5321 §4.5.3.1.6", "A line of the text is endless.", "Encode the text."
)
CONTENT_LOOP = _kind(
    "content.loop",
    "RFC 5321 §6.3",
    "The message has more Received fields than a message that reaches somebody: it goes in circles.",
    "Find the two servers that send it to each other in those fields.",
)
RESET_DONE = _kind("reset.done", "RFC 5321 §4.1.1.5", "The open transaction, if any, is forgotten.", NOTHING)
NOOP_DONE = _kind("noop.done", "RFC 5321 §4.1.1.9", "The server is there.", NOTHING)
HELP_TOPICS = _kind("help.topics", "RFC 5321 §4.1.1.8", "What the server knows.", NOTHING)
HELP_STATUS = _kind("help.status", "RFC 5321 §4.2.3", "How the server is.", NOTHING)
HELP_UNKNOWN = _kind("help.unknown-topic", "RFC 5321 §4.2.4", "There is no help on this.", "HELP lists the topics.")

# VRFY and EXPN
VRFY_CONFIRMED = _kind("vrfy.confirmed", "RFC 5321 §3.5.2", "The mailbox is there.", NOTHING)
VRFY_CANNOT_TELL = _kind(
    "vrfy.cannot-tell",
    "RFC 5321 §3.5.3",
    "The server would take mail for it, but does not know, or does not say, whether the mailbox exists.",
    "Send the mail.",
)
VRFY_AMBIGUOUS = _kind(
    "vrfy.ambiguous", "RFC 5321 §3.5.1", "The name fits several mailboxes; the reply lists them.", "Say which one."
)
EXPN_EXPANDED = _kind("expn.expanded", "RFC 5321 §3.5.2", "Who is behind the alias or list.", NOTHING)

# ETRN
ETRN_STARTED = _kind("etrn.started", "RFC 1985 §5", "Delivery of the mail waiting for the node has begun.", NOTHING)
ETRN_UNDER_WAY = _kind(
    "etrn.under-way", "RFC 1985 §5", "The mail for the node is being delivered at this moment.", NOTHING
)
ETRN_NOTHING = _kind("etrn.nothing-waiting", "RFC 1985 §5", "No mail waits for this node.", NOTHING)
ETRN_REFUSED = _kind(
    "etrn.refused", "RFC 1985 §5", "The server does not queue mail for this node on request.", OPERATOR
)
ETRN_TROUBLE = _kind("etrn.trouble", "RFC 1985 §5", "The queue could not be asked.", LATER)
ETRN_TOO_OFTEN = _kind(
    "etrn.too-often",
    "RFC 1985 §5",
    "The mail of this node was started for this client a moment ago.",
    "Wait; what can be delivered is on its way. The interval is [etrn] interval.",
)

# STARTTLS
TLS_GO_AHEAD = _kind(
    "tls.go-ahead", "RFC 3207 §4", "The server waits for the TLS handshake.", "Begin it, and say EHLO after it."
)
TLS_ALREADY = _kind(
    "tls.already", "RFC 3207 §4.2", "STARTTLS was said in a session that runs under TLS.", "Go on without it."
)
TLS_UNAVAILABLE = _kind(
    "tls.unavailable",
    "RFC 3207 §4",
    "The server has no certificate that it could use at the moment.",
    "Try again later, or go on without TLS where that is allowed. " + OPERATOR,
)
TLS_INJECTED = _kind(
    "tls.injected",
    "RFC 3207 §6",
    "Something followed STARTTLS before the handshake: an attacker could have put it there, to be taken for the "
    "client's words under TLS.",
    "Send STARTTLS last, and wait for its reply.",
)

# AUTH
AUTH_ACCEPTED = _kind("auth.accepted", "RFC 4954 §6", "The client has proven who it is.", "Go on with MAIL.")
AUTH_CHALLENGE = _kind(
    "auth.challenge", "RFC 4954 §4", "The mechanism goes on: the text is a challenge in base64.", "Send the response."
)
AUTH_CANCELLED = _kind("auth.cancelled", "RFC 4954 §4", 'The client has ended the exchange by "*".', "Begin again.")
AUTH_SYNTAX = _kind(
    "auth.syntax",
    "RFC 4954 §4",
    "A response is not base64, or not what the mechanism allows at this place.",
    "Mend the client. An empty initial response is written as one equals sign.",
)
AUTH_LINE_TOO_LONG = _kind(
    "auth.line-too-long", "RFC 4954 §4", "A response is longer than 12288 octets.", "Use another mechanism."
)
AUTH_MECHANISM = _kind(
    "auth.mechanism",
    "RFC 4954 §4",
    "The server does not have this mechanism for this client.",
    "Use one of those in the AUTH line of the answer to EHLO.",
)
AUTH_NEEDS_TLS = _kind(
    "auth.needs-tls",
    "RFC 4954 §4",
    "With this mechanism the password can be read on the way, and the connection is not encrypted.",
    "Say STARTTLS before, or use SCRAM-SHA-256. An operator who wants it so all the same writes "
    "allow_plaintext_auth = true below the [[listener]].",
)
AUTH_ALREADY = _kind("auth.already", "RFC 4954 §4", "The client has proven already who it is.", "Go on with MAIL.")
AUTH_REQUIRED = _kind(
    "auth.required",
    "RFC 4954 §6",
    "On this listener nobody brings mail without having proven who he is.",
    "Say AUTH first. For mail from other servers there is another listener, usually on port 25.",
)
AUTH_REFUSED = _kind(
    "auth.refused",
    "RFC 4954 §6",
    "The name or the password is wrong. The server does not say which.",
    "Ask the user for the password. `heloise user passwd` gives a new one.",
)
AUTH_LOCKED = _kind(
    "auth.locked",
    "RFC 4954 §6",
    "There were too many wrong passwords from this client, or for this user, and none is looked at for some minutes.",
    "Mend the client that has an old password, and wait.",
)
AUTH_TROUBLE = _kind("auth.trouble", "RFC 4954 §6", "The server can not read at the moment who its users are.", LATER)
AUTH_SENDER = _kind(
    "auth.sender",
    "RFC 6409 §6.1",
    "The reverse path is not one of the addresses of the user who has proven who he is.",
    "Send from an address of this user. They stand behind the keys in the file of [auth] users.",
)

# AUTH, where we are the client
LOGIN_NOT_OFFERED = _kind(
    "login.not-offered",
    "RFC 4954 §4",
    "There are credentials for this host, and it offers no AUTH, or none by a mechanism that they are good for.",
    "Look at what it says to EHLO: many offer AUTH under TLS only. `mechanisms` beside the credentials chooses. "
    + LATER,
)
LOGIN_NEEDS_TLS = _kind(
    "login.needs-tls",
    "RFC 4954 §4",
    "The host wants the password by a mechanism that shows it, and the connection is not encrypted.",
    'Write tls = "encrypt" or "verify" for the host; or allow_plaintext = true beside the credentials, if nobody can '
    "read along.",
)
LOGIN_REFUSED = _kind(
    "login.refused",
    "RFC 4954 §6",
    "The host does not take our name and password. Mail is kept and tried again, since who wrote it can not mend that.",
    "Mend the credentials; `heloise send --user` tries them. Then `heloise queue retry`.",
)
LOGIN_FAILED = _kind(
    "login.failed",
    "RFC 4954 §4",
    "The exchange of AUTH has broken off: the host could not prove that it knows the password, or is out of step.",
    'Make sure that it is the host you mean: write tls = "verify". Another mechanism may help.',
)
LOGIN_UNKNOWN = _kind(
    "login.unknown",
    "RFC 4954 §4",
    "The file with the password for this host can not be read.",
    "Look at `password_file`, and who may read it. The next attempt reads it again.",
)

TLS_NOT_OFFERED = _kind(
    "tls.not-offered",
    "RFC 3207 §4.1",
    "Mail for this host goes under TLS only, and the host offers none.",
    "Ask who runs the host; or ask less of it by `tls` in [delivery] or [[destination]]. " + LATER,
)
TLS_FAILED = _kind(
    "tls.failed",
    "RFC 3207 §4.1",
    "The TLS handshake failed, or the certificate is not one for the name of the host by an authority that is trusted.",
    "Look at the trouble that is told with it; `openssl s_client -starttls smtp` shows the certificate. " + LATER,
)

# Neighbours: proxies in front of the server
PROXY_NOT_ONE = _kind(
    "proxy.not-one",
    "PROXY section 2",
    "This port is for proxies that tell the address of their client, and the client is none of them.",
    "Use the port that is meant for everybody. " + OPERATOR,
)
PROXY_HEADER = _kind(
    "proxy.header",
    "PROXY section 2",
    "A proxy sent no PROXY header, a damaged one, or not all of it in time; the connection was closed without a word.",
    "Switch it on at the proxy (send-proxy or send-proxy-v2 of HAProxy), or proxy_protocol off at the listener.",
)

CLIENT_NOT_ALLOWED = _kind(
    "client.not-allowed",
    "Postfix XCLIENT_README",
    "XCLIENT and XFORWARD are for proxies and servers that the operator has named, and this client is none of them.",
    "Add its network to [xclient] or [xforward] networks, if it is to be believed.",
)
CLIENT_ATTRIBUTE = _kind(
    "client.attribute",
    "Postfix XCLIENT_README",
    "An attribute is not known, or its value is not of its kind.",
    "Send only attributes that EHLO names; write values in xtext, what is not known as [UNAVAILABLE].",
)
XFORWARD_TAKEN = _kind(
    "client.forwarded", "Postfix XFORWARD_README", "What is told of the client is kept with the next message.", NOTHING
)

# Neighbours: milters
MILTER_REJECTED = _kind(
    "milter.rejected",
    "Postfix MILTER_README",
    "A mail filter of the server refuses this client, this recipient or this message.",
    "The reply may have the reason in the filter's own words. " + OPERATOR,
)
MILTER_LATER = _kind(
    "milter.later", "Postfix MILTER_README", "A mail filter of the server asks to try again later.", LATER
)
MILTER_DISCARDED = _kind(
    "milter.discarded",
    "Postfix MILTER_README",
    "A mail filter had the message thrown away; the client was told yes.",
    NOTHING,
)
MILTER_QUARANTINED = _kind(
    "milter.quarantined",
    "Postfix MILTER_README",
    "A mail filter wants the message to be looked at before it goes on: it was taken, and is held.",
    "See it with `heloise queue show`; release it or remove it.",
)
MILTER_TROUBLE = _kind(
    "milter.trouble",
    "Postfix MILTER_README",
    "A mail filter could not be reached, was silent, or said nonsense; what then is done is its default_action.",
    "Look after the filter; the log has its trouble. " + LATER,
)

# Neighbours: rspamd
RSPAMD_REJECTED = _kind(
    "rspamd.rejected",
    "rspamd Protocol",
    "rspamd has found the message to be spam, or something worse; the cause has its score and the symbols it saw.",
    "If it is none, tell the operator the time and the addresses.",
)
RSPAMD_LATER = _kind(
    "rspamd.later", "rspamd Protocol", "rspamd wants the message to come again, for greylisting or by a limit.", LATER
)
RSPAMD_TROUBLE = _kind(
    "rspamd.trouble",
    "rspamd Protocol",
    "rspamd did not answer, or not as it is documented; what then is done is the default_action of [rspamd].",
    "Look after rspamd; the log has its trouble. " + LATER,
)

# ATRN
ATRN_TURNED = _kind(
    "atrn.turned",
    "RFC 2645 §5.3",
    "From here on the server is the client: it delivers the mail.",
    "Say 220 as a server.",
)
ATRN_NOTHING = _kind("atrn.nothing-waiting", "RFC 2645 §5.2.1", "No mail waits for these domains.", NOTHING)
ATRN_WHO = _kind(
    "atrn.who",
    "RFC 2645 §5.2.1",
    "The server does not know this client, and so not which mail is its own.",
    "The operator names its network in [[odmr]] networks.",
)
ATRN_REFUSED = _kind(
    "atrn.refused", "RFC 2645 §5.2.1", "The client asked for a domain that is not its own; it gets none.", OPERATOR
)
ATRN_TROUBLE = _kind("atrn.trouble", "RFC 2645 §5.2.1", "The queue could not be asked.", LATER)
ATRN_NOT_ALONE = _kind(
    "atrn.not-last",
    "RFC 2645 §5.3",
    "Something followed ATRN before the connection was turned around: it could be a command or a reply.",
    "Send ATRN last, and wait for its reply.",
)
ATRN_ONLY = _kind(
    "atrn.only",
    "RFC 2645 §5.4",
    "Mail is fetched here, not brought.",
    "Bring mail to the port for it, 25 or 587.",
)
ATRN_WAITS = _kind(
    "atrn.waits", "RFC 2645 §4", "The mail waits until its site comes for it by ATRN.", "The site says ATRN."
)

# VERB and ONEX
VERB_ON = _kind("verb.on", "sendmail VERB", "Lines with 050 tell what happens, until QUIT or VERB OFF.", NOTHING)
VERB_OFF = _kind("verb.off", "sendmail VERB", "No more 050 lines.", NOTHING)
VERB_PROGRESS = _kind("verb.progress", "sendmail VERB", "What happens while the client waits.", "Skip 0yz lines.")
ONEX_PROMISED = _kind(
    "onex.promised",
    "sendmail ONEX",
    "The client will have one transaction only; the server closes soon after.",
    NOTHING,
)

# What a hook, a sink or an operator's rule says in its own words
# What clients do against the rules, and most servers bear: `heloise dev --lint` tells, `--pedantic` refuses
LINT_PIPELINING = _kind(
    "lint.pipelining",
    "RFC 2920 §3.1",
    "The client said more before it had the reply to a command that it has to wait for: one that ends a group, such as "
    "EHLO or DATA, or any command while the server has not offered PIPELINING.",
    "Wait for the reply to EHLO, HELO, DATA, AUTH, STARTTLS, VRFY, EXPN and NOOP.",
)
LINT_HELLO_NAME = _kind(
    "lint.hello-name",
    "RFC 5321 §4.1.2",
    "The name in EHLO, HELO or LHLO is no domain: labels have letters, digits and hyphens, and no hyphen at an end.",
    "Give the full name of the host, or its address as [192.0.2.1].",
)
LINT_AFTER_QUIT = _kind(
    "lint.after-quit", "RFC 5321 §4.1.1.10", "The client said something after QUIT.", "Say QUIT last."
)
LINT_NO_QUIT = _kind(
    "lint.no-quit",
    "RFC 5321 §4.1.1.10",
    "The client closed the connection without QUIT.",
    "Say QUIT, and wait for its reply.",
)
LINT_TEXT_LINE = _kind(
    "lint.text-line",
    "RFC 5322 §2.1.1",
    "A line of the message has more than 998 octets; other servers may cut or refuse it.",
    "Encode the text as quoted-printable or base64.",
)
LINT_EIGHT_BIT = _kind(
    "lint.eight-bit",
    "RFC 6152 §3",
    "The message has octets above 127, but MAIL had no BODY=8BITMIME.",
    "Add the parameter where EHLO offers it; else encode the text.",
)
LINT_DATE = _kind("lint.date", "RFC 5322 §3.6", "The message has no Date field.", "Add one.")
LINT_FROM = _kind("lint.from", "RFC 5322 §3.6", "The message has no From field.", "Add one.")
LINT_MESSAGE_ID = _kind(
    "lint.message-id", "RFC 5322 §3.6.4", "The message has no Message-ID field.", "Add one, new for each message."
)
LINT_FIELD_TWICE = _kind(
    "lint.field-twice", "RFC 5322 §3.6", "A field that may be there once is there twice.", "Leave one out."
)
LINT_SIZE = _kind(
    "lint.size",
    "RFC 1870 §6.1",
    "The message is not as long as MAIL has said by SIZE: it is longer.",
    "Count the octets with CRLF, without transparency dots.",
)

FAULT_RULE = _kind(
    "fault.rule",
    "RFC 5321 §4.2.1",
    "The server fails on purpose, so that a client can be tested: a fault rule says so, or the address does.",
    "See that the client does what is right for such a server. The rule tells how often it acts.",
)
HANDLER_SAID = _kind(
    "handler.said",
    "RFC 5321 §4.2",
    "A handler written for aiosmtpd says so; it gives the words of the reply and no reason.",
    "Look into the handler.",
)
POLICY_REFUSED = _kind("policy.refused", "RFC 5321 §7.9", "A rule of this server refuses it.", OPERATOR)
POLICY_LATER = _kind("policy.not-now", "RFC 5321 §7.8", "A rule of this server refuses it for now.", LATER)
POLICY_DISCARDED = _kind(
    "policy.discarded",
    "RFC 5321 §6.2",
    "The message was taken and thrown away, since a rule of this server says so.",
    OPERATOR,
)
POLICY_HELD = _kind(
    "policy.held",
    "RFC 5321 §6.2",
    "The message was taken and is held in the queue, since a rule of this server says so.",
    "An operator looks at it, and lets it go by `heloise queue release` or removes it.",
)
POLICY_POINTS = _kind(
    "policy.points",
    "RFC 5321 §7.9",
    "So much speaks against the client, or against what it brings, that the server refuses it; what it is, and how "
    "much each counts, stands with this cause.",
    "The operator of the client mends what is told. " + OPERATOR,
)
HELLO_OURS = _kind(
    "hello.ours",
    "RFC 5321 §4.1.4",
    "The client gives itself the name, or the address, of this server.",
    "Give the client's own full host name.",
)
HELLO_LITERAL = _kind(
    "hello.literal",
    "RFC 5321 §4.1.3",
    "The client gives itself an address that is not the one it comes from.",
    "Give the client's own full host name, or its own address.",
)
HELLO_SHORT = _kind(
    "hello.short",
    "RFC 5321 §2.3.5",
    "The client gives itself a name without a dot, which is the name of no mail server.",
    "Give the client's own full host name.",
)
HELLO_UNRESOLVED = _kind(
    "hello.unresolved",
    "RFC 5321 §2.3.5",
    "The client gives itself a name that the DNS does not know.",
    "Give a name that has an A, AAAA or MX record.",
)
CLIENT_NO_NAME = _kind(
    "client.no-name",
    "RFC 7372 §3.1",
    "The address of the client has no name in the DNS that leads back to it.",
    "Have a PTR record made for the address, with a name that has this address.",
)
CLIENT_LISTED = _kind(
    "client.listed",
    "RFC 5782 §2.1",
    "The address of the client is in a list of addresses that this server asks.",
    "Whoever keeps the list tells on its pages why, and how to get out of it. " + OPERATOR,
)
SENDER_NO_DOMAIN = _kind(
    "sender.no-such-domain",
    "RFC 5321 §3.6.2",
    "The domain of the sender does not exist, so no report could ever reach anybody there.",
    "Send from an address that can be answered.",
)
SENDER_NULL_MX = _kind(
    "sender.null-mx",
    "RFC 7505 §4.2",
    "The domain of the sender says that it takes no mail, so it could not be answered.",
    "Send from an address that can be answered.",
)
SENDER_DNS = _kind(
    "sender.dns-failure", "RFC 5321 §3.6.2", "The name servers of the sender's domain did not answer.", LATER
)
QUOTA_EXCEEDED = _kind(
    "quota.exceeded",
    "RFC 5321 §7.8",
    "This client, its network or its user has done as much of something as it may in a time; what, and how much, "
    "stands with this cause.",
    "The operator changes it in the [[quota]] that the log gives with this cause. " + LATER,
)
GREYLIST_WAIT = _kind(
    "greylist.wait",
    "RFC 6647 §2.4",
    "Mail from this sender for this recipient was not seen before from this network. A mail server tries again by "
    "itself, and is let in then.",
    LATER,
)
POLICY_OVERRUN = _kind(
    "policy.overrun",
    "RFC 5321 §4.5.3.2",
    "A check, a filter or a hook of this server took longer than it may.",
    "The operator looks at what it waits for; the log has its name. " + LATER,
)
POLICY_FAULT = _kind(
    "policy.fault",
    "RFC 5321 §4.3.2",
    "A check, a filter or a hook of this server failed.",
    "The operator finds the error in the log under the id that the reply gives. " + LATER,
)

# Delivery
PEER_SAID = _kind("peer.said", "RFC 5321 §4.2", "These are the words of the other server.", "Ask its operator.")
PEER_NONSENSE = _kind(
    "peer.nonsense", "RFC 5321 §4.2", "The other server said something that is no SMTP reply.", "Ask its operator."
)
LINK_REFUSED = _kind("link.refused", "RFC 5321 §4.5.4.1", "The next hop could not be connected to.", LATER)
LINK_TIMED_OUT = _kind("link.timed-out", "RFC 5321 §4.5.3.2", "The next hop was silent for too long.", LATER)
LINK_LOST = _kind("link.lost", "RFC 5321 §4.5.4.1", "The connection was lost before the message was decided.", LATER)
LINK_LOST_AFTER_DOT = _kind(
    "link.lost-after-dot",
    "RFC 5321 §4.5.3.2.6",
    "The connection was lost between the final dot and the reply: the next hop may have the message. It is sent again, "
    "since a duplicate is better than a loss.",
    LATER,
)
DNS_NO_SUCH_DOMAIN = _kind("dns.no-such-domain", "RFC 5321 §5.1", "The domain does not exist.", "Check the spelling.")
DNS_FAILURE = _kind("dns.failure", "RFC 5321 §5.1", "The name servers of the domain did not answer.", LATER)
ROUTE_NONE = _kind("route.none", "RFC 5321 §5.1", "No way to this domain is known.", OPERATOR)
ROUTE_NULL_MX = _kind(
    "route.null-mx", "RFC 7505 §3", "The domain says that it takes no mail at all.", "Reach them in another way."
)
ROUTE_LOOPS_BACK = _kind(
    "route.loops-back",
    "RFC 5321 §5.1",
    "The best mail exchanger of the domain is this server itself, which does not know the domain.",
    "The operator makes the domain local, gives it a route, or mends its MX records. " + OPERATOR,
)
DELIVERY_EXPIRED = _kind(
    "delivery.expired",
    "RFC 5321 §4.5.4.1",
    "The message waited as long as messages may; the last trouble is told with it.",
    "Mend what is told as last trouble, and send it again.",
)
DELIVERY_NEEDS_EXTENSION = _kind(
    "delivery.needs-extension",
    "RFC 6152 §3",
    "The next hop lacks an extension that the message needs (8BITMIME, SMTPUTF8, BINARYMIME).",
    "Send the message in a form that does not need it.",
)
DELIVERY_HEADER_NOT_ASCII = _kind(
    "delivery.header-not-ascii",
    "RFC 6531 §3.2",
    "The header of the message, or of a part of it, has octets above 127. They can not be encoded on the way, and the "
    "next hop does not take them.",
    "Send the message with encoded words in the header (RFC 2047).",
)
DELIVERY_SEALED = _kind(
    "delivery.sealed",
    "RFC 1847 §2.1",
    "The next hop takes seven-bit text only. A part of the message would have to be encoded for it, and must not be, "
    "since it is signed or encrypted as it is.",
    "Sign or encrypt a text that is encoded already (quoted-printable or base64).",
)
DELIVERY_UNCONVERTIBLE = _kind(
    "delivery.unconvertible",
    "RFC 6152 §3",
    "The next hop does not take the message as it is, and something in it can not be encoded without loss.",
    "Send the message in seven-bit text: every part quoted-printable or base64.",
)
DELIVERY_NEEDS_TLS = _kind(
    "delivery.needs-tls",
    "RFC 8689 §4.2.1",
    "The sender has said REQUIRETLS: the message goes under TLS to a host with a certificate for its name, or "
    "not at all.",
    "Ask the operator of the next hop for a certificate that holds, or send it without REQUIRETLS.",
)
DELIVERY_TOO_BIG = _kind(
    "delivery.too-big", "RFC 1870 §6.1", "The next hop said it takes no message that large.", NOTHING
)
DELIVERY_FAULT = _kind(
    "delivery.fault",
    "RFC 5321 §4.5.4.1",
    "The attempt to deliver met an error of this server; it is made again.",
    "The log has the details under the id of the message. " + LATER,
)
DELIVERY_CONGESTED = _kind(
    "delivery.congested",
    "RFC 5321 §4.5.4.1",
    "The next hop takes mail more slowly than it comes in, and the message still waits for its turn.",
    "`heloise queue destinations` shows the pace and why. " + LATER,
)
LOCAL_DELIVERED = _kind("local.delivered", "RFC 5321 §4.4", "The message lies in the mailbox.", NOTHING)
LOCAL_DISCARDED = _kind("local.discarded", "RFC 5321 §4.2.5", "The route of this recipient throws mail away.", OPERATOR)
ROUTE_NOT_CONFIGURED = _kind(
    "route.not-configured",
    "RFC 5321 §4.5.4.1",
    "The recipient was accepted for a program or a web service that the configuration does not name any more.",
    "The operator names it again, or moves the mail. " + LATER,
)
PROGRAM_SAID = _kind(
    "program.said", "sysexits(3)", "This is what a program that takes mail made of it.", "Ask whoever wrote it."
)
PROGRAM_DIED = _kind(
    "program.died", "sysexits(3)", "A program that takes mail was ended by a signal; it is run again.", LATER
)
PROGRAM_TIMED_OUT = _kind(
    "program.timed-out",
    "sysexits(3)",
    "A program that takes mail did not end in time, and was killed; it is run again.",
    "The time is `timeout` of its [[pipe]]. " + LATER,
)
PROGRAM_NOT_STARTED = _kind(
    "program.not-started",
    "sysexits(3)",
    "A program that takes mail could not be started: it is not there, may not be run, or has no user to run as.",
    "The operator mends its [[pipe]]; the reason stands with this cause. " + LATER,
)
PROGRAM_OPTION = _kind(
    "program.option",
    "RFC 5321 §4.1.2",
    "A part of the address begins with a hyphen, and the program would take it for an option.",
    "The operator lets the command of the [[pipe]] use {recipient} instead of {user} or {extension}.",
)
HOOK_SAID = _kind(
    "hook.said", "RFC 9110 §15", "This is what a web service that takes mail made of it.", "Ask whoever wrote it."
)
LOCAL_TROUBLE = _kind("local.trouble", "RFC 5321 §4.2.4", "The message could not be written to the mailbox.", LATER)

CATALOGUE: dict[str, CauseKind] = {kind.id: kind for kind in tuple(globals().values()) if isinstance(kind, CauseKind)}
