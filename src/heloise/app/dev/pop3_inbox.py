"""Caught mail by POP3: a user's name says which mailbox, and what is deleted is gone for POP3, not for the inbox."""

import hashlib
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hmac import compare_digest

from heloise.app.dev.server import CatchOptions
from heloise.inbox.inbox import Inbox
from heloise.inbox.mailboxes import By, Grouping
from heloise.inbox.message import CaughtMessage
from heloise.pop3 import replies
from heloise.pop3.maildrop import Entry, Maildrop, Password, Proof
from heloise.pop3.replies import Pop3Reply
from heloise.pop3.serving import Pop3Door
from heloise.world import Endpoint, ServerTls, World

EVERYTHING = "*"
_BY_USER, _BY_ADDRESS = Grouping(By.USER), Grouping(By.ADDRESS)


class InboxMaildrops:
    """The mailboxes of an inbox, each open once. A name with @ is that of an address, one without that of a local part,
    `*` that of all mail. Without `users` any password will do, since it protects nothing."""

    has_secrets = True

    def __init__(self, inbox: Inbox, users: Mapping[str, str]) -> None:
        self._inbox = inbox
        self._users = users
        self._open: set[str] = set()
        self._gone: dict[str, set[str]] = {}  # by mailbox
        inbox.on_left(self._forget)

    async def open(self, proof: Proof) -> "Maildrop | Pop3Reply":
        """See `heloise.pop3.maildrop.Maildrops`."""
        if self._users and not _is_proven(proof, self._users.get(proof.user)):
            return replies.REFUSED
        name = proof.user.lower()
        if name in self._open:
            return replies.IN_USE
        self._open.add(name)
        gone = self._gone.get(name, set())
        return _Opened(self, name, [each for each in self._messages(name) if each.message_id not in gone])

    def _messages(self, name: str) -> tuple[CaughtMessage, ...]:
        if name == EVERYTHING:
            return self._inbox.messages
        return self._inbox.mailbox(name, _BY_ADDRESS if "@" in name else _BY_USER)

    def get(self, uid: str) -> CaughtMessage | None:
        """The message, if it is still there; who reads it has read it."""
        message = self._inbox.get(uid)
        if message is not None:
            self._inbox.mark([message], is_read=True)
        return message

    def remove(self, name: str, uids: tuple[str, ...]) -> None:
        """These are not shown in this mailbox any more."""
        self._gone.setdefault(name, set()).update(uid for uid in uids if self._inbox.get(uid) is not None)

    def close(self, name: str) -> None:
        """Others may open it."""
        self._open.discard(name)

    def _forget(self, message: CaughtMessage) -> None:
        for name, uids in tuple(self._gone.items()):
            uids.discard(message.message_id)
            if not uids:
                del self._gone[name]


class _Opened:
    def __init__(self, maildrops: InboxMaildrops, name: str, messages: list[CaughtMessage]) -> None:
        self._maildrops = maildrops
        self._name = name
        self.entries = tuple(Entry(message.message_id, len(message.octets)) for message in messages)

    async def octets(self, uid: str) -> bytes | None:
        """See `heloise.pop3.maildrop.Maildrop`."""
        message = self._maildrops.get(uid)
        return None if message is None else message.octets

    async def remove(self, uids: tuple[str, ...]) -> bool:
        """See there."""
        self._maildrops.remove(self._name, uids)
        return True

    async def close(self) -> None:
        """See there."""
        self._maildrops.close(self._name)


def _is_proven(proof: Proof, password: str | None) -> bool:
    if password is None:
        return False
    if isinstance(proof, Password):
        return compare_digest(proof.password.encode(), password.encode())
    digest = hashlib.md5(f"{proof.timestamp}{password}".encode(), usedforsecurity=False)  # RFC 1939 §7
    return compare_digest(digest.hexdigest(), proof.digest)


@asynccontextmanager
async def serving_pop3(
    world: World, inbox: Inbox, options: CatchOptions, endpoint: Endpoint
) -> AsyncIterator[Endpoint]:
    """Serve the inbox by POP3 while the context is open; where. Raises LinkError when the address is in use."""
    tls = None if options.certificate is None else ServerTls(certificates=(options.certificate,))
    door = Pop3Door(
        InboxMaildrops(inbox, options.users), world, hostname=options.hostname, tls=lambda: tls, in_clear=True
    )
    listening = await world.network.listen(endpoint, door.serve)
    try:
        local = listening.local
        assert isinstance(local, Endpoint)
        yield local
    finally:
        await listening.close()
        door.shut_down()
