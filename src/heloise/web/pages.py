"""Pages: one frame of HTML around a module of JavaScript each, and the files in `assets/`, which are all there is.

A page holds no data: its module asks the API, so what a program can see and what a person can see is the same. Nothing
is loaded from elsewhere, nothing is built, and the policy lets nothing run that is not a file in `assets/`.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from html import escape
from importlib.resources import files
from string import Template
from typing import Any

from heloise.web.exchange import Answer, HttpProblem, Request
from heloise.web.routes import Handle, Route

_TYPES = {
    "css": "text/css; charset=utf-8",
    "js": "text/javascript; charset=utf-8",
    "svg": "image/svg+xml",
    "html": "text/html; charset=utf-8",
}
# Trusted types: no text ever becomes markup by a mistake in a module, since the browser refuses it.
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "frame-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
PAGE_HEADERS: Mapping[str, str] = {
    "Content-Security-Policy": _POLICY,
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Page:
    """One page: its path, which may have braces as in `Route`; the title of the window; the module in `assets/` that
    exports `start(frame)`; and its name in the navigation, "" for a page that is reached from others."""

    path: str
    title: str
    module: str
    nav: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pages:
    """The pages of one server, and where its `api` is.

    `facts` are told to the modules: `server` is "dev" or "serve", `features` are names of what its API can do.
    """

    pages: Sequence[Page]
    api: str
    facts: Mapping[str, Any] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        """Who answers for each page, and for the assets."""
        assets = _Assets()
        shared = {**self.facts, "api": self.api, "pages": [{"path": each.path, "nav": each.nav} for each in self.pages]}
        made = [Route("GET", each.path, _framed(each, shared, assets.frame)) for each in self.pages]
        return [*made, Route("GET", "/assets/{name}", assets.answer)]


def _framed(page: Page, facts: Mapping[str, Any], frame: Template) -> Handle:
    text = frame.substitute(
        title=escape(page.title),
        module=escape(page.module),
        api=escape(facts["api"]),
        facts=escape(json.dumps(facts, ensure_ascii=False)),
    )
    answer = Answer(content_type=_TYPES["html"], headers=PAGE_HEADERS, body=text.encode())

    async def handle(request: Request, found: Mapping[str, str]) -> Answer:
        return answer

    return handle


class _Assets:
    """The files, read once: they are small. A browser asks each time whether it has the right ones."""

    def __init__(self) -> None:
        self._files: dict[str, Answer] = {}
        for each in (files("heloise.web") / "assets").iterdir():
            kind = each.name.rpartition(".")[2]
            if kind not in _TYPES:
                continue
            octets = each.read_bytes()
            if each.name == "frame.html":
                self.frame = Template(octets.decode())
                continue
            tag = f'"{hashlib.sha256(octets).hexdigest()[:20]}"'
            headers = {"ETag": tag, "Cache-Control": "no-cache"}
            self._files[each.name] = Answer(content_type=_TYPES[kind], headers=headers, body=octets)

    async def answer(self, request: Request, found: Mapping[str, str]) -> Answer:
        """The file of this name. Raises HttpProblem."""
        answer = self._files.get(found["name"])
        if answer is None:
            raise HttpProblem(404, f"there is no {found['name']}")
        if request.headers.get("if-none-match") == answer.headers["ETag"]:
            return Answer(status=304, content_type=answer.content_type, headers=answer.headers)
        return answer
