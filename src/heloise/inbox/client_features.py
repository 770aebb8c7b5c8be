"""Which features of HTML and CSS a message uses, by the names that caniemail.com gives them. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator

from heloise.inbox.html_scan import Element, Scan

# Features of one element each are named after it; these are of several, or named otherwise.
_ELEMENTS = {
    "html-h1-h6": ("h1", "h2", "h3", "h4", "h5", "h6"),
    "html-lists": ("ul", "ol", "dl"),
    "html-object": ("object", "embed"),
    "html-image-maps": ("map",),
    "html-semantics": (
        *("article", "aside", "details", "figcaption", "figure", "footer", "header", "main", "mark", "nav"),
        *("section", "summary", "time"),
    ),
    "html-strong": ("strong", "b"),
    "html-strike": ("strike", "s"),
}
_SINGLE = (
    *("abbr", "acronym", "address", "audio", "base", "bdi", "blockquote", "body", "code", "del", "dfn", "dialog"),
    *("div", "form", "hr", "img", "link", "marquee", "meter", "p", "picture", "pre", "progress", "rp", "rt", "ruby"),
    *("select", "small", "span", "style", "svg", "table", "textarea", "video", "wbr"),
)
_ATTRIBUTES = (
    *("align", "aria-describedby", "aria-hidden", "aria-label", "aria-labelledby", "aria-live", "background"),
    *("cellpadding", "cellspacing", "dir", "height", "hidden", "lang", "popover", "required", "role", "srcset"),
    *("target", "valign", "width"),
)
_OF_ATTRIBUTES = {"loading": "html-loading-attribute", "inert": "css-inert-attribute", "usemap": "html-image-maps"}
_INPUTS = ("checkbox", "hidden", "radio", "reset", "submit", "text")
# Attributes that do what a property does.
_STYLING = {"bgcolor": "css-background-color", "background": "css-background", "border": "css-border"}
_PICTURES = ("apng", "avif", "bmp", "gif", "hdr", "heif", "ico", "mp4", "png", "svg", "webp")
_SPELLINGS = {"jpeg": "jpg", "tif": "tiff", "tiff": "tiff", "jpg": "jpg"}

# Properties whose feature has another name; an end with "-" means all that begin so.
_PROPERTIES = {
    "animation-": "css-animation",
    "border-top-": "css-border",
    "border-right-": "css-border",
    "border-bottom-": "css-border",
    "border-left-": "css-border",
    "border-image-": "css-border-image",
    "border-inline-": "css-border-inline-block-longhand",
    "border-block-": "css-border-inline-block-longhand",
    "column-": "css-column-layout-properties",
    "grid-template-": "css-grid-template",
    "margin-inline-": "css-margin-inline-start-end",
    "margin-block-": "css-margin-block-start-end",
    "margin-": "css-margin",
    "padding-inline-": "css-padding-inline-start-end",
    "padding-block-": "css-padding-block-start-end",
    "padding-": "css-padding",
    "outline-": "css-outline",
    "scroll-snap-": "css-scroll-snap",
    "transition-": "css-transition",
    "inset-": "css-inset",
}
_EXACT = {
    **dict.fromkeys(("block-size", "inline-size"), "css-block-inline-size"),
    **dict.fromkeys(("border-top", "border-right", "border-bottom", "border-left"), "css-border"),
    **dict.fromkeys(("border-color", "border-style", "border-width"), "css-border"),
    **dict.fromkeys(("border-inline", "border-block"), "css-border-inline-block"),
    **dict.fromkeys(
        (f"border-{corner}-radius" for corner in ("top-left", "top-right", "bottom-left", "bottom-right")),
        "css-border-radius",
    ),
    **dict.fromkeys(
        (f"border-{corner}-radius" for corner in ("start-start", "start-end", "end-start", "end-end")),
        "css-border-radius-logical",
    ),
    **dict.fromkeys(("left", "right", "top", "bottom"), "css-left-right-top-bottom"),
    **dict.fromkeys(("margin-inline", "margin-block"), "css-margin-inline-block"),
    **dict.fromkeys(("padding-inline", "padding-block"), "css-padding-inline-block"),
    **dict.fromkeys(("font-family", "font-style", "font-variant"), "css-font"),
    **dict.fromkeys(("overflow-x", "overflow-y"), "css-overflow"),
}
_VALUES = {
    "css-linear-gradient": r"linear-gradient\(",
    "css-radial-gradient": r"radial-gradient\(",
    "css-conic-gradient": r"conic-gradient\(",
    "css-function-clamp": r"\bclamp\(",
    "css-function-light-dark": r"\blight-dark\(",
    "css-function-max": r"\bmax\(",
    "css-function-min": r"\bmin\(",
    "css-unit-calc": r"\bcalc\(",
    "css-variables": r"\bvar\(",
    "css-rgb": r"\brgb\(",
    "css-rgba": r"\brgba\(",
    "css-modern-color": r"\b(?:lab|lch|oklab|oklch|color)\(",
    "css-important": r"!\s*important",
    "css-unit-initial": r"^\s*initial\b",
    "css-sytem-ui": r"\bsystem-ui\b",
    "css-unit-percent": r"\d%",
    **{
        f"css-unit-{unit}": rf"\d{unit}\b"
        for unit in ("ch", "cm", "em", "ex", "in", "mm", "pc", "pt", "px", "rem", "vh", "vmax", "vmin", "vw")
    },
}
_DISPLAYS = {"flex": "css-display-flex", "inline-flex": "css-display-flex", "grid": "css-display-grid"}
_AT_RULES = {
    "css-at-font-face": r"@font-face\b",
    "css-at-import": r"@import\b",
    "css-at-keyframes": r"@(?:-webkit-)?keyframes\b",
    "css-at-media": r"@media\b",
    "css-at-media-device-pixel-ratio": r"@media[^{]{0,300}device-pixel-ratio",
    "css-at-media-hover": r"@media[^{]{0,300}\((?:any-)?hover",
    "css-at-media-orientation": r"@media[^{]{0,300}\(orientation",
    "css-at-media-prefers-color-scheme": r"@media[^{]{0,300}prefers-color-scheme",
    "css-at-media-prefers-reduced-motion": r"@media[^{]{0,300}prefers-reduced-motion",
    "css-at-supports": r"@supports\b",
}
_SELECTORS = {
    "css-selector-attribute": r"\[",
    "css-selector-child": r">",
    "css-selector-adjacent-sibling": r"\+",
    "css-selector-general-sibling": r"~(?!=)",
    "css-selector-universal": r"\*",
    "css-selector-id": r"#[\w-]",
    "css-selector-class": r"\.[a-zA-Z_-]",
    "css-selector-grouping": r",",
}
_PSEUDO = re.compile(r"(:{1,2})([a-z][a-z-]*)")
_DECLARATION = re.compile(r"(?:^|[;{}])\s*([a-zA-Z-]+)\s*:([^;{}]*)")
_PRELUDE = re.compile(r"(?:^|[{}])([^{}@;]{1,2000})\{")
_COMPILED = {
    kind: {slug: re.compile(pattern, re.IGNORECASE) for slug, pattern in patterns.items()}
    for kind, patterns in (("value", _VALUES), ("rule", _AT_RULES), ("selector", _SELECTORS))
}


def features(found: Scan, known: Iterable[str]) -> Counter[str]:
    """How often each of the `known` features is used."""
    used: Counter[str] = Counter()
    names = Counter(element.name for element in found.elements)
    for slug, several in (*_ELEMENTS.items(), *((f"html-{each}", (each,)) for each in _SINGLE)):
        used[slug] += sum(names[name] for name in several)
    for element in found.elements:
        used.update(_of_element(element))
        used.update(_declared(element.attributes.get("style", "")))
    for sheet in found.styles:
        if "/*" in sheet:
            used["css-comments"] += 1
            sheet = _without_comments(sheet)
        used.update(_of_sheet(sheet))
    allowed = set(known)
    return Counter({slug: count for slug, count in used.items() if count and slug in allowed})


def _of_element(element: Element) -> Iterator[str]:
    attributes = element.attributes
    yield from (f"html-{name}" for name in attributes if name in _ATTRIBUTES)
    yield from (_OF_ATTRIBUTES[name] for name in attributes if name in _OF_ATTRIBUTES)
    yield from (_STYLING[name] for name in attributes if name in _STYLING)
    kind = attributes.get("type", "").lower()
    match element.name:
        case "input" if (kind or "text") in _INPUTS:
            yield f"html-input-{kind or 'text'}"
        case "button" if kind in ("reset", "submit"):
            yield f"html-button-{kind}"
        case "a":
            target = attributes.get("href", "").strip().lower()
            yield from ["html-anchor-links"] if target.startswith("#") else []
            yield from ["html-mailto-links"] if target.startswith("mailto:") else []
        case "meta" if attributes.get("name", "").lower() == "color-scheme":
            yield "html-meta-color-scheme"
        case "img":
            yield from _of_picture(attributes.get("src", ""))


def _of_picture(source: str) -> Iterator[str]:
    if source[:11].lower() == "data:image/":
        yield "image-base64"
        return
    ending = source.partition("?")[0].rpartition(".")[2].lower()
    ending = _SPELLINGS.get(ending, ending)
    if ending in _PICTURES or ending in _SPELLINGS.values():
        yield f"image-{ending}"


def _of_sheet(sheet: str) -> Iterator[str]:
    yield from _declared(sheet)
    for slug, pattern in _COMPILED["rule"].items():
        yield from [slug] * len(pattern.findall(sheet))
    for prelude in _PRELUDE.findall(sheet):
        for colons, name in _PSEUDO.findall(prelude.lower()):
            yield f"css-pseudo-class-{name}"
            yield f"css-pseudo-element-{name}" if colons == "::" or name in ("after", "before") else ""
        for slug, pattern in _COMPILED["selector"].items():
            if pattern.search(prelude):
                yield slug


def _without_comments(sheet: str) -> str:
    kept: list[str] = []
    place = 0
    while (opened := sheet.find("/*", place)) >= 0:
        kept.append(sheet[place:opened])
        closed = sheet.find("*/", opened + 2)
        place = len(sheet) if closed < 0 else closed + 2
    return "".join((*kept, sheet[place:]))


def _declared(css: str) -> Iterator[str]:
    for name, value in _DECLARATION.findall(css):
        name = name.lower()
        if name.startswith("--"):
            yield "css-variables"
            continue
        yield _EXACT.get(name) or f"css-{name}"
        if name not in _EXACT:
            yield from (slug for prefix, slug in _PROPERTIES.items() if name.startswith(prefix))
        word = value.strip().lower()
        if name == "display":
            yield _DISPLAYS.get(word, "css-display-none" if word == "none" else "")
        yield from (slug for slug, pattern in _COMPILED["value"].items() if pattern.search(value))
