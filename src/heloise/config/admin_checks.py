"""Who may reach the admin listener, and by what he shows who he is."""

from collections.abc import Iterator

from heloise.config.admin import is_open
from heloise.config.errors import Problem
from heloise.config.schema import Configuration

SHORTEST_TOKEN = 16  # characters


def admin_listener(draft: Configuration) -> Iterator[Problem]:
    """Nobody administers a server from elsewhere without a token."""
    admin = draft.admin
    place = draft.places.nearest("admin", "token" if admin.token is not None else "address")
    if admin.token is not None and len(admin.token) < SHORTEST_TOKEN:
        hint = "`openssl rand -hex 16` makes one"
        text = f"token has fewer than {SHORTEST_TOKEN} characters, and could be guessed"
        yield Problem(rule=place, section="admin", text=text, hint=hint)
    elif admin.token is None and is_open(admin):
        text = f"{admin.address} can be reached from other machines, so there has to be a token"
        yield Problem(rule=place, section="admin", text=text, hint='write token = "…"')
