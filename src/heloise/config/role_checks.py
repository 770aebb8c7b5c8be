"""What the role of a listener goes together with."""

from collections.abc import Iterator

from heloise.config.errors import Problem
from heloise.config.listening import Protocol
from heloise.config.names import problem
from heloise.config.places import Path
from heloise.config.schema import Configuration
from heloise.policy.views import ListenerRole
from heloise.world.network import Endpoint


def roles(draft: Configuration) -> Iterator[Problem]:
    """What a role says goes with what is spoken, and strangers do not reach a listener for development."""
    for index, listener in enumerate(draft.listeners):
        path: Path = ("listener", index, "role")
        if listener.role is None:
            continue
        if listener.protocol is Protocol.ODMR or (
            listener.protocol is Protocol.LMTP and listener.role is not ListenerRole.LMTP
        ):
            text = f'role "{listener.role.value}" does not go with protocol "{listener.protocol.value}"'
            yield problem(draft, path, text, "leave one of them out")
        if listener.role is not ListenerRole.SUBMISSION and listener.requires_auth:
            yield problem(draft, path, f'requires_auth does not go with role "{listener.role.value}"')
        address = listener.address
        if listener.role is ListenerRole.DEV and isinstance(address, Endpoint) and not _is_loopback(address.host):
            yield problem(draft, path, 'role "dev" lets everybody do everything, so it is for 127.0.0.1 and ::1 only')


def _is_loopback(host: str) -> bool:
    return host in ("localhost", "::1") or host.startswith("127.")
