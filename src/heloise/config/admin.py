"""The section `[admin]`: HTTP for operators and their programs."""

from dataclasses import dataclass

from heloise.world.network import AnyEndpoint, Endpoint


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
