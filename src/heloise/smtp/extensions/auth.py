"""AUTH: the client proves who it is, by a SASL mechanism. RFC 4954.

Promises: a mechanism that shows the password is offered under TLS only, unless the operator says so (§4, 538); once in
a session (503); not in a transaction. Whether the credentials are good is the driver's word. AUTH= on MAIL (§5) says
who wrote the message first; it is checked, kept with the message, and never believed. We have no word of our own to
the next hop about it, since we do not prove to it who we are.
"""

from heloise.mail.address import AddressError, Mailbox
from heloise.mail.reply import Reply
from heloise.mail.xtext import decode_xtext
from heloise.smtp import replies
from heloise.smtp.command import Command, Mail, Plain
from heloise.smtp.extension import Extension, ServerView, VerbAnswer, VerbKind, VerbSpec
from heloise.smtp.sasl.exchange import IN_CLEAR, Exchange, server_mechanism
from heloise.smtp.states import ServerState

KEYWORD = "AUTH"
FORM = "AUTH mechanism [initial-response]"


def offered(view: ServerView) -> tuple[str, ...]:
    """The mechanisms that may be used now."""
    if view.is_secured or view.auth.in_clear:
        return view.auth.mechanisms
    return tuple(name for name in view.auth.mechanisms if name not in IN_CLEAR)


def advertise(view: ServerView) -> str | None:
    """The mechanisms. Not offered to a client that is known: it could not use it. RFC 4954 §4."""
    names = offered(view) if view.authenticated_as is None else ()
    return f"{KEYWORD} {' '.join(names)}" if names else None


def begin(view: ServerView, command: Command) -> Reply | tuple[Exchange, VerbAnswer]:
    """The exchange and its first word, or why there is none. RFC 4954 §4."""
    assert isinstance(command, Plain)
    name, _, initial = command.argument.partition(" ")
    name = name.upper()
    if not view.is_esmtp:
        return replies.AUTH_NEEDS_EHLO
    if view.authenticated_as is not None:
        return replies.AUTH_ALREADY
    if not name:
        return replies.needs_argument(FORM)
    if name not in view.auth.mechanisms:
        return replies.auth_mechanism(name, offered(view))
    if name not in offered(view):
        return replies.auth_needs_tls(name, view.rules.get("allow_plaintext_auth"))
    exchange = Exchange(name, server_mechanism(name, view.auth_nonce))
    return exchange, exchange.begin(initial or None)


def check_mail(view: ServerView, mail: Mail) -> Reply | None:
    """530 where nobody brings mail unknown; 501 for an AUTH= that is no mailbox and not <>. RFC 4954 §5, §6."""
    if view.auth.is_required and view.authenticated_as is None:
        return replies.AUTH_REQUIRED
    value = mail.parameters.value(KEYWORD)
    if KEYWORD not in mail.parameters or value == "<>":
        return None
    try:
        Mailbox.parse(decode_xtext(value or "").encode())
    except (AddressError, ValueError):
        return replies.bad_parameter("AUTH is <> or a mailbox in xtext")
    return None


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 4954",
    summary="proves who the client is",
    advertise=advertise,
    mail_keywords=frozenset({KEYWORD}),
    check_mail=check_mail,
    verbs=(
        VerbSpec(
            verb=KEYWORD,
            kind=VerbKind.DIALOGUE,
            transitions={ServerState.READY: ServerState.AUTHENTICATING},
            form=FORM,
            summary="prove who you are",
            open=begin,
        ),
    ),
)
