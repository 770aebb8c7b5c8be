"""What a check of HTML found: as our API tells it, and in the shape of Mailpit's. Pure."""

from typing import Any

from heloise.inbox.html_check import SITE, ClientWarning, HtmlCheck, support

Json = dict[str, Any]
_NAMES = {"y": "yes", "a": "partial", "n": "no"}


def html_check_json(check: HtmlCheck) -> Json:
    """For our API."""
    return {
        "source": f"caniemail.com, {support().updated}",
        "tests": check.tests,
        "nodes": check.nodes,
        **_shares(check),
        "warnings": [
            {
                "feature": each.feature.slug,
                "title": each.feature.title,
                "category": each.feature.category,
                "url": f"{SITE}/{each.feature.slug}/",
                "found": each.found,
                **_shares(each),
                "clients": {_NAMES[letter]: [client.name for client in each.clients(letter)] for letter in ("n", "a")},
            }
            for each in check.warnings
        ],
    }


def _shares(of: HtmlCheck | ClientWarning) -> Json:
    return {name: round(getattr(of, name), 1) for name in ("supported", "partial", "unsupported")}


def mailpit_html_check(check: HtmlCheck) -> Json:
    """For clients of Mailpit."""
    platforms: dict[str, list[str]] = {}
    for client in support().clients:
        names = platforms.setdefault(client.platform, [])
        if client.family not in names:
            names.append(client.family)
    return {
        "Platforms": platforms,
        "Total": {"Tests": check.tests, "Nodes": check.nodes, **_mailpit_shares(check)},
        "Warnings": [_mailpit_warning(each) for each in check.warnings],
    }


def _mailpit_shares(of: HtmlCheck | ClientWarning) -> Json:
    return {"Supported": of.supported, "Partial": of.partial, "Unsupported": of.unsupported}


def _mailpit_warning(each: ClientWarning) -> Json:
    results = [
        {
            "Name": client.name,
            "Platform": client.platform,
            "Family": client.family,
            "Version": "",
            "Support": _NAMES[letter],
            "NoteNumber": "",
        }
        for letter in _NAMES
        for client in each.clients(letter)
    ]
    return {
        "Slug": each.feature.slug,
        "Title": each.feature.title,
        "Description": "",
        "URL": f"{SITE}/{each.feature.slug}/",
        "Category": each.feature.category,
        "Tags": [],
        "Keywords": "",
        "Results": results,
        "NotesByNumber": {},
        "Score": {"Found": each.found, **_mailpit_shares(each)},
    }
