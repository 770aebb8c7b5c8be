"""The certificate that servers for development show: made once for this user, and kept."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from heloise.world import CertificateFiles


def own_certificate() -> "CertificateFiles | None":
    """That of this user; None, and a word about it, when it can not be kept."""
    from heloise.net.self_signed import kept
    from heloise.world import TlsFileError

    state = os.environ.get("XDG_STATE_HOME") or Path.home() / ".local" / "state"
    try:
        return kept(Path(state) / "heloise", "localhost")
    except (OSError, RuntimeError, TlsFileError) as error:
        click.echo(f"Without STARTTLS, since its certificate can not be kept: {error}", err=True)
        return None
