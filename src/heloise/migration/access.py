"""check_…_access in the lists of restrictions: tables in a file of hooks. access(5)."""

import re
from ipaddress import ip_address

from heloise.migration.hooks import FILE
from heloise.migration.lookup import PATTERNS, Contents, Entry, is_table
from heloise.migration.outcome import Became
from heloise.migration.rows import table_of
from heloise.migration.work import Work
from heloise.policy.tables.actions import ActionError, access_action

_SUBJECTS = {
    "check_client_access": "client",
    "check_helo_access": "helo",
    "check_sender_access": "sender",
    "check_recipient_access": "recipient",
    "check_sasl_access": "user",
}
_INSTEAD = {
    "check_reverse_client_hostname_access": "no names of clients here; [policy] reverse_name wants that there is one",
    "check_ccert_access": "certificates stand for users by AUTH EXTERNAL",
    "check_etrn_access": "[extensions] ETRN says who may ask",
}
_DELAYED = {"client", "helo", "sender", "relay", "recipient"}
_OWN_STAGE = {
    "client": "connect", "helo": "hello", "sender": "mail", "relay": "rcpt", "recipient": "rcpt", "data": "data",
    "end_of_data": "message",
}  # fmt: skip
_KNOWN_AT = {
    "connect": {"client"},
    "hello": {"client", "helo", "user"},
    "mail": {"client", "helo", "user", "sender"},
    "rcpt": {"client", "helo", "user", "sender", "recipient"},
    "data": {"client", "helo", "user", "sender"},
    "message": {"client", "helo", "user", "sender"},
}


def check_access(work: Work, name: str, shown: str, word: str, argument: str) -> None:
    """One table, about one thing."""
    trouble = _trouble(work, name, word, argument)
    variable, contents = ("", None) if trouble else table_of(work, name, argument, lambda row: _understood(work, row))
    if not variable:
        work.hooks.broken.add(name)
        text = trouble or "the table can not be had: write a hook ([policy] hooks) with heloise.policy.tables"
        work.at(work.place(name), shown, Became.NOT_MAPPED, text)
        return
    subject = _SUBJECTS[word]
    hooks = work.hooks
    hooks.stages[name] = _stage(work, name)
    hooks.with_tables.add(name)
    if _says_ok(hooks.tables[argument][1]):
        hooks.says_ok.add(name)
    hooks.step(name, f"Check({', '.join([repr(subject), variable, *_options(work, subject)])})")
    rows = "" if contents is None else f", {len(contents.entries)} rows"
    became, more = Became.MAPPED, ""
    if subject == "client":
        became, more = _names_of_clients(work, contents, argument)
    work.at(work.place(name), shown, became, f"{FILE}: {variable}{rows}, asked at {hooks.stages[name].upper()}{more}")


def _trouble(work: Work, name: str, word: str, argument: str) -> str:
    if word not in _SUBJECTS:
        return _INSTEAD.get(word, "other servers of a domain are not looked up: write it as a hook ([policy] hooks)")
    if name == "smtpd_etrn_restrictions":
        return _INSTEAD["check_etrn_access"]
    if not argument or not (is_table(argument) or ":" in argument):
        return f'"{argument}" is no table'
    stage = _stage(work, name)
    if _SUBJECTS[word] not in _KNOWN_AT[stage]:
        return f"nothing is known of it at {stage.upper()}; write it into a later list"
    return ""


def _stage(work: Work, name: str) -> str:
    """With smtpd_delay_reject, its default, all up to RCPT are asked there."""
    own = name.removeprefix("smtpd_").removesuffix("_restrictions")
    delayed = not work.is_written("smtpd_delay_reject") or work.is_on("smtpd_delay_reject")
    return "rcpt" if delayed and own in _DELAYED else _OWN_STAGE[own]


def _options(work: Work, subject: str) -> list[str]:
    found = []
    separator = work.value("recipient_delimiter")[:1]
    if subject in ("sender", "recipient") and separator:
        found.append(f"separator={separator!r}")
    if subject in ("client", "helo", "sender", "recipient") and not _parents(work):
        found.append("parents=False")
    if subject == "recipient":
        found.append(f"origin={work.value('myorigin')!r}")
    return found


def _parents(work: Work) -> bool:
    name = "parent_domain_matches_subdomains"
    if not work.is_written(name):
        return True
    found = "smtpd_access_maps" in work.items(name)
    work.tell(name, Became.PARTLY, f"{FILE}: parents of access tables; routes say it by a leading dot")
    return found


def _understood(work: Work, row: Entry) -> str:
    try:
        access_action(re.sub(r"\$(?:\d+|\{\d+\}|\(\d+\))", "x", row.value))
    except ActionError as error:
        work.at(row.place, row.key, Became.NOT_MAPPED, f"{row.value}: {error}")
        return "DUNNO"
    return row.value


def _says_ok(text: str) -> bool:
    return re.search(r"['\"](?:OK|PERMIT|\d+)['\"]", text, re.IGNORECASE) is not None


def _names_of_clients(work: Work, contents: Contents | None, argument: str) -> tuple[Became, str]:
    """Postfix looks the name of each client up; here only a proxy tells it."""
    if argument.removeprefix("proxy:").partition(":")[0] in PATTERNS:
        return Became.PARTLY, "; addresses are matched, names only where a proxy or XCLIENT tells them"
    missing = [] if contents is None or contents.kind in ("cidr", "static") else _named(contents)
    for row in missing:
        text = "the name of a client is known only where a proxy or XCLIENT tells it; write its address"
        work.at(row.place, row.key, Became.NOT_MAPPED, text)
    return (Became.PARTLY, f"; {len(missing)} names of clients are not known") if missing else (Became.MAPPED, "")


def _named(contents: Contents) -> list[Entry]:
    return [row for row in contents.entries if not re.fullmatch(r"[0-9.]+", row.key) and not _is_address(row.key)]


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return re.fullmatch(r"[0-9a-fA-F]{1,4}(:[0-9a-fA-F]{1,4})*", text) is not None and ":" in text
    return True


def refuse_the_rest(work: Work, name: str, shown: str, word: str) -> bool:
    """`reject` and `defer` behind tables: whoever is in none of them. False where there is no table before."""
    hooks = work.hooks
    if name in hooks.broken:
        text = "something before it that lets others pass is missing here, so that it would refuse them: write a hook"
        work.at(work.place(name), shown, Became.NOT_MAPPED, text)
        return True
    if name not in hooks.with_tables:
        return False
    hooks.step(name, "Refuse(is_later=True)" if word == "defer" else "Refuse()")
    work.at(work.place(name), shown, Became.MAPPED, f"{FILE}: whoever is in no table before it")
    return True


def spares(work: Work, name: str, natives: list[str]) -> None:
    """OK ends the list in Postfix; checks of [policy] are asked before hooks, and of all strangers."""
    if name in work.hooks.says_ok and natives:
        text = f"does not spare from {', '.join(dict.fromkeys(natives))}, which [policy] asks before; "
        work.at(work.place(name), f"{name} OK", Became.NOT_MAPPED, text + "[relay] networks are spared, or give points")


def write_hooks(work: Work) -> None:
    """The file, and the key that names it."""
    text = work.hooks.text()
    if text:
        work.beside[FILE] = text
        work.draft.put("policy", "hooks", FILE, "access tables and content checks")
