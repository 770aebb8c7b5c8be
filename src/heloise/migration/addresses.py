"""Domains, users, aliases, moved users: who gets mail here. virtual(5), aliases(5), relocated(5)."""

from heloise.mail.address import AddressError, Mailbox, check_domain
from heloise.migration.lookup import Contents, Entry, is_table, read_aliases, targets
from heloise.migration.outcome import Became
from heloise.migration.routes import route_of
from heloise.migration.work import Work, local_domains

_ACCOUNT_DIRECTORY = "{user}"


def domains(work: Work) -> None:
    """`mydestination` and the virtual domains."""
    local = _domain_list(work, "mydestination")
    origin = work.value("myorigin").lower()
    if origin in local:
        local.remove(origin)
        local.insert(0, origin)
        work.tell("myorigin", Became.MAPPED, "[local] domains, the first of them: names without domain are in it")
    elif work.is_written("myorigin"):
        text = f"{origin} is no local domain; names without domain are completed with the first of [local] domains"
        work.tell("myorigin", Became.PARTLY, text)
    if local:
        work.draft.put("local", "domains", local, work.why("mydestination"))
    work.tell("mydestination", Became.MAPPED, f"[local] domains: {', '.join(local) or 'none'}")
    virtual = []
    for name in ("virtual_alias_domains", "virtual_mailbox_domains"):
        if not work.is_written(name) and not work.value(name.replace("domains", "maps")):
            continue
        found = [domain for domain in _domain_list(work, name) if domain not in local and domain not in virtual]
        virtual += found
        work.tell(name, Became.MAPPED, f"[local] virtual_domains: {', '.join(found) or 'none more'}")
    if virtual:
        work.draft.put("local", "virtual_domains", virtual, "virtual_alias_domains, virtual_mailbox_domains")


def _domain_list(work: Work, name: str) -> list[str]:
    plain, tables = work.names(name)
    keys = [entry.key for table in tables if table.kind not in ("regexp", "pcre", "cidr") for entry in table.entries]
    for table in tables:
        if table.kind in ("regexp", "pcre", "cidr") and not table.trouble:
            text = "domains by pattern are no names that could be written down"
            work.at(work.place(name), f"{name} {table.name}", Became.NOT_MAPPED, text)
    found: list[str] = []
    for domain in (*plain, *(key for key in keys if "@" not in key)):
        try:
            checked = check_domain(domain.lower())
        except AddressError:
            text = f'"{domain}" is not a domain; "!" and patterns can not be written down'
            work.at(work.place(name), name, Became.NOT_MAPPED, text)
            continue
        if checked.startswith("["):
            work.at(work.place(name), name, Became.NOT_MAPPED, f"{domain}: an address literal is no local domain here")
        elif checked not in found:
            found.append(checked)
    return found


def users(work: Work) -> None:
    """Accounts of the system, and virtual mailboxes; whoever aliases name besides is made by `aliases`."""
    route = _local_route(work)
    for account in work.options.accounts:
        work.users.setdefault(account, route)
    if work.is_written("local_recipient_maps"):
        _named(work, route)
    elif work.items("mydestination"):
        text = (
            f"[[user]] for {len(work.options.accounts)} accounts"
            if work.options.accounts
            else "Postfix knows every account of the system; name those that get mail by --passwd, or write [[user]]"
        )
        became = Became.MAPPED if work.options.accounts else Became.PARTLY
        work.tell("local_recipient_maps", became, text)
    virtual = work.value("virtual_transport")
    virtual_route = "" if virtual in ("virtual", "") else _route_of_delivery(work, "virtual_transport", virtual)
    for member in work.items("virtual_mailbox_maps"):
        for entry in work.table(member, "virtual_mailbox_maps").entries:
            _virtual_user(work, entry, virtual_route)
    if work.is_written("virtual_mailbox_maps"):
        work.tell("virtual_mailbox_maps", Became.MAPPED, "[[user]] for each address")


def _named(work: Work, route: str) -> None:
    """local_recipient_maps: those that it can name are users; aliases are read by `aliases`."""
    aliases_too = work.items("alias_maps")
    for member in work.items("local_recipient_maps"):
        if member in aliases_too or member.endswith("unix:passwd.byname"):
            continue
        for entry in work.table(member, "local_recipient_maps").entries:
            if not entry.key.startswith("@") and _is_name(work, entry):
                work.users.setdefault(entry.key.lower(), route)
    if not work.items("local_recipient_maps"):
        text = "every name is taken by Postfix, and nobody's mail would be kept; name a [local] catch_all"
        work.tell("local_recipient_maps", Became.NOT_MAPPED, text)
    work.tell("local_recipient_maps", Became.MAPPED, "[[user]] for those that it names")


def _virtual_user(work: Work, entry: Entry, route: str) -> None:
    if "@" not in entry.key or entry.key.startswith("@"):
        text = "a whole domain in one mailbox is [local] catch_all, which names a user"
        work.at(entry.place, entry.key, Became.NOT_MAPPED, text)
        return
    work.users.setdefault(entry.key.lower(), route)
    if not route:
        base = work.value("virtual_mailbox_base").rstrip("/")
        text = f"[[user]]; its mail was in {base}/{entry.value}, and goes to [local] maildir now"
        if not entry.value.endswith("/"):
            text += "; it was an mbox, and heloise keeps Maildirs"
        work.at(entry.place, entry.key, Became.MAPPED, text)


def _local_route(work: Work) -> str:
    for name in ("mailbox_transport", "local_transport"):
        value = work.value(name)
        if value and value.partition(":")[0] not in ("local", "error"):
            return _route_of_delivery(work, name, value)
    if work.value("mailbox_command"):
        text = 'write a [[pipe]] with the command, and route = "pipe:name" for the users'
        work.tell("mailbox_command", Became.NOT_MAPPED, text)
    home = work.value("home_mailbox")
    if home.endswith("/"):
        work.mapped("home_mailbox", "local", "maildir", f"/home/{_ACCOUNT_DIRECTORY}/{home.rstrip('/')}")
    elif home:
        work.tell("home_mailbox", Became.NOT_MAPPED, "it is an mbox; heloise keeps Maildirs, see [local] maildir")
    spool = work.value("mail_spool_directory")
    if spool.endswith("/"):
        work.mapped("mail_spool_directory", "local", "maildir", f"{spool}{_ACCOUNT_DIRECTORY}")
    elif spool:
        work.tell("mail_spool_directory", Became.NOT_MAPPED, "it has mboxes; heloise keeps Maildirs")
    return ""


def _route_of_delivery(work: Work, name: str, value: str) -> str:
    route, trouble = route_of(work, value)
    if route is None:
        work.tell(name, Became.NOT_MAPPED, trouble)
        return ""
    work.tell(name, Became.MAPPED, f'[[user]] route = "{route}"')
    return route


def aliases(work: Work) -> None:
    """aliases(5) for names in all local domains, virtual(5) for whole addresses."""
    found: dict[str, list[str]] = {}
    catch_all: dict[str, str] = {}
    if work.items("mydestination"):
        for member in work.items("alias_maps"):
            if member.startswith("nis:") and not work.is_written("alias_maps"):
                continue
            contents = _alias_table(work, member)
            for entry in contents.entries:
                kept = [target for target in targets(entry.value) if _is_target(work, entry, target)]
                if kept and _is_name(work, entry):
                    found[entry.key.lower()] = kept
        work.tell("alias_maps", Became.MAPPED, f"[aliases]: {len(found)} names")
    for member in (*work.items("virtual_alias_maps"), *work.items("recipient_canonical_maps")):
        name = "virtual_alias_maps" if member in work.items("virtual_alias_maps") else "recipient_canonical_maps"
        if not is_table(member):
            member = f"hash:{member}"
        contents = work.table(member, name)
        if contents.kind in ("regexp", "pcre") and contents.entries:
            text = "addresses by pattern are no names that could be written down"
            work.at(work.place(name), f"{name} {member}", Became.NOT_MAPPED, text)
            continue
        for entry in contents.entries:
            _virtual_alias(work, entry, found, catch_all)
    if work.is_written("virtual_alias_maps"):
        work.tell("virtual_alias_maps", Became.MAPPED, "[aliases] with whole addresses")
    if work.is_written("recipient_canonical_maps"):
        text = "[aliases]: the envelope is the same, the header is left as it is"
        work.tell("recipient_canonical_maps", Became.PARTLY, text)
    if catch_all:
        work.draft.put("local", "catch_all", catch_all)
    _moved(work, found)
    _postmaster(work, found)
    _write_users(work, found, catch_all)
    for alias, kept in found.items():
        work.draft.put("aliases", alias, kept)


def _alias_table(work: Work, member: str) -> Contents:
    kind, _, path = member.rpartition(":")
    if kind.rpartition(":")[2] in ("hash", "btree", "lmdb", "cdb", "dbm", "texthash", ""):
        contents = read_aliases(path, work.files)
        if contents.trouble:
            became = Became.NOT_MAPPED if work.is_written("alias_maps") else Became.DEFAULT
            work.at(work.place("alias_maps"), f"alias_maps {member}", became, contents.trouble)
        return contents
    return work.table(member, "alias_maps")


def _is_target(work: Work, entry: Entry, target: str) -> bool:
    if target.startswith("|"):
        text = f'"{target}": write a [[pipe]] with the command, and a [[user]] of this name with route = "pipe:…"'
    elif target.startswith("/") and not target.startswith(":include:"):
        text = f'"{target}": mail is not written to a file; a [[user]] has a Maildir'
    elif target.startswith(":include:"):
        if work.files.text(target.removeprefix(":include:").strip()) is not None:
            return True
        text = f"{target} can not be read"
    else:
        try:
            Mailbox.from_text(target if "@" in target else f"{target}@localhost")
            return True
        except AddressError:
            text = f'"{target}" is not an address'
    work.at(entry.place, entry.key, Became.NOT_MAPPED, text)
    return False


def _is_name(work: Work, entry: Entry) -> bool:
    try:
        Mailbox.from_text(entry.key if "@" in entry.key else f"{entry.key}@localhost")
        return True
    except AddressError:
        work.at(entry.place, entry.key, Became.NOT_MAPPED, "is not a name for mail")
        return False


def _virtual_alias(work: Work, entry: Entry, found: dict[str, list[str]], catch_all: dict[str, str]) -> None:
    key, local = entry.key.lower(), local_domains(work)
    if "@" not in key and "." in key and key in local:
        return  # the line that makes a domain one
    origin = work.value("myorigin").lower()
    kept = [
        target if "@" in target or target.startswith(":include:") else f"{target}@{origin}"
        for target in targets(entry.value)
        if _is_target(work, entry, target)
    ]
    if key.startswith("@"):
        domain = key[1:]
        if domain not in local:
            work.at(entry.place, key, Became.NOT_MAPPED, f"{domain} is no local domain")
        elif len(kept) == 1 and kept[0].startswith("@"):
            work.at(entry.place, key, Became.NOT_MAPPED, "one domain for another: write an alias for each address")
        elif len(kept) == 1 and kept[0].rpartition("@")[2].lower() in (*local, kept[0].lower()):
            catch_all[domain] = kept[0]
            work.at(entry.place, key, Became.MAPPED, f'[local] catch_all "{domain}"')
        else:
            work.at(entry.place, key, Became.NOT_MAPPED, "a catch-all leads to one user here")
        return
    if "@" in key and key.rpartition("@")[2] not in local:
        text = f"{key.rpartition('@')[2]} is no local domain; heloise changes no recipients elsewhere"
        work.at(entry.place, key, Became.NOT_MAPPED, text)
        return
    if kept and _is_name(work, entry):
        found[key] = kept


def _as_list(value: object) -> list[object]:
    return list(value) if isinstance(value, list) else []


def _moved(work: Work, found: dict[str, list[str]]) -> None:
    """relocated(5): who has moved is told by 551."""
    for member in work.items("relocated_maps"):
        for entry in work.table(member, "relocated_maps").entries:
            name, told = entry.key.lower(), entry.value.split()
            whole = "@" in name and not name.startswith("@") and name not in found
            if whole and len(told) == 1 and "@" in told[0] and name.rpartition("@")[2] in local_domains(work):
                work.draft.put("forwards", name, {"tell": told[0]}, entry.place)
                work.at(entry.place, name, Became.MAPPED, "[forwards] tell: 551 in place of 5.1.6")
            else:
                text = "only one address of a local domain that has moved to one other can be told"
                work.at(entry.place, name, Became.NOT_MAPPED, text)
    if work.is_written("relocated_maps"):
        work.tell("relocated_maps", Became.MAPPED, "[forwards]")


def _postmaster(work: Work, found: dict[str, list[str]]) -> None:
    """Postfix always knows one: an alias, or the account."""
    if "postmaster" not in found and work.users and local_domains(work):
        name = next((each for each in ("postmaster", "root") if each in work.users), None)
        if name is not None:
            work.draft.put("local", "postmaster", name)


def _write_users(work: Work, found: dict[str, list[str]], catch_all: dict[str, str]) -> None:
    """With those whom aliases name and who are nobody else: accounts of the system that were not named."""
    local = [str(each) for each in _as_list(work.draft.get("local", "domains"))]
    everything = local_domains(work)
    named = [target for kept in found.values() for target in kept] + list(catch_all.values())
    for target in named:
        name, _, domain = target.rpartition("@") if "@" in target else (target, "", "")
        if target.startswith(":include:") or (domain and domain.lower() not in everything):
            continue
        whole = target.lower()
        known = {*found, *work.users, "postmaster"}
        if whole in known or (name.lower() in known and (not domain or domain.lower() in local)):
            continue
        if not domain and not local:
            continue
        work.users[whole if domain and domain.lower() not in local else name.lower()] = ""
    separator = str(work.draft.get("local", "separator") or "")
    accounts: set[str] = set()
    for name, route in work.users.items():
        if name in found and name not in found[name]:
            continue  # the alias has all of its mail
        account = name.partition("@")[0]
        if account in accounts or separator in ("", *account[:1]):
            account = name.replace("@", "_at_")
        accounts.add(account)
        plain = name.partition("@")[0]
        work.draft.add("user", name=name, account=None if account == plain or route else account, route=route or None)
