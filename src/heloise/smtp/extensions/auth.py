"""AUTH: the client proves who it is, by a SASL mechanism. RFC 4954.

Promises: a mechanism that shows the password is offered under TLS only, unless the operator says so (§4, 538); once in
a session (503); not in a transaction. Whether the credentials are good is the driver's word. AUTH= on MAIL (§5) says
who wrote the message first; it is checked, kept where the client has proven who it is, and passed on where AUTH is
offered. To a next hop that knows us, "<>" says that nobody vouches for it.
"""

from heloise.mail.address import AddressError, Mailbox
from heloise.mail.content import ContentFacts
from heloise.mail.envelope import Envelope, Parameter
from heloise.mail.reply import Reply
from heloise.mail.xtext import decode_xtext
from heloise.smtp import replies
from heloise.smtp.command import Command, Mail, Plain
from heloise.smtp.extension import Extension, ServerView, VerbAnswer, VerbKind, VerbSpec
from heloise.smtp.sasl.exchange import IN_CLEAR, Exchange, server_mechanism
from heloise.smtp.sasl.external import NAME as EXTERNAL
from heloise.smtp.sasl.scram import PLUS
from heloise.smtp.states import ServerState

KEYWORD = "AUTH"
FORM = "AUTH mechanism [initial-response]"


def offered(view: ServerView) -> tuple[str, ...]:
    """The mechanisms that may be used now: with a binding where there is one, by certificate where one was shown."""
    encryption = view.encryption
    shows = encryption is not None or view.auth.in_clear
    bound = encryption is not None and encryption.binding is not None
    return tuple(
        [
            name
            for name in view.auth.mechanisms
            if (shows or name not in IN_CLEAR)
            and (bound or not name.endswith(PLUS))
            and (name != EXTERNAL or certified(view) is not None)
        ]
    )


def certified(view: ServerView) -> str | None:
    """The user that the client's certificate stands for."""
    users = view.auth.certificates
    names = () if view.encryption is None else view.encryption.peer_names
    return next((users[name.lower()] for name in names if name.lower() in users), None)


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
        if view.is_secured:
            return replies.auth_mechanism(name, offered(view))
        return replies.auth_needs_tls(name, view.rules.get("allow_plaintext_auth"))
    bindings = any(each.endswith(PLUS) for each in offered(view))
    binding = view.encryption.binding if bindings and view.encryption is not None else None
    user = certified(view) or ""
    made = server_mechanism(name, view.auth_nonce, hostname=view.hostname, binding=binding, certified=user)
    exchange = Exchange(name, made)
    return exchange, exchange.begin(initial or None)


def check_mail(view: ServerView, mail: Mail) -> Reply | None:
    """530 where nobody brings mail unknown; 501 for an AUTH= that is no mailbox and not <>. RFC 4954 §5, §6."""
    if view.auth.is_required and view.authenticated_as is None:
        return replies.AUTH_REQUIRED
    value = mail.parameters.value(KEYWORD)
    # RFC 4954 §5: without trust it is as if <> had been said.
    view.author_unproven = value is not None and view.authenticated_as is None
    if value == "<>" or (value is None and KEYWORD not in mail.parameters):
        return None
    try:
        Mailbox.parse(decode_xtext(value or "").encode())
    except (AddressError, ValueError):
        return replies.bad_parameter("AUTH is <> or a mailbox in xtext")
    return None


def mail_arguments(offer: str, envelope: Envelope, facts: ContentFacts) -> tuple[Parameter, ...]:
    """AUTH= as it came from a client that was believed. RFC 4954 §5."""
    found = envelope.parameters.get(KEYWORD)
    return () if found is None else (found,)


EXTENSION = Extension(
    keyword=KEYWORD,
    rfc="RFC 4954",
    summary="proves who the client is",
    advertise=advertise,
    mail_keywords=frozenset({KEYWORD}),
    check_mail=check_mail,
    mail_arguments=mail_arguments,
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
