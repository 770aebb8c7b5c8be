"""Who may come in by a password: the answers to CredentialsProposed. RFC 4954 §6.

An unknown user costs the same time and looks the same as a wrong password. Hashing is done away from the event loop.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import assert_never

from heloise.mail import causes
from heloise.mail.address import Mailbox
from heloise.mail.cause import Rule
from heloise.mail.reply import Reply, printable
from heloise.reception.guessing import Guesses
from heloise.reception.users import Login, keys_of_nobody, knows
from heloise.smtp import replies
from heloise.smtp.events import CredentialsProposed
from heloise.smtp.sasl.mechanism import KeysWanted, PasswordOffered, Proven
from heloise.smtp.sasl.saslprep import saslprep
from heloise.world import World

_SECRET = 32  # octets


class Authority:
    """Answers for all sessions. `users` gives those there are now, None when they can not be known.

    With `match_senders` an authenticated client sends from addresses of its user only; `rule` says where that stands.
    """

    def __init__(
        self,
        users: Callable[[], Awaitable[Mapping[str, Login] | None]],
        world: World,
        *,
        match_senders: bool = False,
        rule: Rule | None = None,
        guesses: Guesses | None = None,
    ) -> None:
        self._users = users
        self._world = world
        self._match_senders = match_senders
        self._rule = rule
        self._guesses = guesses if guesses is not None else Guesses()
        self._secret = world.entropy.octets(_SECRET)

    async def judge(self, proposal: CredentialsProposed, client: str | None) -> Reply:
        """235, 334, 454 or 535. `client` is the address, None for a program on this machine."""
        question, clock = proposal.question, self._world.clock
        try:
            user = saslprep(question.user)
        except ValueError:
            return replies.AUTH_REFUSED
        locked = self._guesses.locked(client, user, clock.monotonic())
        if locked is not None:
            cause = causes.AUTH_LOCKED.because(user=printable(user), client=client or "local", by=locked)
            return replies.AUTH_LOCKED.with_cause(cause)
        users = await self._users()
        if users is None:
            return replies.AUTH_TROUBLE
        login = users.get(user)
        keys = keys_of_nobody(user, self._secret) if login is None else login.keys
        match question:
            case KeysWanted():
                return replies.auth_challenge(proposal.exchange.supply(keys).octets)
            case PasswordOffered(password=password):
                # Counted before it is looked at: many at once get no more tries than one after the other.
                self._guesses.was_wrong(client, user, clock.monotonic())
                is_good = await self._world.blocking.run(knows, password, keys)
                if is_good and login is not None:
                    self._guesses.was_right(client, user)
            case Proven(is_genuine=is_good):
                if not is_good:
                    self._guesses.was_wrong(client, user, clock.monotonic())
            case _:
                assert_never(question)
        if is_good and login is not None:
            return replies.AUTH_ACCEPTED
        return replies.AUTH_REFUSED.with_cause(causes.AUTH_REFUSED.because(user=printable(user)))

    async def sender_refused(self, user: str, sender: Mailbox | None) -> Reply | None:
        """Why this user may not send from there, or None. Nobody's mail (<>) is a report, and everybody may send it."""
        if not self._match_senders or sender is None:
            return None
        users = await self._users()
        if users is None:
            return replies.AUTH_TROUBLE
        login = users.get(user)
        if login is not None and login.owns(sender):
            return None
        return replies.not_your_address(printable(user), str(sender), self._rule)
