"""Mailing lists: names whose mail goes on under another reverse path. RFC 5321 §3.9.2.

Only the envelope changes. The header stays as it came, as §3.9.2 asks, so nothing is added to it either; a program that
keeps archives and subscriptions, and writes List-Id, is another one's business.
"""

from heloise.mail.address import Mailbox
from heloise.routing.lookup import find_entry
from heloise.routing.tables import Alias, RoutingTables, name_key, target_mailbox


def owner_of(tables: RoutingTables, alias: Alias, domain: str) -> Mailbox | None:
    """Who gets the reports about mail for `alias` in `domain`; None when it is an alias and no list.

    Its own word, or else whoever is called `owner-NAME`, which makes a list of an alias as sendmail has it.
    """
    if alias.owner is not None:
        return target_mailbox(alias.owner, domain)
    local_part, _ = name_key(alias.name)
    owner = f"owner-{local_part}"
    return None if find_entry(tables, owner, domain) is None else Mailbox(owner, domain)
