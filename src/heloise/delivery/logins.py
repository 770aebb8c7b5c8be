"""Who we are to next hops that want to know (AUTH). The secret is read for each connection, away from the event loop.

So a token that some program renews is never an old one, and nothing keeps a secret longer than a connection takes.
"""

from collections.abc import Callable
from dataclasses import dataclass

from heloise.mail.reply import Reply
from heloise.smtp import client_replies
from heloise.smtp.sasl.choosing import ClientLogin
from heloise.smtp.sasl.mechanism import Credentials
from heloise.world import Files, World

_LONGEST = 16384  # octets of a secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """A user at some hosts. `secret_file` has a password, or with `is_token` a token, in its first line."""

    user: str
    secret_file: str | None = None
    is_token: bool = False
    mechanisms: tuple[str, ...] = ()
    in_clear: bool = False


class Logins:
    """`account_for` gives the account at the host of a name, None when there is none."""

    def __init__(self, account_for: Callable[[str], Account | None], world: World) -> None:
        self._account_for = account_for
        self._world = world

    async def of(self, name: str) -> ClientLogin | Reply | None:
        """Who we are to this host; None for nobody. A reply: it can not be known now."""
        account = self._account_for(name)
        if account is None:
            return None
        try:
            secret = await self._world.blocking.run(_read, self._world.files, account.secret_file)
        except OSError as error:
            return client_replies.login_unknown(f"{account.secret_file}: {error.strerror}")
        except ValueError as error:
            return client_replies.login_unknown(f"{account.secret_file}: {error}")
        credentials = Credentials(account.user, "", secret) if account.is_token else Credentials(account.user, secret)
        return ClientLogin(credentials=credentials, mechanisms=account.mechanisms, in_clear=account.in_clear)


def _read(files: Files, path: str | None) -> str:
    """The first line; nothing without a path. Blocks. Raises OSError, ValueError without anything of the content."""
    if path is None:
        return ""
    file = files.open(path)
    try:
        line = file.read(_LONGEST).split(b"\n", 1)[0].rstrip(b"\r")
    finally:
        file.close()
    if not line:
        raise ValueError("the first line is empty")
    try:
        return line.decode()
    except UnicodeDecodeError:
        raise ValueError("it is not in UTF-8") from None
