"""Who may log in where mail is only caught: those who are listed, or anybody, to test programs that log in."""

from collections.abc import Awaitable, Callable, Mapping

from heloise.reception.authority import Authority
from heloise.reception.users import Login
from heloise.smtp.limits import NO_AUTH, AuthRules
from heloise.smtp.sasl.exchange import IN_CLEAR, MECHANISMS
from heloise.smtp.sasl.scram import LEAST_ITERATIONS, make_keys
from heloise.world import World

_SALT = 16


class Anybody:
    """Whatever password somebody says is his."""

    async def check(self, user: str, password: str, client: str | None) -> Login | None:
        """See `heloise.reception.authority.Passwords`."""
        return Login(name=user)


def catching_authority(world: World, users: Mapping[str, str], *, anybody: bool) -> Authority | None:
    """Lets in `users` with their passwords, and others with any if it is for `anybody`; None where nobody logs in."""
    if not users and not anybody:
        return None
    return Authority(_listed(world, users), world, passwords=Anybody() if anybody else None)


def catching_auth(users: Mapping[str, str], *, anybody: bool, is_required: bool = False) -> AuthRules:
    """What is offered, also in clear. Of who is not listed no password is known, so he has to show it."""
    if not users and not anybody:
        return NO_AUTH
    mechanisms = MECHANISMS if users else tuple(name for name in MECHANISMS if name in IN_CLEAR)
    return AuthRules(mechanisms=mechanisms, in_clear=True, is_required=is_required)


def _listed(world: World, passwords: Mapping[str, str]) -> Callable[[str], Awaitable[Login | None]]:
    """Keys that are made fast, since they protect nothing."""
    users = {
        name: Login(name=name, keys=make_keys(password, salt=world.entropy.octets(_SALT), iterations=LEAST_ITERATIONS))
        for name, password in passwords.items()
    }

    async def known(name: str) -> Login | None:
        return users.get(name)

    return known
