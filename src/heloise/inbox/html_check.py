"""Which mail clients show the HTML of a message as it was meant: by the features it uses. Nothing is loaded for it.

What clients can comes from caniemail.com (`client_support.json`, MIT licence, written by `scripts/client-support`).
"""

import json
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from heloise.inbox.client_features import features
from heloise.inbox.html_scan import scan

_UNSUPPORTED, _PARTIAL, _SUPPORTED = "n", "a", "y"
SITE = "https://www.caniemail.com/features"


@dataclass(frozen=True, slots=True)
class Client:
    """A mail client, as far as its data go."""

    family: str
    platform: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Feature:
    """One feature, and which clients can show it: a letter each, y, n, a (partly) or u (unknown)."""

    slug: str
    title: str
    category: str
    letters: str


@dataclass(frozen=True, slots=True)
class Support:
    """What is known of all clients."""

    updated: str
    clients: tuple[Client, ...]
    features: dict[str, Feature]


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientWarning:
    """A feature that is used so often, and not shown by all; shares in percent of the clients that are known."""

    feature: Feature
    found: int
    supported: float
    partial: float
    unsupported: float

    def clients(self, letter: str) -> tuple[Client, ...]:
        """Those of which this is known."""
        known = support().clients
        return tuple(client for client, each in zip(known, self.feature.letters, strict=True) if each == letter)


@dataclass(frozen=True, slots=True, kw_only=True)
class HtmlCheck:
    """The result: `tests` features were looked for in `nodes` elements; the shares are those of the whole."""

    tests: int
    nodes: int
    warnings: tuple[ClientWarning, ...]
    supported: float
    partial: float
    unsupported: float


@cache
def support() -> Support:
    """The data, read when they are first asked for."""
    read = json.loads((files("heloise.inbox") / "client_support.json").read_text("utf-8"))
    return Support(
        updated=read["updated"],
        clients=tuple(Client(*each) for each in read["clients"]),
        features={
            slug: Feature(slug=slug, title=title, category=category, letters=letters)
            for slug, (title, category, letters) in read["features"].items()
        },
    )


def check_html(html: str) -> HtmlCheck:
    """Look for what is not shown everywhere, the worst first."""
    data, found = support(), scan(html)
    nodes = max(1, len(found.elements))
    warnings = [_warning(data.features[slug], count) for slug, count in features(found, data.features).items()]
    warnings = [each for each in warnings if each.partial or each.unsupported]
    scripts = sum(
        each.name == "script" and "json" not in each.attributes.get("type", "").lower() for each in found.elements
    )
    if scripts:
        letters = _UNSUPPORTED * len(data.clients)
        script = Feature(slug="html-script", title="<script> element", category="html", letters=letters)
        warnings.append(_warning(script, scripts))

    def weight(each: ClientWarning, share: float) -> float:
        return share * min(each.found, nodes) / nodes

    warnings.sort(key=lambda each: (-weight(each, each.partial + each.unsupported), each.feature.slug))
    # Not the sum: that two features are missing in one place spoils it once.
    partial = max((weight(each, each.partial) for each in warnings), default=0.0)
    unsupported = max((weight(each, each.unsupported) for each in warnings), default=0.0)
    return HtmlCheck(
        tests=len(data.features) + 1,
        nodes=len(found.elements),
        warnings=tuple(warnings),
        supported=max(0.0, 100 - partial - unsupported),
        partial=partial,
        unsupported=unsupported,
    )


def _warning(feature: Feature, found: int) -> ClientWarning:
    known = max(1, sum(feature.letters.count(each) for each in (_SUPPORTED, _PARTIAL, _UNSUPPORTED)))
    supported, partial, unsupported = (
        100 * feature.letters.count(each) / known for each in (_SUPPORTED, _PARTIAL, _UNSUPPORTED)
    )
    return ClientWarning(feature=feature, found=found, supported=supported, partial=partial, unsupported=unsupported)
