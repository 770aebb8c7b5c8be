"""Configuration → what the router asks besides its tables: mailboxes and databases."""

from heloise.config.addressing import LineEndings
from heloise.config.schema import Configuration
from heloise.local.accounts import Account
from heloise.local.mailboxes import LocalMailboxes
from heloise.routing.entries import checked_account
from heloise.routing.sources import Asked, PostgresSource, Source, Sources, SqliteSource
from heloise.routing.tables import Supplies
from heloise.world import World


def local_mailboxes(configuration: Configuration, world: World) -> LocalMailboxes:
    """The mailboxes of the users in the configuration; when a map supplies users, every name can be that of one."""
    template = configuration.maildir
    line_feeds = configuration.local.line_endings is LineEndings.LF
    accounts = [
        Account(
            name=name,
            maildir=template.replace("{user}", name),
            quota=user.quota,
            line_feeds=line_feeds,
        )
        for user in configuration.users
        for name in (user.account or user.name.partition("@")[0].casefold(),)
    ]

    def of_map(name: str) -> Account | None:
        try:
            account = checked_account(name)
        except ValueError:
            return None
        return Account(name=account, maildir=template.replace("{user}", account), line_feeds=line_feeds)

    has_more = any(each.supplies is Supplies.USERS for each in configuration.maps)
    return LocalMailboxes(accounts, world.files, world.clock, others=of_map if has_more else None)


def lookup_sources(configuration: Configuration, world: World) -> Sources:
    """The databases of [[map]], by number; nothing is opened before it is asked for the first time."""
    asked: dict[int, Asked] = {}
    for index, each in enumerate(configuration.maps):
        if each.query is None:
            continue
        source = database_source(each.sqlite, each.postgresql, each.query, timeout=each.timeout, world=world)
        asked[index] = Asked(source, timeout=each.timeout, keep=each.keep)
    return Sources(asked, world.clock)


def database_source(sqlite: str | None, postgresql: str | None, query: str, *, timeout: float, world: World) -> Source:
    """The one database that is named, asked by `query` within `timeout` seconds; opened when it is first asked."""
    if sqlite is not None:
        return SqliteSource(
            sqlite, query, timeout=timeout, blocking=world.blocking, files=world.files, clock=world.clock
        )
    assert postgresql is not None  # checked when the configuration was read
    return PostgresSource(postgresql, query, timeout=timeout)
