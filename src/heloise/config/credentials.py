"""The section `[[credentials]]`: who we are to hosts that take mail from users only."""

from dataclasses import dataclass

from heloise.config.kinds import AbsolutePath, RouteDomain


@dataclass(frozen=True, slots=True, kw_only=True)
class HostCredentials:
    """`[[credentials]]`: a user and a password for some next hops, such as the smarthost (AUTH, RFC 4954). There may be
    several; the first that names a host counts. When the host refuses them, mail waits and is told about like any
    delay: it never goes back to its sender for that."""

    hosts: tuple[RouteDomain, ...]
    """Names of hosts in a route, or of mail exchangers; ".example.net" means all below example.net."""

    user: str = ""
    """The name. Nothing for EXTERNAL, when the certificate of [[destination]] or [delivery] says who we are."""

    password_file: AbsolutePath | None = None
    """The first line of this file is the password. It is read for each connection, so a new one counts at once."""

    token_file: AbsolutePath | None = None
    """In place of a password: the first line of this file is an access token of OAuth 2.0. Some program writes a new
    one before the old one has expired."""

    mechanisms: tuple[str, ...] = ()
    """Use only these, the best first, such as ["SCRAM-SHA-256"] or ["PLAIN"]; else the best that the host offers and
    the password or token is good for."""

    allow_plaintext: bool = False
    """Show the password (PLAIN, LOGIN) or token to the host without TLS, too, so that everybody on the way can read
    it."""
