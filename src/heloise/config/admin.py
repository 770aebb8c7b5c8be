"""The section `[admin]`: HTTP for operators and their programs."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from heloise.config.errors import Problem
from heloise.world.network import AnyEndpoint, Endpoint

if TYPE_CHECKING:
    from heloise.config.schema import Configuration

SHORTEST_TOKEN = 16  # characters


@dataclass(frozen=True, slots=True, kw_only=True)
class Admin:
    """`[admin]`: HTTP for operators and their programs: pages for a browser, /metrics for Prometheus, /live and /ready,
    and the API below /api/v1, which /api/v1/openapi.json describes."""

    address: AnyEndpoint | None = None
    """Where to listen, such as "127.0.0.1:8025"; nowhere when it is not given. Elsewhere than on loopback it needs a
    token, and TLS by a proxy in front of it."""

    token: str | None = None
    """Who asks has to show it: programs by Authorization: Bearer TOKEN, people by logging in with it once. Only /live
    and /ready are for everybody."""


def is_open(admin: Admin) -> bool:
    """Can other machines reach it?"""
    address = admin.address
    return isinstance(address, Endpoint) and not (
        address.host.startswith("127.") or address.host in ("::1", "localhost")
    )


def admin_listener(draft: "Configuration") -> Iterator[Problem]:
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
