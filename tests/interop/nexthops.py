"""What the tests of relaying need to know of each foreign server: how to start it, and how to read its queue."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

import pytest

from tests.peers import DovecotLmtp, Exim, OpenSmtpd, Postfix, Sendmail

Mta: TypeAlias = Postfix | Sendmail | Exim | OpenSmtpd
MTAS: list[type[Mta]] = [Postfix, Sendmail, Exim, OpenSmtpd]
every_mta = pytest.mark.parametrize("mta", MTAS, ids=lambda mta: mta.name)
DOMAIN = "there.test"


def route_to(peer: Mta | DovecotLmtp) -> dict[str, str]:
    """The static route to it."""
    return {DOMAIN: f"{'lmtp' if isinstance(peer, DovecotLmtp) else 'smtp'}:127.0.0.1:{peer.port}"}


def stored_envelope(peer: Mta) -> str:
    """The envelope of the one message in its queue, as it keeps it on its disk."""
    read: dict[type[Mta], Callable[[str], bytes]] = {
        Postfix: lambda name: peer.jail.run(["/usr/sbin/postcat", "-vq", name]),
        Sendmail: lambda name: peer.jail.run(["cat", f"/var/spool/mqueue/qf{name}"]),
        Exim: lambda name: peer.jail.run(["find", "/var/spool/exim4/input", "-name", f"{name}-H", *_CAT]),
        OpenSmtpd: lambda name: peer.jail.run(["find", "/var/spool/smtpd/queue", "-path", f"*/{name}/{name}*", *_CAT]),
    }
    [name] = peer.wait_for_queue(1)
    return read[type(peer)](name).decode(errors="replace")


_CAT = ("-exec", "cat", "{}", ";")

# How each keeps RET=HDRS ENVID=id+2B7, NOTIFY=SUCCESS,DELAY ORCPT=rfc822;Bob+2Bold@Orig.test.
STORED_DSN: dict[type[Mta], tuple[str, ...]] = {
    Postfix: ("envelope_id=id+7", "ret_flags=2", "notify_flags=10", "dsn_orig_rcpt=rfc822;Bob+old@Orig.test"),
    Sendmail: ("\nF8bdns\n", "\nZid+2B7\n", "\nRPNSD:<bob@there.test>", "\nQrfc822;Bob+2Bold@Orig.test\n"),
    Exim: ("-dsn_envid id+2B7", "-dsn_ret 2", "bob@there.test rfc822;Bob+2Bold@Orig.test 26,20 "),
    OpenSmtpd: ("dsn-envid: id+2B7", "dsn-ret: HDRS", "dsn-notify: 5", "dsn-orcpt: Bob+2Bold@Orig.test"),
}
