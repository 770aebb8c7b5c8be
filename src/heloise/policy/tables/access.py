"""Lists of restrictions: access tables, and who is not asked about. postconf(5), smtpd_recipient_restrictions."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Literal, TypeAlias

from heloise.mail.address import Mailbox
from heloise.policy.tables.actions import Action, ActionError, access_action, refusal
from heloise.policy.tables.lookup import Table
from heloise.policy.verdict import CONTINUE, Verdict, combine
from heloise.policy.views import DataView, HelloView, MailView, MessageView, RcptView, SessionView, View

Key: TypeAlias = tuple[str, bool]
"""A key, and whether it is a part only."""
Subject: TypeAlias = Literal["client", "helo", "sender", "recipient", "user"]


class Permit(Enum):
    """Who ends a list."""

    NETWORKS = "clients of [relay] networks"
    USERS = "who has logged in"
    OURS = "recipients that strangers may write to"
    ALL = "everybody"


@dataclass(frozen=True, slots=True)
class Refuse:
    """Whoever comes this far: 554, or 450 when `is_later`."""

    is_later: bool = False


@dataclass(frozen=True, slots=True)
class Check:
    """Ask a table about something. `separator` begins a tag; `parents`: "a.test" speaks for what is below it, too
    (else ".a.test" does); `origin` is the domain of names without one."""

    subject: Subject
    table: Table
    separator: str = ""
    parents: bool = True
    origin: str = ""


Step: TypeAlias = Check | Permit | Refuse


def judge(view: View, lists: Sequence[Sequence[Step]]) -> Verdict:
    """All lists, one after the other: the first refusal is what is said."""
    said: list[Verdict] = []
    deferred: Verdict = CONTINUE
    for steps in lists:
        for step in steps:
            action = _asked(view, step)
            said.append(action.verdict)
            deferred = action.if_permitted if deferred is CONTINUE else deferred
            if action.verdict.refusal is not None:
                return combine(said)
            if action.is_final:
                break
    return combine((*said, deferred))


def _asked(view: View, step: Step) -> Action:
    session = view.session
    match step:
        case Permit():
            passes = {
                Permit.NETWORKS: session.may_relay and session.user is None,
                Permit.USERS: session.user is not None,
                Permit.OURS: isinstance(view, RcptView) and not session.is_trusted,
                Permit.ALL: True,
            }
            return Action(is_final=passes[step])
        case Refuse(is_later=is_later):
            return Action(refusal(450 if is_later else 554, "", None), is_final=True)
        case Check():
            return _looked_up(view, step)


def _looked_up(view: View, check: Check) -> Action:
    for key, is_part in keys(view, check):
        found = check.table.find(key, is_part)
        if found is not None:
            try:
                return access_action(*found)
            except ActionError:
                return Action()  # it was told by the import
    return Action()


def keys(view: View, check: Check) -> Iterator[Key]:
    """What is looked up, in this order."""
    match check.subject:
        case "client":
            yield from _client(view.session, check)
        case "helo":
            name = view.name if isinstance(view, HelloView) else view.session.hello_name
            yield from _domain(name, check) if name else ()
        case "user":
            if view.session.user is not None:
                yield view.session.user, False
        case "sender":
            mailbox = _sender(view)
            if mailbox is not None:
                yield from _address(mailbox, check)
            elif isinstance(view, MailView | RcptView | DataView | MessageView):
                yield "<>", False  # smtpd_null_access_lookup_key
        case "recipient":
            if isinstance(view, RcptView):
                yield from _address(view.forward_path.mailbox or f"postmaster@{check.origin}", check)


def _sender(view: View) -> Mailbox | None:
    if isinstance(view, MailView | RcptView):
        return view.reverse_path.mailbox
    return view.envelope.reverse_path.mailbox if isinstance(view, DataView | MessageView) else None


def _client(session: SessionView, check: Check) -> Iterator[Key]:
    """The name only where a proxy has told it; the address, and networks by whole numbers of it."""
    if session.client_name:
        yield from _domain(session.client_name, check)
    yield session.client, False
    dot = ":" if ":" in session.client else "."
    part = session.client.rpartition(dot)[0]
    while part:
        yield part, True
        part = part.rpartition(dot)[0]


def _domain(name: str, check: Check, is_part: bool = False) -> Iterator[Key]:
    yield name, is_part
    if name.startswith("["):
        return
    rest = name.partition(".")[2]
    while rest:
        yield rest if check.parents else f".{rest}", True
        rest = rest.partition(".")[2]


def _address(address: Mailbox | str, check: Check) -> Iterator[Key]:
    """user+tag@domain, user@domain, the domain and its parents, user+tag@, user@."""
    if isinstance(address, str):
        local, _, domain = address.partition("@")
    else:
        local, domain = address.local_part, address.domain
    bare = local.partition(check.separator)[0] if check.separator and not local.startswith(check.separator) else local
    yield f"{local}@{domain}", False
    if bare != local:
        yield f"{bare}@{domain}", True
    yield from _domain(domain, check, is_part=True)
    yield f"{local}@", True
    if bare != local:
        yield f"{bare}@", True
