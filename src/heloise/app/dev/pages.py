"""The pages of a development server."""

from heloise.app.explain_pages import EXPLAIN_PAGES
from heloise.web.pages import Page, Pages

_PAGES = (
    Page(path="/", title="Sessions", module="inbox.js", nav="Sessions"),
    Page(path="/faults", title="Make it fail", module="faults.js", nav="Faults"),
    Page(path="/lab", title="Lab", module="lab.js", nav="Lab"),
    *EXPLAIN_PAGES,
)


def dev_pages(api: str, version: str) -> Pages:
    """All of them, for an API at this path."""
    return Pages(pages=_PAGES, api=api, facts={"server": "dev", "version": version, "features": ["inbox", "faults"]})
