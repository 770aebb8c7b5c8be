"""import_postfix: TOML, hooks and a report for any main.cf, master.cf and table; each told line exists."""

import tomllib

from heloise.migration.postfix import import_postfix
from heloise.migration.work import ImportOptions
from heloise.policy.hooks import load_hooks
from tests.fuzz.supply import Supply
from tests.fuzz.targets import Target

_WORDS = """myhostname mydestination mynetworks virtual_alias_maps virtual_alias_domains alias_maps relay_domains
transport_maps relayhost smtpd_recipient_restrictions smtpd_milters mydomain recipient_delimiter reject_rbl_client
permit_mynetworks hash:/t inline:{a=b} regexp:/t cidr:/t $myhostname ${myhostname?x} ${{$a}=={b}?{c}:{d}} = , { } $ [
] : @ / \n \n\t # smtp inet n - y - - smtpd -o pipe argv=/bin/x ${recipient} yes 300s example.org [h]:25 !192.0.2.1
192.0.2.0/24 smtpd_tls_wrappermode=yes a@example.org :include:/t "|x" lmtp:unix:p discard: error:no * postscreen
postscreen_dnsbl_sites zen.test*2 postscreen_dnsbl_action enforce minimal_backoff_time maximal_backoff_time
smtpd_sender_restrictions smtpd_client_restrictions check_sender_access check_client_access pcre:/t static:OK
header_checks body_checks /x/ if endif REJECT OK DUNNO FILTER IGNORE REPLACE 450 5.7.1 $1 (a) [[:digit:]] reject"""


class _Files:
    def __init__(self, table: str) -> None:
        self._table = table

    def text(self, path: str) -> str | None:
        return self._table if path == "/t" else None

    def exists(self, path: str) -> bool:
        return False


def run(octets: bytes) -> None:
    """Settings: how the rest is parted into main.cf, master.cf and a table."""
    supply = Supply(octets)
    first, second = supply.octet(), supply.octet()
    text = supply.rest().decode("utf-8", "replace")
    cut = len(text) * first // 256
    further = cut + (len(text) - cut) * second // 256
    main, master, table = text[:cut], text[cut:further], text[further:]
    made = import_postfix(
        main, master, _Files(table), ImportOptions(accounts=("alice",)), main_file="main.cf", master_file="master.cf"
    )
    tomllib.loads(made.toml)
    if "hooks.py" in made.beside:
        load_hooks(made.beside["hooks.py"], "hooks.py")
    for each in made.outcomes:
        assert str(each)
        assert each.place.line <= max(len(part.splitlines()) for part in (main, master, table, "\n"))


TARGET = Target(run=run, tokens=tuple(each.encode() for each in (*_WORDS.split(), " ", "\n", "\n ")), settings=2)
