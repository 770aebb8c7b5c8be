"""The file of [auth] users, read again when it changes."""

from collections.abc import Mapping

from heloise.app.configured.watching import read_text, unreadable
from heloise.app.journal import Journal
from heloise.mail.cause import Rule
from heloise.reception.users import Login, UsersError, UsersUnavailable, read_users
from heloise.world import World


class UsersFile:
    """The users of one file. What is broken is told once, and what was good before still holds."""

    def __init__(self, path: str, world: World, journal: Journal) -> None:
        self._path = path
        self._world = world
        self._journal = journal
        self._stamp: tuple[int, ...] | None = None
        self._users: Mapping[str, Login] | None = None
        self._told = ""

    async def login(self, user: str) -> Login | None:
        """The user of this name. Raises UsersUnavailable."""
        try:
            await self._world.blocking.run(self.look)
            self._told = ""
        except (OSError, ValueError) as error:
            text = trouble(self._path, error)
            if text != self._told:
                self._journal.users_broken(text)
            self._told = text
        if self._users is None:
            raise UsersUnavailable(self._told)
        return self._users.get(user)

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
