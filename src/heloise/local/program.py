"""Programs that take mail: what is run for a recipient, with which arguments and environment. Pure.

No shell is involved, ever: a placeholder stands for a whole argument, whatever is in the address. So that no address
is taken for an option, one that begins with "-" is written in angle brackets, as on the wire; a {user} or {extension}
that begins so can not be written otherwise, and such a recipient is refused.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from heloise.mail.path import ForwardPath, ReversePath
from heloise.world.processes import Program

NULL_SENDER = "MAILER-DAEMON"  # what programs expect in the place of <>
SEARCH_PATH = "/usr/local/bin:/usr/bin:/bin"
OF_ONE = ("user", "extension", "domain")  # placeholders that make no sense for several recipients at once
PLACEHOLDERS = ("sender", "recipient", *OF_ONE, "message_id")


@dataclass(frozen=True, slots=True, kw_only=True)
class PipeProgram:
    """A program that takes mail on standard input.

    `command` begins with an absolute path; `{sender}`, `{recipient}` and the other `PLACEHOLDERS` stand for whole
    arguments. It runs as `user` for at most `timeout` seconds, `concurrency` of it at once; once for each recipient,
    or, without `one_recipient`, once for all of a message. `separator` begins the extension of a local part.
    """

    name: str
    command: tuple[str, ...]
    user: str | None = None
    directory: str = "/"
    timeout: float = 300.0
    one_recipient: bool = True
    line_feeds: bool = True
    concurrency: int = 4
    separator: str = "+"


@dataclass(frozen=True, slots=True, kw_only=True)
class _Parts:
    """A recipient in parts."""

    address: str
    user: str
    extension: str
    domain: str


def program_for(
    pipe: PipeProgram, *, message_id: str, reverse_path: ReversePath, forward_paths: Sequence[ForwardPath]
) -> Program:
    """What is run for these recipients."""
    parts = [_parts(path, pipe.separator) for path in forward_paths]
    sender = "" if reverse_path.mailbox is None else str(reverse_path.mailbox)
    values = {
        "{sender}": [_guarded(sender or NULL_SENDER)],
        "{recipient}": [_guarded(each.address) for each in parts],
        "{user}": [each.user for each in parts],
        "{extension}": [each.extension for each in parts],
        "{domain}": [each.domain for each in parts],
        "{message_id}": [message_id],
    }
    environment = {"PATH": SEARCH_PATH, "LANG": "C.UTF-8", "SENDER": sender, "MESSAGE_ID": message_id}
    if len(parts) == 1:
        environment |= _of_one(parts[0])
    return Program(
        command=tuple(written for argument in pipe.command for written in values.get(argument, [argument])),
        environment=environment,
        user=pipe.user,
        directory=pipe.directory,
    )


def looks_like_an_option(pipe: PipeProgram, path: ForwardPath) -> bool:
    """Would a part of this recipient that the command names be taken for an option?"""
    parts = _parts(path, pipe.separator)
    named = {"{user}": parts.user, "{extension}": parts.extension, "{domain}": parts.domain}
    return any(named[argument].startswith("-") for argument in pipe.command if argument in named)


def _of_one(parts: _Parts) -> Mapping[str, str]:
    return {"RECIPIENT": parts.address, "LOCAL": parts.user, "EXTENSION": parts.extension, "DOMAIN": parts.domain}


def _parts(path: ForwardPath, separator: str) -> _Parts:
    if path.mailbox is None:
        return _Parts(address="Postmaster", user="Postmaster", extension="", domain="")
    local_part, domain = path.mailbox.local_part, path.mailbox.domain
    user, _, extension = local_part.partition(separator) if separator else (local_part, "", "")
    return _Parts(address=str(path.mailbox), user=user, extension=extension, domain=domain)


def _guarded(address: str) -> str:
    return f"<{address}>" if address.startswith("-") else address
