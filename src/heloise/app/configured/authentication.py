"""Configuration → who knows the users; and who on a listener has to prove himself, and how."""

from pathlib import Path

from heloise.app.configured.addressing import database_source
from heloise.app.configured.users_file import UsersFile, trouble
from heloise.app.journal import Journal
from heloise.config.authentication import Auth, AuthTokens
from heloise.config.errors import ConfigError, Problem
from heloise.config.listening import Listener, Protocol
from heloise.config.schema import Configuration
from heloise.policy.views import ListenerRole
from heloise.reception.authority import Authority, Find, nobody
from heloise.reception.database_users import DatabaseUsers
from heloise.reception.guessing import Guesses
from heloise.reception.users import Login
from heloise.reception.web_login import PasswordService, TokenRules, TokenService, WebService, basic
from heloise.smtp.limits import NO_AUTH, AuthRules
from heloise.smtp.sasl.exchange import IN_CLEAR
from heloise.smtp.sasl.external import NAME as EXTERNAL
from heloise.smtp.sasl.oauth import NAMES as BY_TOKEN
from heloise.world import World


def auth_rules(configuration: Configuration, listener: Listener) -> AuthRules:
    """AUTH on this listener: where there are users, and where mail is brought by who writes it."""
    auth = configuration.auth
    for_servers = listener.role in (ListenerRole.MX, ListenerRole.LMTP)
    if not auth.has_users or listener.protocol is not Protocol.SMTP or for_servers:
        return NO_AUTH
    mechanisms = tuple(name for name in auth.mechanisms if _is_of_use(auth, name))
    if auth.certificates and listener.client_certificates and EXTERNAL not in mechanisms:
        mechanisms = (EXTERNAL, *mechanisms)
    if auth.tokens is not None:
        mechanisms = (*mechanisms, *(name for name in BY_TOKEN if name not in mechanisms))
    return AuthRules(
        mechanisms=mechanisms,
        in_clear=listener.allow_plaintext_auth,
        is_required=listener.auth_is_required,
        certificates={name.lower(): user for name, user in auth.certificates.items()},
    )


def _is_of_use(auth: Auth, name: str) -> bool:
    """Is there somebody who can be asked by this mechanism?"""
    if name in BY_TOKEN:
        return auth.tokens is not None
    if name == EXTERNAL:
        return bool(auth.certificates)
    listed = auth.users is not None or auth.query is not None
    return listed or (name in IN_CLEAR and auth.service is not None)


class UserSources:
    """All who know users, the file before the database; and the Authority that asks them, None where there are none.

    Blocks. Raises ConfigError: a file can not be used.
    """

    def __init__(self, configuration: Configuration, world: World, journal: Journal, guesses: Guesses) -> None:
        self._guesses = guesses
        self._database = _database(configuration.auth, world)
        self.authority = self._authority(configuration, world, journal)

    def _authority(self, configuration: Configuration, world: World, journal: Journal) -> Authority | None:
        auth = configuration.auth
        if not auth.has_users:
            return None
        find = self._find(configuration, world, journal)
        service, tokens = auth.service, auth.tokens
        passwords = None
        if service is not None:
            where = WebService(
                url=service.url,
                headers=service.headers,
                timeout=service.timeout,
                concurrency=service.concurrency,
                keep=service.keep,
            )
            passwords = PasswordService(where, world)
        return Authority(
            find,
            world,
            passwords=passwords,
            tokens=None if tokens is None else _tokens(configuration, tokens, world),
            match_senders=auth.sender_login_match,
            rule=configuration.rule("auth", "sender_login_match"),
            guesses=self._guesses,
            trouble=journal.users_broken,
        )

    def _find(self, configuration: Configuration, world: World, journal: Journal) -> Find:
        path, database = configuration.auth.users, self._database
        if path is None:
            return nobody if database is None else database.login
        file = UsersFile(path, world, journal)
        try:
            file.look()
        except (OSError, ValueError) as error:
            raise _broken(configuration, ("auth", "users"), trouble(path, error)) from error
        if database is None:
            return file.login

        async def find(user: str) -> Login | None:
            return await file.login(user) or await database.login(user)

        return find

    async def close(self) -> None:
        """Let go of the database. Idempotent."""
        if self._database is not None:
            await self._database.close()


def _database(auth: Auth, world: World) -> DatabaseUsers | None:
    if auth.query is None:
        return None
    source = database_source(auth.sqlite, auth.postgresql, auth.query, timeout=auth.timeout, world=world)
    return DatabaseUsers(source, timeout=auth.timeout)


def _tokens(configuration: Configuration, tokens: AuthTokens, world: World) -> TokenService:
    headers = {}
    if tokens.client_id is not None and tokens.client_secret_file is not None:
        path = tokens.client_secret_file
        try:
            secret = (Path(path).read_text().splitlines() or [""])[0]
        except (OSError, ValueError) as error:
            where = ("auth", "tokens", "client_secret_file")
            raise _broken(configuration, where, trouble(path, error)) from error
        headers["Authorization"] = basic(tokens.client_id, secret)
    service = WebService(
        url=tokens.url,
        headers=headers,
        timeout=tokens.timeout,
        concurrency=tokens.concurrency,
        keep=tokens.keep,
    )
    return TokenService(service, TokenRules(claims=tokens.claims, scope=tokens.scope), world)


def _broken(configuration: Configuration, path: tuple[str, ...], text: str) -> ConfigError:
    rule = configuration.places.nearest(*path)
    return ConfigError([Problem(rule=rule, section="auth", text=text)])
