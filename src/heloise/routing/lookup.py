"""Questions to the tables, each answered by one entry or None. Pure."""

from heloise.routing.tables import CatchAll, Entry, RoutingTables, Smarthost, StaticRoute, User


def find_entry(tables: RoutingTables, local_part: str, domain: str) -> Entry | None:
    """The entry of exactly this name; one for this domain stands before one for every domain."""
    name = local_part.casefold()
    return tables.entries.get((name, domain)) or tables.entries.get((name, None))


def find_user(tables: RoutingTables, local_part: str, domain: str) -> User | None:
    """The user of exactly this name, even when an alias has the name too."""
    name = local_part.casefold()
    return tables.users_by_key.get((name, domain)) or tables.users_by_key.get((name, None))


def without_tag(tables: RoutingTables, local_part: str) -> str | None:
    """`user` of `user+tag`; None when there is no tag. RFC 5233 calls this the subaddress."""
    separator = tables.tag_separator
    if not separator:
        return None
    user, found, _ = local_part.partition(separator)
    return user if found and user else None


def find_catch_all(tables: RoutingTables, domain: str) -> CatchAll | None:
    """Who gets what nobody else gets."""
    return tables.catch_all_by_domain.get(domain) or tables.catch_all_by_domain.get(None)


def find_route(tables: RoutingTables, domain: str) -> StaticRoute | Smarthost | None:
    """The route of a domain that is not local: its own entry, the nearest one above it, the smarthost."""
    static = tables.routes_by_domain.get(domain)
    above = domain
    while static is None and not domain.startswith("[") and "." in above:
        above = above.partition(".")[2]
        static = tables.routes_by_domain.get(f".{above}")
    return static or tables.smarthost


def smells_of_routing(local_part: str) -> bool:
    """A local part with a route in it: `u%d`, `u@d`, `d!u`, `@here:u@d`. RFC 5321 appendix F.2 wants none of it."""
    return any(character in local_part for character in "%!@")
