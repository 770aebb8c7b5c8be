"""The file of [auth] users, read again when it changes; and who on a listener has to prove himself, and how."""

from collections.abc import Mapping

from heloise.app.journal import Journal
from heloise.app.watching import read_text, unreadable
from heloise.config.errors import ConfigError, Problem
from heloise.config.listening import Listener, Protocol
from heloise.config.schema import Configuration
from heloise.mail.cause import Rule
from heloise.policy.views import ListenerRole
from heloise.reception.authority import Authority
from heloise.reception.guessing import Guesses
from heloise.reception.users import Login, UsersError, read_users
from heloise.smtp.limits import NO_AUTH, AuthRules
from heloise.smtp.sasl.exchange import MECHANISMS
from heloise.world import World


def auth_rules(configuration: Configuration, listener: Listener) -> AuthRules:
    """AUTH on this listener: where there are users, and where mail is brought by who writes it."""
    for_servers = listener.role in (ListenerRole.MX, ListenerRole.LMTP)
    if configuration.auth.users is None or listener.protocol is not Protocol.SMTP or for_servers:
        return NO_AUTH
    return AuthRules(
        mechanisms=MECHANISMS, in_clear=listener.allow_plaintext_auth, is_required=listener.auth_is_required
    )


def make_authority(configuration: Configuration, world: World, journal: Journal, guesses: Guesses) -> Authority | None:
    """Who knows the users; None where there are none. Blocks. Raises ConfigError: the file can not be used."""
    path = configuration.auth.users
    if path is None:
        return None
    file = UsersFile(path, world, journal)
    try:
        file.look()
    except (OSError, ValueError) as error:
        rule = configuration.places.nearest("auth", "users")
        raise ConfigError([Problem(rule=rule, section="auth", text=trouble(path, error))]) from error
    return Authority(
        file.users,
        world,
        match_senders=configuration.auth.sender_login_match,
        rule=configuration.rule("auth", "sender_login_match"),
        guesses=guesses,
    )


class UsersFile:
    """The users of one file. What is broken is told once, and what was good before still holds."""

    def __init__(self, path: str, world: World, journal: Journal) -> None:
        self._path = path
        self._world = world
        self._journal = journal
        self._stamp: tuple[int, ...] | None = None
        self._users: Mapping[str, Login] | None = None
        self._told = ""

    async def users(self) -> Mapping[str, Login] | None:
        """Those there are now."""
        try:
            await self._world.blocking.run(self.look)
            self._told = ""
        except (OSError, ValueError) as error:
            text = trouble(self._path, error)
            if text != self._told:
                self._journal.users_broken(text)
            self._told = text
        return self._users

    def look(self) -> None:
        """Read it if it has changed. Blocks. Raises OSError, UsersError, UnicodeDecodeError."""
        stamp = self._world.files.stamp(self._path)
        if stamp != self._stamp:
            self._users = read_users(read_text(self._world.files, self._path))
            self._stamp = stamp


def trouble(path: str, error: Exception) -> str:
    """What is wrong with the file, in words that have nothing of its content."""
    if isinstance(error, UsersError):
        return f"{Rule(path, error.line)}: {error}"
    return unreadable(path, error)
