"""Who may come in: the answers to CredentialsProposed. RFC 4954 §6.

An unknown user costs the same time and looks the same as a wrong password. Hashing is done away from the event loop.
Whoever knows the users and can not be asked is trouble (454), and never a refusal.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Protocol, TypeAlias, assert_never

from heloise.mail import causes
from heloise.mail.address import Mailbox
from heloise.mail.cause import Rule
from heloise.mail.reply import Reply, printable
from heloise.reception.guessing import Guesses
from heloise.reception.users import Login, UsersUnavailable, keys_of_nobody
from heloise.smtp import replies
from heloise.smtp.events import CredentialsProposed
from heloise.smtp.sasl.cram_md5 import fits
from heloise.smtp.sasl.external import NAME as EXTERNAL
from heloise.smtp.sasl.mechanism import DigestOffered, KeysWanted, PasswordOffered, Proven, Refused, TokenOffered
from heloise.smtp.sasl.saslprep import saslprep
from heloise.world import World

_SECRET = 32  # octets
_CHALLENGE = 334
_MOST_VOUCHED = 10_000
_AT_ONCE = 2  # passwords that are computed with: each takes a processor for a while, and memory with some hashes
Find: TypeAlias = Callable[[str], Awaitable[Login | None]]
"""The user of this name, or None. Raises UsersUnavailable."""


class Passwords(Protocol):
    """Somebody else who knows passwords."""

    async def check(self, user: str, password: str, client: str | None) -> Login | None:
        """The user, if it is his password. Raises UsersUnavailable."""
        ...


class Tokens(Protocol):
    """Somebody who knows whose a token is."""

    async def user_of(self, token: str) -> str | None:
        """The user, None for a token that is no good. Raises UsersUnavailable."""
        ...


async def nobody(user: str) -> Login | None:
    """There is no list of users."""
    return None


class Authority:
    """Answers for all sessions. `users` knows those who are listed; `passwords` and `tokens` know more of them, if they
    are there. `trouble` is told when one of them can not be asked.

    With `match_senders` an authenticated client sends from addresses of its user only; `rule` says where that stands.
    """

    def __init__(
        self,
        users: Find,
        world: World,
        *,
        passwords: Passwords | None = None,
        tokens: Tokens | None = None,
        match_senders: bool = False,
        rule: Rule | None = None,
        guesses: Guesses | None = None,
        trouble: Callable[[str], None] = lambda text: None,
    ) -> None:
        self._users = users
        self._passwords = passwords
        self._tokens = tokens
        self._world = world
        self._match_senders = match_senders
        self._rule = rule
        self._guesses = guesses if guesses is not None else Guesses()
        self._trouble = trouble
        self._secret = world.entropy.octets(_SECRET)
        self._computing = asyncio.Semaphore(_AT_ONCE)
        self._vouched: OrderedDict[str, Login] = OrderedDict()  # those of `passwords`, for their addresses

    async def judge(self, proposal: CredentialsProposed, client: str | None) -> Reply:
        """235, 334, 454 or 535. `client` is the address, None for a program on this machine."""
        question, now = proposal.question, self._world.clock.monotonic()
        try:
            user = saslprep(question.user)
        except ValueError:
            return replies.AUTH_REFUSED
        locked = self._guesses.locked(client, user, now)
        if locked is not None:
            cause = causes.AUTH_LOCKED.because(user=printable(user), client=client or "local", by=locked)
            return replies.AUTH_LOCKED.with_cause(cause)
        if not isinstance(question, KeysWanted | Refused):
            # Counted before it is looked at: many at once get no more tries than one after the other.
            self._guesses.was_wrong(client, user, now)
        try:
            answer = await self._answer(proposal, user, client)
        except UsersUnavailable as error:
            self._trouble(str(error))
            answer = replies.AUTH_TROUBLE
        if answer.code < 500 and not isinstance(question, KeysWanted | Refused | TokenOffered):
            self._guesses.was_right(client, user)
        elif isinstance(question, TokenOffered) and answer.code != _CHALLENGE:
            self._guesses.was_right(client, user)  # 235, or nobody could be asked
        return answer

    async def _answer(self, proposal: CredentialsProposed, user: str, client: str | None) -> Reply:
        question = proposal.question
        match question:
            case KeysWanted(hash_name=hash_name):
                login = await self._users(user)
                keys = None if login is None else login.keys_for(hash_name)
                if keys is None:
                    keys = keys_of_nobody(user, self._secret, hash_name)
                return replies.auth_challenge(proposal.exchange.supply(keys).octets)
            case PasswordOffered(password=password):
                is_good = await self._is_password(user, password, client)
            case DigestOffered():
                login = await self._users(user)
                secret = "" if login is None or login.secret is None else login.secret
                is_good = fits(secret, question) and bool(secret)
            case TokenOffered(token=token):
                is_good = await self._is_token(user, token)
                told = None if is_good else proposal.exchange.refuse()
                if told is not None:
                    return replies.auth_challenge(told.octets)
            case Proven(is_genuine=is_genuine):
                # A certificate may be all that is known of somebody; who has keys has them in the list.
                is_good = is_genuine and (proposal.mechanism == EXTERNAL or await self._users(user) is not None)
            case Refused():
                is_good = False
            case _:
                assert_never(question)
        if is_good:
            return replies.AUTH_ACCEPTED
        return replies.AUTH_REFUSED.with_cause(causes.AUTH_REFUSED.because(user=printable(user)))

    async def _is_password(self, user: str, password: str, client: str | None) -> bool:
        login = await self._users(user)
        if login is None and self._passwords is not None:
            found = await self._passwords.check(user, password, client)
            if found is not None:
                self._vouched[user] = found
                if len(self._vouched) > _MOST_VOUCHED:
                    self._vouched.popitem(last=False)
            return found is not None
        if login is None:
            login = Login(name=user, keys=keys_of_nobody(user, self._secret))
        await self._computing.acquire()
        try:
            return await self._world.blocking.run(login.knows, password)
        finally:
            self._computing.release()

    async def _is_token(self, user: str, token: str) -> bool:
        """The client has said who it is, and the token has to say the same."""
        if self._tokens is None:
            return False
        named = await self._tokens.user_of(token)
        try:
            return named is not None and saslprep(named) == user
        except ValueError:
            return False

    async def sender_refused(self, user: str, sender: Mailbox | None) -> Reply | None:
        """Why this user may not send from there, or None. Nobody's mail (<>) is a report, and everybody may send it."""
        if not self._match_senders or sender is None:
            return None
        try:
            login = await self._users(user)
        except UsersUnavailable as error:
            self._trouble(str(error))
            return replies.AUTH_TROUBLE
        if login is None:
            login = self._vouched.get(user) or Login(name=user)
        if login.owns(sender):
            return None
        return replies.not_your_address(printable(user), str(sender), self._rule)
