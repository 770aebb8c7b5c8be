"""Mailing lists: names whose mail goes on under another reverse path. RFC 5321 §3.9.2.

Only the envelope changes. The header stays as it came, as §3.9.2 asks, so nothing is added to it either; a program that
keeps archives and subscriptions, and writes List-Id, is another one's business.
"""

from collections.abc import Callable

from heloise.mail.address import Mailbox
from heloise.routing.tables import Alias, name_key, target_mailbox


def owner_of(alias: Alias, domain: str, is_name: Callable[[str], bool]) -> Mailbox | None:
    """Who gets the reports about mail for `alias` in `domain`; None when it is an alias and no list.

    Its own word, or else whoever is called `owner-NAME`, which makes a list of an alias as sendmail has it. `is_name`
    tells whether there is such a local part in the domain.
    """
    if alias.owner is not None:
        return target_mailbox(alias.owner, domain)
    owner = f"owner-{name_key(alias.name)[0]}"
    return Mailbox(owner, domain) if is_name(owner) else None
